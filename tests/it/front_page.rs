//! The front page of the documentation is the README, in which each name of a public item is a link.
//!
//! `src/guide/links.md` says where the names lead. `UPDATE_FRONT_PAGE=1 cargo test --test it front_page` writes the page.

use std::collections::HashSet;
use std::env;
use std::fs;
use std::path::Path;

use crate::support::sources::sources;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const README: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
const LINKS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide/links.md"));
const FRONT_PAGE: &str = "src/guide/front_page.md";

/// The pieces of a line: text, code, text, code and so on.
fn pieces(line: &str) -> impl Iterator<Item = (bool, &str)> {
    line.split('`').enumerate().map(|(number, piece)| (number % 2 == 1, piece))
}

/// The lines of a page, and whether each stands outside of code blocks.
fn lines(page: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut in_block = false;
    page.lines().map(move |line| {
        let fence = line.starts_with("```");
        in_block ^= fence;
        (!in_block && !fence, line)
    })
}

/// The code for which `links.md` says where it leads.
fn defined() -> HashSet<&'static str> {
    LINKS.lines().filter_map(|line| Some(line.strip_prefix("[`")?.split_once("`]: ")?.0)).collect()
}

/// The README with a link around each code that `links.md` defines.
fn linked() -> String {
    let defined = defined();
    let mut page = String::new();
    for (is_text, line) in lines(README) {
        if is_text {
            for (is_code, piece) in pieces(line) {
                match (is_code, defined.contains(piece)) {
                    (true, true) => page.extend(["[`", piece, "`]"]),
                    (true, false) => page.extend(["`", piece, "`"]),
                    (false, _) => page.push_str(piece),
                }
            }
        } else {
            page.push_str(line);
        }
        page.push('\n');
    }
    page
}

/// The names of public functions, types and modules, and of the variants of enums.
fn public_names(sources: &str) -> HashSet<&str> {
    let mut names = HashSet::new();
    let mut in_enum = false;
    for line in sources.lines() {
        let code = line.trim_start();
        let identifier = |text: &'_ str| text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().len();
        if let Some(item) = code.strip_prefix("pub ") {
            let item = ["const ", "async ", "fn ", "struct ", "enum ", "trait ", "mod "]
                .iter()
                .fold(item, |rest, word| rest.strip_prefix(word).unwrap_or(rest));
            names.insert(&item[..identifier(item)]);
            in_enum = code.starts_with("pub enum ");
        } else if in_enum && line.starts_with("    ") && code.starts_with(char::is_uppercase) {
            names.insert(&code[..identifier(code)]);
        } else if line == "}" {
            in_enum = false;
        }
    }
    names
}

/// What a piece of code names: `status` for `client.status(id)?`, `max_wait` for `Schedule::max_wait`.
fn last_name(code: &str) -> &str {
    let code = code.trim_end_matches('?');
    let path = if code.ends_with(')') { code.rsplit_once('(').unwrap().0 } else { code };
    path.rsplit(['.', ':']).next().unwrap()
}

#[test]
fn front_page_is_the_readme_with_links() {
    let path = Path::new(ROOT).join(FRONT_PAGE);
    if env::var_os("UPDATE_FRONT_PAGE").is_some() {
        fs::write(&path, linked()).unwrap();
    }
    let page = fs::read_to_string(path).unwrap_or_default();
    assert!(
        page == linked(),
        "{FRONT_PAGE} is not the README with links: set UPDATE_FRONT_PAGE=1 and run this test again"
    );
}

#[test]
fn names_on_front_page_are_links() {
    let sources = sources(&Path::new(ROOT).join("src"));
    let names = public_names(&sources);
    let page = linked();
    let text = lines(&page).filter_map(|(is_text, line)| is_text.then_some(line));
    let (mut links, mut plain) = (0, Vec::new());
    for line in text {
        let pieces: Vec<_> = pieces(line).collect();
        for around in pieces.windows(3).filter(|around| around[1].0 && names.contains(last_name(around[1].1))) {
            if around[0].1.ends_with('[') && around[2].1.starts_with(']') {
                links += 1;
            } else {
                plain.push(around[1].1);
            }
        }
    }
    assert!(plain.is_empty(), "these names are not defined in src/guide/links.md: {plain:?}");
    assert!(links > 20, "only {links} names were found");
}

#[test]
fn links_md_defines_no_name_that_is_not_on_front_page() {
    let page = linked();
    let unused: Vec<_> = defined().into_iter().filter(|code| !page.contains(&format!("[`{code}`]"))).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

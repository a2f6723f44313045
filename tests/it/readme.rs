//! The pages for readers: their code is compiled, the README is short, and its links work in the documentation too.

use std::fs;

use crate::support::sources::sources;

const README: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
const LINKS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide/links.md"));

/// The info string of each code block: `rust,no_run`.
fn code_blocks(page: &str) -> Vec<String> {
    page.lines().filter_map(|line| line.strip_prefix("```").map(str::to_owned)).step_by(2).collect()
}

/// The names of the links that a page defines.
fn link_names(page: &str) -> Vec<&str> {
    page.lines().filter_map(|line| Some(line.strip_prefix('[')?.split_once("]: ")?.0)).collect()
}

#[test]
fn rust_code_of_the_pages_is_compiled() {
    let guide = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide")).unwrap();
    let pages = guide.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    for kind in pages.chain([README.to_owned()]).flat_map(|page| code_blocks(&page)) {
        let kinds = ["rust", "rust,no_run", "toml", "console", "text", "json"];
        assert!(kinds.contains(&kind.as_str()), "a code block of kind {kind:?}");
    }
}

#[test]
fn readme_has_at_most_1000_words() {
    assert!(README.split_whitespace().count() <= 1_000);
}

#[test]
fn readme_links_lead_to_pages_of_the_docs() {
    let pages: Vec<_> = link_names(LINKS).into_iter().filter(|name| !name.starts_with('`')).collect();
    assert_eq!(link_names(README), pages);
}

#[test]
fn architecture_lists_each_source_file_by_name() {
    fn check(folder: &std::path::Path, page: &str) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && name != "tests" && name != "guide" {
                check(&path, page);
            } else if path.is_file() && name != "tests.rs" {
                assert!(page.contains(name), "{} is missing in ARCHITECTURE.md", path.display());
            }
        }
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    check(&root.join("src"), &fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap());
}

#[test]
fn tests_that_the_guide_names_exist() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("src/guide/answers.md")).unwrap();
    let tests = sources(&root.join("src")) + &sources(&root.join("tests"));
    let rows = page.lines().filter_map(|line| line.strip_suffix(" --> |")?.rsplit_once(" <!-- test: "));
    let named: Vec<_> = rows.map(|(_, name)| name).collect();
    assert!(named.len() > 40, "{named:?}");
    for name in named {
        assert!(tests.contains(&format!("fn {name}(")), "there is no test {name}");
    }
}

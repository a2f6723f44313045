//! The pages of the guide: each is in the index, and opens with a program.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const INDEX: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide.rs"));
const LINKS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide/links.md"));
/// The front page, and its links.
const NO_PAGES: [&str; 2] = ["front_page", "links"];
/// Pages to look something up. No program opens them: one is a table of settings, the other a table of Cargo features.
const TABLES: [&str; 2] = ["defaults", "features"];
/// In how many lines a page says what it is about, before its first program.
const OPENING: usize = 12;

/// The name and the text of each page.
fn pages() -> Vec<(String, String)> {
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide")).unwrap();
    let paths = files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|kind| kind == "md"));
    let named =
        paths.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap()));
    named.filter(|(name, _)| !NO_PAGES.contains(&name.as_str())).collect()
}

#[test]
fn index_lists_each_page_with_its_question() {
    let rows = INDEX.lines().filter_map(|line| line.strip_prefix("//! | [`")?.strip_suffix("? |")?.split_once("`] | "));
    let listed: BTreeSet<_> = rows.map(|(name, _question)| name.to_owned()).collect();
    let pages: BTreeSet<_> = pages().into_iter().map(|(name, _)| name).collect();
    assert_eq!(listed, pages);
}

#[test]
fn each_page_opens_with_a_program() {
    for (name, text) in pages() {
        let opens = text.lines().take(OPENING).any(|line| line.starts_with("```rust"));
        assert_eq!(opens, !TABLES.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn front_page_leads_to_index_and_to_pages_that_exist() {
    let pages = pages();
    let targets: Vec<_> =
        LINKS.lines().filter_map(|line| line.split_once("]: guide").map(|(_, target)| target)).collect();
    assert!(targets.contains(&""), "the front page does not link the index");
    for target in targets.iter().filter_map(|target| target.strip_prefix("::")) {
        let name = target.split('#').next().unwrap();
        assert!(pages.iter().any(|(page, _)| page == name), "there is no page {name}");
    }
}

#[test]
fn headings_that_pages_link_to_exist() {
    let pages = pages();
    let heading = |line: &str| {
        let title = line.strip_prefix("# ")?.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        Some(title.collect::<String>().to_lowercase().replace(' ', "-"))
    };
    let headings = |text: &str| {
        let mut in_block = false;
        let outside = text.lines().filter(move |line| {
            in_block ^= line.starts_with("```");
            !in_block
        });
        outside.filter_map(heading).collect::<BTreeSet<_>>()
    };
    let mut links = 0;
    for (name, text) in &pages {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let Some((page, anchor)) = link.split_once('#').filter(|_| !link.starts_with("http")) else { continue };
            let Some(page) = page.strip_prefix("crate::guide::").or(page.is_empty().then_some(name.as_str())) else {
                continue;
            };
            let (_, target) = pages.iter().find(|(other, _)| other == page).unwrap();
            assert!(headings(target).contains(anchor), "{name} links to {page}#{anchor}");
            links += 1;
        }
    }
    assert!(links > 20, "only {links} links were found");
}

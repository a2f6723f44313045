//! The pages of the guide: each is in the index, and opens with a program, or with a command for the terminal.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::sources::sources;

const INDEX: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide.rs"));
const LINKS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide/links.md"));
/// The front page, and its links.
const NO_PAGES: [&str; 2] = ["front_page", "links"];
/// Pages to look something up. No program opens them: one is a table of settings, the other a table of Cargo features.
const TABLES: [&str; 2] = ["defaults", "features"];
/// In how many lines a page says what it is about, before its first program.
const OPENING: usize = 12;

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The name and the text of each page.
fn pages() -> Vec<(String, String)> {
    let files = fs::read_dir(folder("src/guide")).unwrap();
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
        let is_program = |line: &str| line.starts_with("```rust") || line.starts_with("```console");
        let opens = text.lines().take(OPENING).any(is_program);
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

/// The ids that rustdoc gives to the headings of a page.
fn headings(page: &str) -> BTreeSet<String> {
    let mut in_block = false;
    let outside = page.lines().filter(|line| {
        in_block ^= line.starts_with("```");
        !in_block
    });
    let titles = outside.filter_map(|line| line.strip_prefix("# "));
    titles
        .map(|title| title.to_lowercase().replace(|c: char| !c.is_alphanumeric() && !" -_".contains(c), ""))
        .map(|title| title.replace(' ', "-"))
        .collect()
}

/// The anchors after this text.
fn anchors<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(before)
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_').next().unwrap())
}

#[test]
fn headings_that_links_lead_to_exist() {
    let pages = pages();
    let links: Vec<_> =
        pages.iter().map(|(_, text)| text.clone()).chain([LINKS.to_owned(), sources(&folder("src"))]).collect();
    let mut count = 0;
    for (name, text) in &pages {
        let (here, elsewhere) = ("](#", format!("{name}#"));
        let from_elsewhere = links.iter().flat_map(|text| anchors(text, &elsewhere));
        for anchor in anchors(text, here).chain(from_elsewhere) {
            assert!(headings(text).contains(anchor), "{name} has no heading {anchor}");
            count += 1;
        }
    }
    assert!(count > 30, "only {count} links were found");
}

//! The name of a file on this machine, from its URL: harmless on each operating system.

use std::collections::{HashMap, HashSet};

use percent_encoding::percent_decode_str;
use reqwest::Url;

use super::options::OnCollision;
use crate::one_line::is_harmful;

/// In bytes. File systems allow 255; an unfinished file's name is longer than that of the file.
const MAX_NAME: usize = 120;
/// In bytes, with the dot. What is longer is no extension.
const MAX_EXTENSION: usize = 16;

/// The name of each URL's file. What is no URL has an empty name.
pub(super) fn file_names(urls: &[String], task_id: &str, choice: OnCollision) -> Vec<String> {
    let names = urls.iter().map(|url| Url::parse(url).map(|url| file_name(&url, task_id)).unwrap_or_default());
    match choice {
        OnCollision::Number => names.collect(),
        OnCollision::Overwrite => distinct(names),
    }
}

/// Files of one task do not overwrite each other, also where capitals do not count.
fn distinct(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut taken = HashSet::new();
    let mut next_numbers: HashMap<String, u32> = HashMap::new();
    let distinct = names.map(|name| {
        let next = next_numbers.entry(name.to_lowercase()).or_default();
        loop {
            let candidate = numbered(&name, *next);
            *next = next.saturating_add(1);
            if taken.insert(candidate.to_lowercase()) {
                return candidate;
            }
        }
    });
    distinct.collect()
}

/// The last segment of the URL's path, made harmless. Where nothing is left of it: the task's id, as a video.
fn file_name(url: &Url, task_id: &str) -> String {
    let segment = url.path_segments().into_iter().flatten().rfind(|segment| !segment.is_empty());
    let segment = percent_decode_str(segment.unwrap_or_default()).decode_utf8_lossy();
    let name = harmless(&segment);
    if name.chars().any(char::is_alphanumeric) {
        return name;
    }
    let id = if task_id.chars().any(char::is_alphanumeric) { task_id } else { "video" };
    harmless(&format!("{id}.mp4"))
}

fn harmless(text: &str) -> String {
    let replaced: String = text.chars().map(|c| if is_allowed(c) { c } else { '_' }).collect();
    // A leading dot hides a file, or leads to the folder above. Commands take a leading hyphen for an option. Windows takes trailing
    // dots and blanks away.
    let trimmed = replaced.trim_start_matches(['.', ' ', '-']).trim_end_matches(['.', ' ']);
    if is_reserved(trimmed) { shortened(&format!("_{trimmed}")) } else { shortened(trimmed) }
}

fn is_allowed(c: char) -> bool {
    // The separators of all systems, and what Windows gives a meaning: wildcards, streams, pipes.
    const WITH_MEANING: &[char] = &['/', '\\', ':', '*', '?', '"', '<', '>', '|', char::REPLACEMENT_CHARACTER];
    !WITH_MEANING.contains(&c) && !is_harmful(c) && !matches!(c, '\u{200c}' | '\u{200d}')
}

/// At most [`MAX_NAME`] bytes, the extension kept.
fn shortened(name: &str) -> String {
    if name.len() <= MAX_NAME {
        return name.to_owned();
    }
    let (stem, extension) = match name.rfind('.').map(|dot| name.split_at(dot)) {
        Some((stem, extension)) if extension.len() <= MAX_EXTENSION => (stem, extension),
        _ => (name, ""),
    };
    let room = MAX_NAME.saturating_sub(extension.len());
    let end = (0..=room).rev().find(|&end| stem.is_char_boundary(end)).unwrap_or_default();
    format!("{}{extension}", stem.get(..end).unwrap_or_default().trim_end_matches(['.', ' ']))
}

/// A name of a device on Windows, with any extension.
fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let upper = stem.to_ascii_uppercase();
    let is_port = || {
        let number = upper.strip_prefix("COM").or_else(|| upper.strip_prefix("LPT"));
        number.is_some_and(|number| {
            let mut chars = number.chars();
            matches!(chars.next(), Some('0'..='9' | '¹' | '²' | '³')) && chars.next().is_none()
        })
    };
    matches!(upper.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$") || is_port()
}

/// `name` with a number before its extension.
pub(super) fn numbered(name: &str, number: u32) -> String {
    if number == 0 {
        return name.to_owned();
    }
    match name.rfind('.').filter(|&dot| dot > 0).map(|dot| name.split_at(dot)) {
        Some((stem, extension)) => format!("{stem}-{number}{extension}"),
        None => format!("{name}-{number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(url: &str) -> String {
        file_name(&Url::parse(url).unwrap(), "774d9a7d")
    }

    #[test]
    fn last_segment_is_name() {
        for (url, expected) in [
            ("https://host/a/video.mp4?sign=secret#part", "video.mp4"),
            ("https://host/a/v%20o%2B1.mp4", "v o+1.mp4"),
            ("https://host/%D0%B2%D0%B8%D0%B4%D0%B5%D0%BE.mp4", "видео.mp4"),
            ("https://host/a/b/", "b"),
        ] {
            assert_eq!(name(url), expected, "{url}");
        }
    }

    #[test]
    fn harmful_segment_becomes_harmless() {
        for (url, expected) in [
            ("https://host/..%2f..%2fetc%2fpasswd", "_.._etc_passwd"),
            ("https://host/..%5C..%5Cboot.ini", "_.._boot.ini"),
            ("https://host/%2e%2e/%2e%2e", "774d9a7d.mp4"),
            ("https://host/.bashrc", "bashrc"),
            ("https://host/C%3A%5Cx.mp4", "C__x.mp4"),
            ("https://host/a%00b%0A%1B.mp4", "a_b__.mp4"),
            ("https://host/%E2%80%AE4pm.exe", "_4pm.exe"),
            ("https://host/video.mp4.%20.", "video.mp4"),
            ("https://host/CON.mp4", "_CON.mp4"),
            ("https://host/com1", "_com1"),
            ("https://host/LPT%C2%B9.txt", "_LPT¹.txt"),
            ("https://host/common.mp4", "common.mp4"),
            ("https://host/%FF%FE.mp4", "__.mp4"),
        ] {
            assert_eq!(name(url), expected, "{url}");
        }
    }

    #[test]
    fn nothing_left_is_named_by_task() {
        for url in ["https://host", "https://host/", "https://host/%2e", "https://host/%20", "https://host/---"] {
            assert_eq!(name(url), "774d9a7d.mp4", "{url}");
        }
        assert_eq!(file_name(&Url::parse("https://host/").unwrap(), "../.."), "video.mp4");
    }

    #[test]
    fn long_name_keeps_its_extension() {
        let long = name(&format!("https://host/{}.mp4", "%D1%8F".repeat(200)));
        assert_eq!(long.len(), MAX_NAME);
        assert!(long.ends_with("я.mp4"), "{long}");
        assert_eq!(name(&format!("https://host/{}", "x".repeat(300))).len(), MAX_NAME);
    }

    #[test]
    fn names_of_one_task_are_distinct_before_overwriting() {
        let urls = ["a/v.mp4", "b/v.mp4", "c/v-1.mp4", "d/V.MP4", "e/v.mp4", "f/w.mp4"]
            .map(|path| format!("https://host/{path}"));
        let names = |urls: &[String], choice| file_names(urls, "774d9a7d", choice);
        assert_eq!(
            names(&urls, OnCollision::Overwrite),
            ["v.mp4", "v-1.mp4", "v-1-1.mp4", "V-2.MP4", "v-3.mp4", "w.mp4"]
        );
        assert_eq!(names(&urls[..2], OnCollision::Number), ["v.mp4", "v.mp4"]); // numbered when they are kept
        assert_eq!(names(&["no URL".to_owned(), urls[0].clone()], OnCollision::Overwrite), ["", "v.mp4"]);
    }

    #[test]
    fn number_stands_before_extension() {
        let numbers = |name| [numbered(name, 0), numbered(name, 1), numbered(name, 12)];
        assert_eq!(numbers("v.mp4"), ["v.mp4", "v-1.mp4", "v-12.mp4"]);
        assert_eq!(numbers("v"), ["v", "v-1", "v-12"]);
    }
}

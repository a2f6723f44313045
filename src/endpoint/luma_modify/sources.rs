//! The URLs of the videos that were edited, to tell them from results.
//!
//! Each text is cut into URLs once and each URL is looked up by its hash: an answer can hold many URLs of both kinds.

use std::collections::HashSet;

use serde_json::Value;

use super::results::ORIGIN_URLS;
use crate::wire::Object;

/// How deep JSON is looked for in a text of JSON. The gateway writes two levels.
const MAX_TEXT_DEPTH: usize = 8;

/// The URLs in `originUrls` and `paramJson`, without their schemes.
#[derive(Default)]
pub(super) struct Sources<'o> {
    /// The sources of the object around this one.
    outer: Option<&'o Self>,
    /// With their queries.
    whole: HashSet<String>,
    /// Those that have a query, without it.
    paths: HashSet<String>,
}

impl<'o> Sources<'o> {
    /// The sources in an object, beside those of the object around it.
    pub(super) fn within(outer: &'o Self, object: &Object<'_>) -> Self {
        let mut sources = Self { outer: Some(outer), ..Self::default() };
        sources.add(object);
        sources
    }

    /// Adds the sources in an object.
    pub(super) fn add(&mut self, object: &Object<'_>) {
        for field in [ORIGIN_URLS, "paramJson"].into_iter().filter_map(|name| object.get(name)) {
            self.add_json(&field.unwrapped(), MAX_TEXT_DEPTH);
        }
    }

    /// Adds the URLs in all texts in JSON, also in JSON that is written as a text: a URL can be escaped in it in many ways. What
    /// is no JSON is one text.
    fn add_json(&mut self, json: &str, depth: usize) {
        match serde_json::from_str(json) {
            Ok(value) => self.add_texts(value, depth),
            Err(_) => self.add_text(&json.replace("\\/", "/")),
        }
    }

    fn add_texts(&mut self, value: Value, depth: usize) {
        match value {
            Value::String(text) => match depth.checked_sub(1) {
                Some(depth) if text.trim_start().starts_with(['{', '[', '"']) => self.add_json(&text, depth),
                _ => self.add_text(&text),
            },
            Value::Array(values) => values.into_iter().for_each(|value| self.add_texts(value, depth)),
            Value::Object(fields) => fields.into_iter().for_each(|(_, value)| self.add_texts(value, depth)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn add_text(&mut self, text: &str) {
        for url in urls_in(text) {
            let (path, has_query) = path(url);
            if has_query {
                self.paths.insert(path.to_owned());
            }
            self.whole.insert(url.to_owned());
        }
    }

    /// Whether a URL is that of a source. The query does not count if only one of the two has one, or if the URL names a file: a
    /// signature may be new in each answer. Other URLs with different queries are different videos.
    pub(super) fn contain(&self, url: &str) -> bool {
        let mut urls = urls_in(url).peekable();
        urls.peek().is_some() && urls.all(|url| self.has(url))
    }

    fn has(&self, url: &str) -> bool {
        let (path, has_query) = path(url);
        let without_query = || (!has_query || is_file(path)) && self.paths.contains(path);
        let is_here = self.whole.contains(url) || self.whole.contains(path) || without_query();
        is_here || self.outer.is_some_and(|outer| outer.has(url))
    }
}

/// The URLs in a text, from behind `://` up to what cannot be part of one, without the fragment. A URL within a URL is one of its
/// own, so no character is in two of them.
fn urls_in(text: &str) -> impl Iterator<Item = &str> {
    let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | '\\' | '|' | '#');
    let mut pieces = text.split("://").skip(1).peekable();
    let urls = std::iter::from_fn(move || {
        let piece = pieces.next()?;
        let url = match piece.find(is_end) {
            Some(end) => piece.get(..end).unwrap_or_default(),
            // The scheme of the next one.
            None if pieces.peek().is_some() => piece.trim_end_matches(|c: char| c.is_ascii_alphanumeric()),
            None => piece,
        };
        Some(url.trim_end_matches(['.', ',', ';', ':', '!', ')', ']', '}']))
    });
    urls.filter(|url| !url.is_empty())
}

/// What stands before the query, and whether there is one.
fn path(url: &str) -> (&str, bool) {
    url.split_once('?').map_or((url, false), |(path, query)| (path, !query.is_empty()))
}

/// Whether the path ends with a file name.
fn is_file(path: &str) -> bool {
    path.rsplit_once('/').is_some_and(|(_, name)| name.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(json: &str) -> Sources<'static> {
        let mut sources = Sources::default();
        sources.add_json(json, MAX_TEXT_DEPTH);
        sources
    }

    #[test]
    fn source_with_another_query_is_the_same_file() {
        for (source, url, is_same) in [
            ("https://f/s.mp4", "https://f/s.mp4?sig=1", true),
            ("https://f/s.mp4?sig=1", "https://f/s.mp4", true),
            ("https://f/s.mp4?sig=1", "https://f/s.mp4?sig=2", true),
            ("https://f/s.mp4?sig=1#t=5", "https://f/s.mp4?sig=2#t=6", true),
            ("https://f/s", "https://f/s?sig=1", true),
            ("https://f/s?sig=1", "https://f/s", true),
            ("http://f/s", "https://f/s", true),
            ("https://f/get?id=1", "https://f/get?id=1", true),
            ("https://f/get?id=1", "https://f/get?id=2", false),
            ("https://f/?id=1", "https://f/?id=2", false),
            ("https://f.example?id=1", "https://f.example?id=2", false),
            ("https://f/s.mp4", "https://f/s2.mp4", false),
            ("https://f/s2.mp4", "https://f/s", false),
            ("https://f/s/v.mp4", "https://f/s", false),
            ("https://f/s.mp4", "https://g/s.mp4", false),
            ("https://f/proxy?u=https://f/1.mp4", "https://f/proxy?u=https://f/1.mp4", true),
            ("https://f/proxy?u=https://f/1.mp4", "https://f/1.mp4", true),
            ("https://f/proxy?u=https://f/1.mp4", "https://f/proxy?u=https://f/2.mp4", false),
        ] {
            assert_eq!(sources(&format!("[\"{source}\"]")).contain(url), is_same, "{source} {url}");
        }
    }

    #[test]
    fn source_is_found_within_a_text() {
        for text in
            ["see https://f/s.mp4.", "(https://f/s.mp4)", "https://f/t,https://f/s.mp4", "a\nhttps://f/s.mp4\nb"]
        {
            assert!(sources(text).contain("https://f/s.mp4?a=1"), "{text}");
        }
    }

    #[test]
    fn no_character_is_kept_twice() {
        for piece in ["http://", "://", "https://a?", "http://a,", "a?b://", "http://http", "\u{e9}://?", "x"] {
            let text = piece.repeat(10_000);
            assert!(urls_in(&text).map(str::len).sum::<usize>() <= text.len(), "{piece}");
            let sources = sources(&text);
            for kept in [sources.whole, sources.paths] {
                assert!(kept.iter().map(String::len).sum::<usize>() <= text.len(), "{piece}");
            }
        }
    }

    #[test]
    fn json_in_text_is_read_to_a_limited_depth() {
        let nested = |times| {
            (0..times)
                .fold("[\"http:\\/\\/f\\/s\"]".to_owned(), |json, _| Value::from(vec![Value::from(json)]).to_string())
        };
        assert!(sources(&nested(MAX_TEXT_DEPTH)).contain("http://f/s"));
        assert!(!sources(&nested(MAX_TEXT_DEPTH + 1)).contain("http://f/s"));
    }
}

//! URLs in a field: a list, one alone, or objects with a URL in them, in JSON or in a text that holds JSON.

use std::fmt;

use serde_json::value::RawValue;

use super::field::{Field, items, type_error, unescaped};
use super::object::Object;
use super::rare_fields::RareFields;
use super::repair::repair;
use crate::spelling::is_placeholder;
use crate::task::UnreadableField;

/// Under which names an object holds URLs, best first.
const NAMES: [&str; 7] = ["resultUrls", "resultUrl", "resultVideoUrl", "videoUrl", "url", "resultImageUrl", "imageUrl"];

/// How many lists, objects and texts of JSON are opened, one in the other. The gateway nests two. Each level is read again.
const MAX_DEPTH: usize = 6;

/// What becomes of a text in the place of a URL.
pub(crate) enum UrlCheck {
    Take,
    Skip,
    /// It is listed as unreadable.
    Reject,
}

impl Field<'_> {
    /// The URLs in a list of texts or of objects such as `{"url": …}`, in one text or object, in lists of these, or in a text that
    /// holds any of these as JSON. An entry that cannot be read goes to `unreadable`; the others count. Any text is a URL.
    pub(crate) fn urls(self, unreadable: &mut Vec<UnreadableField>) -> Vec<String> {
        self.checked_urls(&|_| UrlCheck::Take, unreadable)
    }

    /// The same, of the texts that pass the `check`: of the URLs in an object, the best one.
    pub(crate) fn checked_urls(
        self,
        check: &dyn Fn(&str) -> UrlCheck,
        unreadable: &mut Vec<UnreadableField>,
    ) -> Vec<String> {
        let mut reader = Reader { check, urls: Vec::new(), unreadable };
        if let Err(wanted) = reader.value(self.json, &Path::Field(&self), MAX_DEPTH) {
            reader.list(|| self.type_error(if wanted == A_TEXT { "a list" } else { wanted }));
        }
        reader.urls
    }
}

/// Whether a text begins like a URL of the web.
pub(crate) fn is_url(text: &str) -> bool {
    let text = text.trim_start();
    let after = |scheme: &str| {
        let (start, rest) = text.split_at_checked(scheme.len())?;
        Some(rest).filter(|_| start.eq_ignore_ascii_case(scheme))
    };
    let host = after("https://").or_else(|| after("http://"));
    host.is_some_and(|host| host.starts_with(|c: char| c.is_alphanumeric() || c == '['))
}

struct Reader<'r> {
    check: &'r dyn Fn(&str) -> UrlCheck,
    urls: Vec<String>,
    unreadable: &'r mut Vec<UnreadableField>,
}

/// Where a value stands.
enum Path<'p> {
    Field(&'p Field<'p>),
    Item(&'p Self, usize),
}

/// What a value should be instead.
type Wanted = &'static str;
const A_TEXT: Wanted = "a text";
const A_URL: Wanted = "a URL";

impl Reader<'_> {
    /// Adds the URLs in any JSON.
    fn value(&mut self, json: &str, path: &Path<'_>, depth: usize) -> Result<(), Wanted> {
        match json.as_bytes().first() {
            Some(b'n') => Ok(()), // null
            Some(b'"') => self.text(&unescaped(json), path, depth),
            Some(b'[') => self.items(json, path, depth.checked_sub(1).ok_or(A_TEXT)?),
            Some(b'{') => self.object(json, path, depth.checked_sub(1).ok_or(A_TEXT)?),
            _ => Err(A_TEXT),
        }
    }

    fn text(&mut self, text: &str, path: &Path<'_>, depth: usize) -> Result<(), Wanted> {
        if is_placeholder(text) {
            return Ok(());
        }
        let json = text.trim();
        if json.starts_with(['[', '{', '"']) {
            let is_json = |json: &str| serde_json::from_str::<&RawValue>(json).is_ok();
            let depth = depth.checked_sub(1).ok_or(A_TEXT)?;
            if is_json(json) {
                return self.value(json, path, depth);
            }
            if let Some(mended) = repair(json.as_bytes()).filter(|mended| is_json(mended)) {
                return self.value(&mended, path, depth);
            }
            if matches!(path, Path::Field(_)) {
                return Err(A_TEXT);
            }
        }
        split(text).into_iter().try_for_each(|url| match (self.check)(url) {
            UrlCheck::Take => {
                self.urls.push(url.to_owned());
                Ok(())
            }
            UrlCheck::Skip => Ok(()),
            UrlCheck::Reject => Err(A_URL),
        })
    }

    fn items(&mut self, json: &str, path: &Path<'_>, depth: usize) -> Result<(), Wanted> {
        for (index, item) in items(json).ok_or(A_TEXT)?.iter().enumerate() {
            let path = Path::Item(path, index);
            if let Err(wanted) = self.value(item.get(), &path, depth) {
                self.list(|| UnreadableField::new(path.to_string(), type_error(item.get(), wanted)));
            }
        }
        Ok(())
    }

    /// Adds the URLs under the best name that has one.
    fn object(&mut self, json: &str, path: &Path<'_>, depth: usize) -> Result<(), Wanted> {
        let object = Object::parse(json.as_bytes(), "").map_err(|_| A_TEXT)?;
        let (before, mut outcome) = (self.urls.len(), Ok(()));
        for field in NAMES.iter().flat_map(|name| object.get_all(name)) {
            let read = self.value(field.json, path, depth);
            if self.urls.len() > before {
                return Ok(());
            }
            outcome = outcome.and(read);
        }
        outcome?;
        if object.has_any(&NAMES) { Ok(()) } else { Err(A_TEXT) }
    }

    /// Lists an unreadable entry. No more are kept than a record lists.
    fn list(&mut self, field: impl FnOnce() -> UnreadableField) {
        if self.unreadable.len() <= RareFields::MAX_UNREADABLE {
            self.unreadable.push(field());
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field) => f.write_str(&field.path()),
            Self::Item(list, index) => write!(f, "{list}[{index}]"),
        }
    }
}

/// The URLs in a text: a text that begins with one is cut before each other one that follows a separator.
fn split(text: &str) -> Vec<&str> {
    let is_separator = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|');
    let mut urls = Vec::new();
    let mut rest = text;
    if is_url(text) {
        // From the end, so that each part is looked at once.
        for (at, _) in text.rmatch_indices("://") {
            let scheme = text.get(..at).unwrap_or_default().trim_end_matches(|c: char| c.is_ascii_alphabetic());
            if scheme.ends_with(is_separator) && rest.get(scheme.len()..).is_some_and(is_url) {
                let (before, url) = rest.split_at_checked(scheme.len()).unwrap_or((rest, ""));
                urls.push(url);
                rest = before.trim_end_matches(is_separator);
            }
        }
    }
    // The text begins with white space only.
    urls.extend(Some(rest).filter(|rest| !rest.is_empty()));
    urls.reverse();
    urls
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> (Vec<String>, Vec<String>) {
        let mut unreadable = Vec::new();
        let urls = Field::new("data", "urls", json).map_or_else(Vec::new, |field| field.urls(&mut unreadable));
        (urls, unreadable.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn url_is_read_from_every_form() {
        for json in [
            r#"["u"]"#,
            r#"" [\"u\"] ""#,
            r#""u""#,
            r#"{"url":"u"}"#,
            r#"[{"resultUrl":"u"}]"#,
            r#"[{"videoUrl":"u","url":"v"}]"#,
            r#"[{"result_url":"u"}]"#,
            r#""{\"url\":\"u\"}""#,
            r#"[null,"","null",{"url":null},{"url":"none"},"u"]"#,
        ] {
            assert_eq!(read(json), (vec!["u".to_owned()], vec![]), "{json}");
        }
        for json in
            ["null", r#""""#, r#""null""#, "[]", "[null]", r#"["undefined"]"#, r#"{"url":null}"#, r#"{"videoUrl":""}"#]
        {
            assert_eq!(read(json), (vec![], vec![]), "{json}");
        }
    }

    #[test]
    fn no_more_entries_are_listed_than_a_record_keeps() {
        let listed = |entry: &str| read(&format!("[{}]", vec![entry; 10_000].join(","))).1.len();
        assert_eq!([listed("7"), listed("[7,7]")], [RareFields::MAX_UNREADABLE + 1; 2]);
    }

    #[test]
    fn bad_entry_is_listed_beside_good_ones() {
        let (urls, unreadable) = read(r#"["a",7,{"b":1},[false],{"url":7},true,"d"]"#);
        assert_eq!(urls, ["a", "d"]);
        assert_eq!(
            unreadable,
            [
                "data.urls[1] is 7, not a text",
                "data.urls[2] is an object, not a text",
                "data.urls[3][0] is false, not a text",
                "data.urls[4] is an object, not a text",
                "data.urls[5] is true, not a text",
            ]
        );
        for (json, reason) in [
            ("7", "is 7, not a list"),
            ("false", "is false, not a list"),
            (r#"{"a":1}"#, "is an object, not a list"),
            (r#""[broken""#, "is a text, not a list"),
            (r#""{broken""#, "is a text, not a list"),
        ] {
            assert_eq!(read(json), (vec![], vec![format!("data.urls {reason}")]), "{json}");
        }
    }
}

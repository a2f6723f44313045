//! The second step of lenient reading: a raw field is read as the type that it should have, from any neighbouring type.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::object::Object;
use super::repair::repair;
use super::text::excerpt;
use super::time::{self, NotATime};
use crate::spelling::is_placeholder;
use crate::task::UnreadableField;

/// One field that is not null.
#[derive(Clone, Copy)]
pub(crate) struct Field<'a> {
    /// The path of the object that holds it.
    object: &'a str,
    name: &'a str,
    pub(super) json: &'a str,
}

/// A text, borrowed if it holds no escapes.
#[derive(Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// Reads a field that may be absent.
pub(crate) fn optional<'a, T>(
    field: Option<Field<'a>>,
    how: impl Fn(Field<'a>) -> Result<Option<T>, UnreadableField>,
) -> Result<Option<T>, UnreadableField> {
    field.map_or(Ok(None), how)
}

impl<'a> Field<'a> {
    /// `None` for null.
    pub(crate) fn new(object: &'a str, name: &'a str, json: &'a str) -> Option<Self> {
        Some(Self { object, name, json }).filter(|field| field.json != "null")
    }

    /// Whether it was asked for under this name.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.name == name
    }

    pub(crate) fn path(&self) -> String {
        if self.object.is_empty() { self.name.to_owned() } else { format!("{}.{}", self.object, self.name) }
    }

    /// Whether it is a JSON string.
    pub(crate) fn is_text(&self) -> bool {
        self.json.starts_with('"')
    }

    /// Whether it is a list, be it written as a text.
    pub(crate) fn is_list(&self) -> bool {
        self.unwrapped().trim_start().starts_with('[')
    }

    /// What the field is, and what it should be.
    pub(crate) fn type_error(&self, wanted: &str) -> UnreadableField {
        UnreadableField::new(self.path(), type_error(self.json, wanted))
    }

    /// A text without quotes and escapes; anything else as its JSON.
    pub(crate) fn unwrapped(self) -> Cow<'a, str> {
        if self.is_text() { unescaped(self.json) } else { Cow::Borrowed(self.json) }
    }

    /// The same; `None` if it stands for nothing.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        Some(self.unwrapped()).filter(|text| !is_placeholder(text))
    }

    /// Whether it is a text that cannot be read without repair.
    #[cfg(feature = "callback")]
    pub(crate) fn is_broken_text(&self) -> bool {
        self.is_text() && serde_json::from_str::<Text<'_>>(self.json).is_err()
    }

    /// Whether it is a text that is not a number and stands for something.
    pub(crate) fn is_word(&self) -> bool {
        self.is_text() && self.integer().is_err()
    }

    /// An integer: `1`, `1.0` or `"1"`.
    pub(crate) fn integer(self) -> Result<Option<i64>, UnreadableField> {
        let Some(text) = self.text() else { return Ok(None) };
        let text = text.trim();
        match text.parse().ok().or_else(|| whole(text.parse().ok()?)) {
            Some(number) => Ok(Some(number)),
            None => Err(self.type_error("an integer")),
        }
    }

    /// A time in Unix milliseconds. `None` for 0.
    pub(crate) fn time(self) -> Result<Option<i64>, UnreadableField> {
        let Some(text) = self.text() else { return Ok(None) };
        let millis = match text.trim().parse() {
            Ok(0.0) => return Ok(None),
            Ok(number) => time::from_number(number).ok_or(NotATime::Other),
            Err(_) => time::from_text(&text),
        };
        match millis {
            Ok(millis) => Ok(Some(millis)),
            Err(NotATime::NoZone) => Err(UnreadableField::new(self.path(), "is a time without a zone")),
            Err(NotATime::Other) => Err(self.type_error("a time")),
        }
    }

    /// The JSON of an object, which may be written as a text, and need repair in it.
    pub(crate) fn object(self) -> Result<Cow<'a, str>, UnreadableField> {
        self.json_that(is_object).ok_or_else(|| self.type_error("an object"))
    }

    /// The same, also if the object is the only item of a list.
    pub(crate) fn only_object(self) -> Result<Cow<'a, str>, UnreadableField> {
        if let Ok(json) = self.object() {
            return Ok(json);
        }
        let list = self.json_that(|json| only_item(json).is_some_and(is_object));
        let item = list.and_then(|list| match list {
            Cow::Borrowed(list) => only_item(list).map(Cow::Borrowed),
            Cow::Owned(list) => only_item(&list).map(|item| Cow::Owned(item.to_owned())),
        });
        item.ok_or_else(|| self.type_error("an object"))
    }

    /// JSON that `fits`, which may be written as a text, and need repair in it.
    fn json_that(self, fits: impl Fn(&str) -> bool) -> Option<Cow<'a, str>> {
        let json = self.unwrapped();
        if fits(&json) {
            return Some(json);
        }
        repair(json.as_bytes()).filter(|mended| fits(mended)).map(Cow::Owned)
    }
}

fn is_object(json: &str) -> bool {
    Object::parse(json.as_bytes(), "").is_ok()
}

/// The only item of a list.
fn only_item(json: &str) -> Option<&str> {
    match *items(json)? {
        [item] => Some(item.get()),
        _ => None,
    }
}

/// The text in a JSON string, mended if its escapes cannot be read.
pub(super) fn unescaped(json: &str) -> Cow<'_, str> {
    if let Ok(Text(text)) = serde_json::from_str(json) {
        return text;
    }
    let mended = repair(json.as_bytes()).and_then(|mended| serde_json::from_str::<String>(&mended).ok());
    mended.map_or(Cow::Borrowed(json), Cow::Owned)
}

/// What a value is, and what it should be.
pub(super) fn type_error(json: &str, wanted: &str) -> String {
    // A text is not quoted: it may be a result's URL, or hold the API key.
    let what = match json.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "a text",
        _ => excerpt(json),
    };
    format!("is {what}, not {wanted}")
}

/// The items of a JSON list.
pub(super) fn items(json: &str) -> Option<Vec<&RawValue>> {
    serde_json::from_str(json).ok()
}

/// A number without a fraction that an `i64` holds exactly.
fn whole(number: f64) -> Option<i64> {
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    #[allow(clippy::cast_possible_truncation)] // bounded by the condition
    (number.fract() == 0.0 && number.abs() <= MAX_EXACT).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integer(json: &str) -> Result<Option<i64>, String> {
        Field { object: "data", name: "number", json }.integer().map_err(|unreadable| unreadable.to_string())
    }

    #[test]
    fn floats_are_integers_up_to_two_to_the_53rd() {
        const LIMIT: i64 = 1 << 53;
        for json in ["9007199254740992", "9007199254740992.0", "\"9007199254740992.0\"", "9.007199254740992e15"] {
            assert_eq!(integer(json), Ok(Some(LIMIT)), "{json}");
        }
        assert_eq!(integer("-9007199254740992.0"), Ok(Some(-LIMIT)));
        for json in ["9007199254740994.0", "-9007199254740994.0", "9007199254740994e0", "1e300"] {
            assert!(integer(json).unwrap_err().contains("not an integer"), "{json}");
        }
    }

    #[test]
    fn integers_are_exact_beyond_two_to_the_53rd() {
        assert_eq!(integer("9007199254740993"), Ok(Some((1 << 53) + 1)));
        assert_eq!(integer("\"9223372036854775807\""), Ok(Some(i64::MAX)));
        assert_eq!(integer("-9223372036854775808"), Ok(Some(i64::MIN)));
    }
}

//! Lenient reading in two steps: a JSON object is cut into raw fields, whatever their types; then each field is read as the type
//! that it should have, from any neighbouring type.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::text::excerpt;

/// One field: its JSON text, and its path for error messages.
#[derive(Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) path: &'static str,
    pub(crate) json: &'a str,
}

/// Cuts a JSON object into the named fields. The last of several with one name counts, unknown ones are skipped.
macro_rules! fields {
    ($json:expr, $($name:ident = $key:literal at $path:literal),+ $(,)?) => {{
        use std::fmt;
        use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
        use $crate::wire::field::{Field, Text};
        #[derive(Default)]
        struct Fields<'a> { $($name: Option<Field<'a>>),+ }
        struct Cut;
        impl<'de> Visitor<'de> for Cut {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut fields = Fields::default();
                while let Some(Text(key)) = map.next_key()? {
                    match &*key {
                        $($key => fields.$name = Field::new($path, map.next_value()?),)+
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(fields)
            }
        }
        let mut deserializer = serde_json::Deserializer::from_slice($json);
        (&mut deserializer).deserialize_map(Cut).and_then(|fields| deserializer.end().map(|()| fields))
    }};
}

pub(crate) use fields;

/// A text, borrowed if it holds no escapes.
#[derive(Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// Reads a field that may be absent.
pub(crate) fn optional<'a, T>(
    field: Option<Field<'a>>,
    how: impl Fn(Field<'a>) -> Result<Option<T>, String>,
) -> Result<Option<T>, String> {
    field.map_or(Ok(None), how)
}

impl<'a> Field<'a> {
    /// `None` for null.
    pub(crate) fn new(path: &'static str, raw: &'a RawValue) -> Option<Self> {
        Some(Self { path, json: raw.get() }).filter(|field| field.json != "null")
    }

    /// Whether it is a JSON string.
    pub(crate) fn is_text(&self) -> bool {
        self.json.starts_with('"')
    }

    /// The text of a Decode error: what the field is, and what it should be.
    pub(crate) fn type_error(&self, wanted: &str) -> String {
        format!("{} is {}, not {wanted}", self.path, describe(self.json))
    }

    /// A text without quotes and escapes; anything else as its JSON.
    pub(crate) fn unwrapped(&self) -> Result<Cow<'a, str>, String> {
        if !self.is_text() {
            return Ok(Cow::Borrowed(self.json));
        }
        serde_json::from_str::<Text<'a>>(self.json).map(|text| text.0).map_err(|_| self.type_error("a valid text"))
    }

    /// As `unwrapped`; a text whose escapes cannot be read (half a surrogate pair) stays as it is written.
    pub(crate) fn text(self) -> Cow<'a, str> {
        self.unwrapped().unwrap_or(Cow::Borrowed(self.json))
    }

    /// Whether it is a text that is not a number.
    pub(crate) fn is_word(&self) -> bool {
        self.is_text() && self.integer().is_err()
    }

    /// An integer: `1`, `1.0` or `"1"`. An empty text is `None`.
    pub(crate) fn integer(self) -> Result<Option<i64>, String> {
        let text = self.unwrapped()?;
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        match text.parse().ok().or_else(|| whole(text.parse().ok()?)) {
            Some(number) => Ok(Some(number)),
            None => Err(self.type_error("an integer")),
        }
    }

    /// A list of texts, a text that holds such a list, or one text that is the only item.
    pub(crate) fn texts(self) -> Result<Vec<String>, String> {
        let json = self.unwrapped()?;
        if self.is_text() && !json.trim_start().starts_with('[') {
            let only = Some(json.into_owned()).filter(|only| only.trim() != "null");
            return Ok(only.into_iter().collect());
        }
        let items: Vec<Option<&RawValue>> = serde_json::from_str(&json).map_err(|_| self.type_error("a list"))?;
        let texts = items.iter().enumerate().filter_map(|(index, item)| Some((index, (*item)?)));
        let texts = texts.map(|(index, item)| {
            serde_json::from_str::<String>(item.get())
                .map_err(|_| format!("{}[{index}] is {}, not a text", self.path, describe(item.get())))
        });
        texts.collect()
    }
}

/// What a value is, in words. A text is not quoted: it may be a result's URL, or hold the API key.
fn describe(json: &str) -> &str {
    match json.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "a text",
        _ => excerpt(json),
    }
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
        Field { path: "data.number", json }.integer()
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

//! JSON objects cut into raw fields, which cannot fail on anything that is JSON; then each field read as what it should be, from
//! any neighbouring type.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::error::Category;
use serde_json::value::RawValue;

/// One field's JSON text, and where it stood.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) path: &'static str,
    pub(super) json: &'a str,
}

/// Cuts a JSON object into the named fields: the last of twins counts, unknown ones are passed over.
macro_rules! fields {
    ($json:expr, $($name:ident = $key:literal at $path:literal),+ $(,)?) => {{
        use std::fmt;
        use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
        use $crate::wire::field::{Field, Key};
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
                while let Some(Key(key)) = map.next_key()? {
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

pub(super) use fields;

/// A key, borrowed where it holds no escapes.
#[derive(Deserialize)]
pub(super) struct Key<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// Reads a field that may be missing.
pub(super) fn read<'a, T>(
    field: Option<Field<'a>>,
    how: impl Fn(Field<'a>) -> Result<Option<T>, String>,
) -> Result<Option<T>, String> {
    field.map_or(Ok(None), how)
}

impl<'a> Field<'a> {
    /// `None` for null.
    pub(super) fn new(path: &'static str, raw: &'a RawValue) -> Option<Self> {
        Some(Self { path, json: raw.get() }).filter(|field| field.json != "null")
    }

    pub(super) fn is_text(&self) -> bool {
        self.json.starts_with('"')
    }

    pub(super) fn type_error(&self, wanted: &str) -> String {
        format!("{} is {}, not {wanted}", self.path, describe(self.json))
    }

    /// A text's content, unescaped; anything else as the JSON that it is.
    pub(super) fn unwrapped(&self) -> Result<Cow<'a, str>, String> {
        if !self.is_text() {
            return Ok(Cow::Borrowed(self.json));
        }
        serde_json::from_str::<Key<'a>>(self.json).map(|text| text.0).map_err(|_| self.type_error("a valid text"))
    }

    /// What cannot be unescaped (half a surrogate pair) stays as it was written.
    pub(super) fn text(self) -> Cow<'a, str> {
        self.unwrapped().unwrap_or(Cow::Borrowed(self.json))
    }

    pub(super) fn is_word(&self) -> bool {
        self.is_text() && self.integer().is_err()
    }

    /// `1`, `1.0`, `"1"`; an empty text is no number at all.
    pub(super) fn integer(self) -> Result<Option<i64>, String> {
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
    pub(super) fn texts(self) -> Result<Vec<String>, String> {
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

/// A body as bytes to cut fields from. The error is the text of a Decode error.
pub(super) fn envelope(body: &[u8]) -> Result<&[u8], String> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body); // a byte order mark
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err("it is empty".to_owned());
    }
    Ok(body)
}

/// Why the envelope cannot be cut, without a word of its content.
pub(super) fn unreadable(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        Category::Eof => "it is JSON that ends too soon",
        Category::Data => "it is JSON, but not an object",
        Category::Syntax | Category::Io => "it is not JSON",
    };
    format!("{what} (line {}, column {})", error.line(), error.column())
}

/// What a value is, in words: a text may be a result's URL, or hold the API key, which have no place in an error.
fn describe(json: &str) -> &str {
    match json.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "a text",
        _ => super::excerpt(json),
    }
}

/// A number without a fraction that an `i64` holds exactly.
fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    #[allow(clippy::cast_possible_truncation)] // bounded by the condition
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

//! JSON as the gateway really writes it: any field may be absent, null, of the neighbouring type, twice, or new.
//!
//! Two steps: the objects are cut into raw fields, which cannot fail on anything that is JSON; then each field is read
//! as what it should be, and a field that cannot be read is named with its path.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

/// One field's JSON text, and where it stood.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    path: &'static str,
    json: &'a str,
}

/// The outcome of the request, around the record.
pub(super) struct Envelope<'a> {
    pub(super) code: Option<i64>,
    pub(super) message: Option<Cow<'a, str>>,
    pub(super) data: Option<Data<'a>>,
}

/// The record in an envelope, read already or still to be read.
pub(super) enum Data<'a> {
    Read(Payload<'a>),
    Raw(Field<'a>),
}

/// The record, as far as it is there.
#[derive(Debug, Default)]
pub(super) struct Payload<'a> {
    pub(super) task_id: Option<Cow<'a, str>>,
    pub(super) flag: Option<i64>,
    pub(super) result_urls: Vec<String>,
    pub(super) origin_urls: Vec<String>,
    pub(super) created_at: Option<i64>,
    pub(super) completed_at: Option<i64>,
    pub(super) error_code: Option<i64>,
    pub(super) error_message: Option<String>,
    pub(super) param_json: Option<String>,
}

/// Cuts a JSON object into the named fields: the last of twins counts, unknown ones are passed over.
macro_rules! fields {
    ($json:expr, $($name:ident = $key:literal at $path:literal),+ $(,)?) => {{
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

/// A key, borrowed where it holds no escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Envelope<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, String> {
        let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body); // a byte order mark
        if body.iter().all(u8::is_ascii_whitespace) {
            return Err("it is empty".to_owned());
        }
        let fields = fields!(body, code = "code" at "code", message = "msg" at "msg", data = "data" at "data")
            .map_err(|error| unreadable(&error))?;
        Ok(Self {
            code: read(fields.code, Field::integer)?,
            message: fields.message.map(Field::text),
            data: fields.data.map(Data::Raw),
        })
    }
}

impl<'a> Payload<'a> {
    pub(super) fn parse(data: Data<'a>) -> Result<Self, String> {
        let data = match data {
            Data::Read(payload) => return Ok(payload),
            Data::Raw(data) => data,
        };
        let fields = fields!(
            data.json.as_bytes(),
            task_id = "taskId" at "data.taskId",
            flag = "successFlag" at "data.successFlag",
            created_at = "createTime" at "data.createTime",
            completed_at = "completeTime" at "data.completeTime",
            error_code = "errorCode" at "data.errorCode",
            error_message = "errorMessage" at "data.errorMessage",
            param_json = "paramJson" at "data.paramJson",
            response = "response" at "data.response",
        )
        .map_err(|_| data.unfit("an object"))?;
        let (result_urls, origin_urls) = match fields.response {
            Some(response) => results(response)?,
            None => (Vec::new(), Vec::new()),
        };
        let error_message = fields.error_message.map(|text| text.text().into_owned()).filter(|text| !text.is_empty());
        let (error_code, error_message) = match fields.error_code {
            // Some codes are words. They have no number, and are part of the reason.
            Some(code) if code.is_word() => (None, Some(reason(code.text().into_owned(), error_message))),
            code => (read(code, Field::integer)?, error_message),
        };
        let payload = Self {
            task_id: fields.task_id.map(Field::text),
            flag: read(fields.flag, Field::integer)?,
            result_urls,
            origin_urls,
            created_at: read(fields.created_at, Field::integer)?,
            completed_at: read(fields.completed_at, Field::integer)?,
            error_code,
            error_message,
            param_json: fields.param_json.map(|text| text.text().into_owned()),
        };
        Ok(payload.without_placeholders())
    }

    /// Zeros and empty texts stand for nothing.
    pub(super) fn without_placeholders(mut self) -> Self {
        let given = |number: &i64| *number != 0;
        let told = |text: &String| !text.is_empty();
        self.result_urls.retain(|url| !super::is_blank(url));
        self.origin_urls.retain(|url| !super::is_blank(url));
        Self {
            task_id: self.task_id.filter(|id| !id.is_empty()),
            created_at: self.created_at.filter(given),
            completed_at: self.completed_at.filter(given),
            error_code: self.error_code.filter(given),
            error_message: self.error_message.filter(told),
            param_json: self.param_json.filter(told),
            ..self
        }
    }
}

fn results(response: Field<'_>) -> Result<(Vec<String>, Vec<String>), String> {
    let json = response.unwrapped()?;
    if matches!(json.trim(), "" | "null" | "[]") {
        return Ok((Vec::new(), Vec::new()));
    }
    let fields = fields!(
        json.as_bytes(),
        result_urls = "resultUrls" at "data.response.resultUrls",
        origin_urls = "originUrls" at "data.response.originUrls",
    )
    .map_err(|_| response.unfit("an object"))?;
    Ok((
        fields.result_urls.map_or(Ok(Vec::new()), Field::texts)?,
        fields.origin_urls.map_or(Ok(Vec::new()), Field::texts)?,
    ))
}

/// Reads a field that may be missing.
fn read<'a, T>(
    field: Option<Field<'a>>,
    how: impl Fn(Field<'a>) -> Result<Option<T>, String>,
) -> Result<Option<T>, String> {
    field.map_or(Ok(None), how)
}

impl<'a> Field<'a> {
    /// `None` for null.
    fn new(path: &'static str, raw: &'a RawValue) -> Option<Self> {
        Some(Self { path, json: raw.get() }).filter(|field| field.json != "null")
    }

    fn is_text(&self) -> bool {
        self.json.starts_with('"')
    }

    fn unfit(&self, wanted: &str) -> String {
        format!("{} is {}, not {wanted}", self.path, describe(self.json))
    }

    /// A text's content, unescaped; anything else as the JSON that it is.
    fn unwrapped(&self) -> Result<Cow<'a, str>, String> {
        if !self.is_text() {
            return Ok(Cow::Borrowed(self.json));
        }
        serde_json::from_str::<Key<'a>>(self.json).map(|text| text.0).map_err(|_| self.unfit("a valid text"))
    }

    /// What cannot be unescaped (half a surrogate pair) stays as it was written.
    fn text(self) -> Cow<'a, str> {
        self.unwrapped().unwrap_or(Cow::Borrowed(self.json))
    }

    fn is_word(&self) -> bool {
        self.is_text() && self.integer().is_err()
    }

    /// `1`, `1.0`, `"1"`; an empty text is no number at all.
    fn integer(self) -> Result<Option<i64>, String> {
        let text = self.unwrapped()?;
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        match text.parse().ok().or_else(|| whole(text.parse().ok()?)) {
            Some(number) => Ok(Some(number)),
            None => Err(self.unfit("an integer")),
        }
    }

    /// A list of texts, a text that holds such a list, or one text that is the only item.
    fn texts(self) -> Result<Vec<String>, String> {
        let json = self.unwrapped()?;
        if self.is_text() && !json.trim_start().starts_with('[') {
            let only = Some(json.into_owned()).filter(|only| only.trim() != "null");
            return Ok(only.into_iter().collect());
        }
        let items: Vec<Option<&RawValue>> = serde_json::from_str(&json).map_err(|_| self.unfit("a list"))?;
        let texts = items.iter().enumerate().filter_map(|(index, item)| Some((index, (*item)?)));
        let texts = texts.map(|(index, item)| {
            serde_json::from_str::<String>(item.get())
                .map_err(|_| format!("{}[{index}] is {}, not a text", self.path, describe(item.get())))
        });
        texts.collect()
    }
}

fn reason(code: String, message: Option<String>) -> String {
    match message {
        Some(message) => format!("{code}: {message}"),
        None => code,
    }
}

/// Why the envelope cannot be cut, without a word of its content.
fn unreadable(error: &serde_json::Error) -> String {
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

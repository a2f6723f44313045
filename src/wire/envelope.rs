//! The envelope around every record and callback: `code`, `msg` and `data`. Any of them may be absent, null, of a
//! neighbouring type, or given twice (the last one counts).

use std::borrow::Cow;

use serde_json::error::Category;

use super::field::{Field, optional};
use super::object::Object;
use super::raw_record::RawRecord;
use super::repair::repair;

/// The outcome of the request, around the record.
pub(crate) struct Envelope<'a> {
    pub(crate) code: Option<i64>,
    pub(crate) message: Option<Cow<'a, str>>,
    pub(crate) data: Option<Data<'a>>,
}

/// The record in an envelope.
pub(crate) enum Data<'a> {
    /// Already read, by a strict reader.
    Record(RawRecord<'a>),
    /// Still to be read.
    Raw(Field<'a>),
}

/// An envelope whose fields are still to be read.
pub(crate) struct RawEnvelope<'a> {
    /// All fields.
    #[cfg(feature = "callback")]
    pub(crate) body: Object<'a>,
    pub(crate) code: Option<Field<'a>>,
    pub(crate) message: Option<Field<'a>>,
    pub(crate) data: Option<Field<'a>>,
}

impl<'a> RawEnvelope<'a> {
    /// The error is the text of a Decode error.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, String> {
        let body = Object::parse(json(body)?, "").map_err(|error| unreadable(&error))?;
        let [code, message, data] = ["code", "msg", "data"].map(|name| body.get(name));
        Ok(Self {
            code,
            // The other name counts beside a code only: by itself it is that of many servers.
            message: message.or_else(|| code.and_then(|_| body.get("message"))),
            data,
            #[cfg(feature = "callback")]
            body,
        })
    }
}

impl<'a> Envelope<'a> {
    /// The names of the fields.
    pub(super) const NAMES: [&'static str; 4] = ["code", "msg", "message", "data"];

    /// Reads any envelope, the record left as it is. The error is the text of a Decode error.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, String> {
        let RawEnvelope { code, message, data, .. } = RawEnvelope::parse(body)?;
        Ok(Self {
            code: optional(code, Field::integer).map_err(|unreadable| unreadable.to_string())?,
            message: message.and_then(Field::text),
            data: data.filter(|data| data.text().is_some()).map(Data::Raw),
        })
    }
}

/// The body, mended if only so an envelope can be cut out of it: one that is written as a text, or that is nearly JSON.
pub(crate) fn readable(body: &[u8]) -> Cow<'_, [u8]> {
    let is_object = |body: &[u8]| json(body).is_ok_and(|body| Object::parse(body, "").is_ok());
    if is_object(body) {
        return Cow::Borrowed(body);
    }
    let unwrapped = serde_json::from_slice::<String>(body).ok();
    let mended = unwrapped.or_else(|| repair(body)).filter(|mended| is_object(mended.as_bytes()));
    mended.map_or(Cow::Borrowed(body), |mended| Cow::Owned(mended.into_bytes()))
}

/// The JSON in a body.
fn json(body: &[u8]) -> Result<&[u8], String> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body); // a byte order mark
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err("it is empty".to_owned());
    }
    Ok(body)
}

/// Why a body is no envelope, without a word of its content.
fn unreadable(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        Category::Eof => "it is JSON that ends too soon",
        Category::Data => "it is JSON, but not an object",
        Category::Syntax | Category::Io => "it is not JSON",
    };
    match (error.line(), error.column()) {
        // The body is empty, or it is not known where.
        (0, _) | (1, 0) => what.to_owned(),
        (line, column) => format!("{what} (line {line}, column {column})"),
    }
}

//! The envelope around every record and callback: `code`, `msg` and `data`. Any of them may be absent, null, of a
//! neighbouring type, or given twice (the last one counts).

use std::borrow::Cow;

use serde_json::error::Category;

use super::field::{Field, fields, optional};
use super::raw_record::RawRecord;

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
    pub(crate) code: Option<Field<'a>>,
    pub(crate) message: Option<Field<'a>>,
    pub(crate) data: Option<Field<'a>>,
}

impl<'a> RawEnvelope<'a> {
    /// The error is the text of a Decode error.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, String> {
        let fields = fields!(json(body)?, code = "code" at "code", message = "msg" at "msg", data = "data" at "data")
            .map_err(|error| unreadable(&error))?;
        Ok(Self { code: fields.code, message: fields.message, data: fields.data })
    }
}

impl<'a> Envelope<'a> {
    /// Reads any envelope, the record left as it is. The error is the text of a Decode error.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, String> {
        let RawEnvelope { code, message, data } = RawEnvelope::parse(body)?;
        Ok(Self { code: optional(code, Field::integer)?, message: message.map(Field::text), data: data.map(Data::Raw) })
    }
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
    format!("{what} (line {}, column {})", error.line(), error.column())
}

//! An answer whose fields are all of their own type, as nearly all answers are, read in one go. Any other is left to
//! `lenient`; what both can read they read alike.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::lenient::{Data, Envelope, RawRecord};

/// A JSON object, and nothing else: the last of twins counts, unknown fields are passed over.
macro_rules! object {
    ($name:ident { $($field:ident: $type:ty = $key:literal),+ $(,)? }) => {
        #[derive(Default)]
        struct $name<'a> { $($field: Option<$type>,)+ lifetime: PhantomData<&'a ()> }

        impl<'de: 'a, 'a> Deserialize<'de> for $name<'a> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Fields<'a>(PhantomData<&'a ()>);
                impl<'de: 'a, 'a> Visitor<'de> for Fields<'a> {
                    type Value = $name<'a>;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an object")
                    }
                    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                        let mut object = $name::default();
                        while let Some(key) = map.next_key::<&str>()? {
                            match key {
                                $($key => object.$field = map.next_value()?,)+
                                _ => drop(map.next_value::<IgnoredAny>()?),
                            }
                        }
                        Ok(object)
                    }
                }
                deserializer.deserialize_map(Fields(PhantomData))
            }
        }
    };
}

object!(Outer { code: i64 = "code", message: &'a str = "msg", data: Record<'a> = "data" });
object!(Record {
    task_id: &'a str = "taskId",
    flag: i64 = "successFlag",
    created_at: i64 = "createTime",
    completed_at: i64 = "completeTime",
    error_code: i64 = "errorCode",
    error_message: String = "errorMessage",
    param_json: &'a RawValue = "paramJson",
    response: Files<'a> = "response",
});
object!(Files { result_urls: Vec<String> = "resultUrls", origin_urls: Vec<String> = "originUrls" });

/// `None` if anything about it is unusual.
pub(super) fn read(body: &[u8]) -> Option<Envelope<'_>> {
    let outer: Outer<'_> = serde_json::from_str(std::str::from_utf8(body).ok()?).ok()?;
    let data = match outer.data {
        Some(record) => Some(Data::Read(payload(record)?)),
        None => None,
    };
    Some(Envelope { code: outer.code, message: outer.message.map(Cow::Borrowed), data })
}

fn payload(record: Record<'_>) -> Option<RawRecord<'_>> {
    let files = record.response.unwrap_or_default();
    let param_json = match record.param_json {
        Some(json) => Some(unescaped(json.get())?),
        None => None,
    };
    let payload = RawRecord {
        task_id: record.task_id.map(Cow::Borrowed),
        flag: record.flag,
        result_urls: files.result_urls.unwrap_or_default(),
        origin_urls: files.origin_urls.unwrap_or_default(),
        created_at: record.created_at,
        completed_at: record.completed_at,
        error_code: record.error_code,
        error_message: record.error_message,
        param_json,
    };
    Some(payload.without_placeholders())
}

/// JSON in JSON is half escapes, and serde's buffer for them grows six times on the way: here it has its size from the
/// start.
fn unescaped(json: &str) -> Option<String> {
    let mut rest = json.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = String::with_capacity(rest.len());
    while let Some((plain, escaped)) = rest.split_once('\\') {
        text.push_str(plain);
        let mut after = escaped.chars();
        match after.next()? {
            same @ ('"' | '\\' | '/') => text.push(same),
            'n' => text.push('\n'),
            _ => return serde_json::from_str(json).ok(),
        }
        rest = after.as_str();
    }
    text.push_str(rest);
    Some(text)
}

//! The fast way to read a record: in one pass, without which a poll costs 19,700 instructions more. See `wire/strict.rs`; an
//! unusual record is left to `record.rs`.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{record, results};
use crate::task::Status;
use crate::wire::strict::object;
use crate::wire::{Envelope, RawRecord, UnknownFields, is_url, strict, time};

object!(StrictRecord {
    task_id: &'a str = "taskId",
    flag: i64 = "successFlag",
    created_at: i64 = "createTime",
    completed_at: i64 = "completeTime",
    error_code: i64 = "errorCode",
    error_message: String = "errorMessage",
    param_json: &'a RawValue = "paramJson",
    response: StrictUrls<'a> = "response",
}, |unknown: &mut UnknownFields, name, json| !record::is_known(name) && unknown.add("", name, json));
object!(
    StrictUrls { result_urls: Vec<String> = "resultUrls", origin_urls: Vec<String> = "originUrls" } skips "taskId",
    |unknown: &mut UnknownFields, name, json| !results::is_known(name) && unknown.add(results::PREFIX, name, json)
);

/// `None` if anything about the answer is unusual.
pub(super) fn read(body: &[u8]) -> Option<Envelope<'_>> {
    strict::read(body, filled)
}

fn filled(record: StrictRecord<'_>) -> Option<RawRecord<'_>> {
    let urls = record.response.unwrap_or_default();
    if !record.created_at.is_none_or(time::is_usual) || !record.completed_at.is_none_or(time::is_usual) {
        return None;
    }
    let mut unknown = record.others;
    if !unknown.append(&urls.others) {
        return None;
    }
    let param_json = match record.param_json {
        Some(json) => Some(unescaped(json.get())?),
        None => None,
    };
    let status = record.flag.map(Status::from_flag);
    let results = urls.result_urls.unwrap_or_default();
    let origins = urls.origin_urls.unwrap_or_default();
    let is_usual = |urls: &[String]| urls.len() <= MAX_URLS;
    let has_succeeded = status.is_some_and(Status::is_success);
    let is_result =
        |url: &String| is_one_url(url) && !(has_succeeded && may_be_source(url, &origins, param_json.as_deref()));
    // Other places are looked at if a task that has succeeded has no result here.
    let is_missing = results.is_empty() && has_succeeded;
    if is_missing || !(is_usual(&results) && is_usual(&origins) && results.iter().all(is_result)) {
        return None;
    }
    let record = RawRecord {
        task_id: record.task_id.map(Cow::Borrowed),
        status,
        result_urls: results,
        origin_urls: origins,
        created_at: record.created_at,
        completed_at: record.completed_at,
        error_code: record.error_code,
        error_message: record.error_message,
        param_json,
        extra: unknown.finish(),
        rare: None,
    };
    Some(record.without_placeholders())
}

/// How many URLs a usual record holds of each kind. Each result is searched in all of the sources.
const MAX_URLS: usize = 8;

/// Whether a text is one URL and nothing else.
fn is_one_url(text: &str) -> bool {
    // Without an early end, so that the processor looks at many bytes at once.
    #[allow(clippy::needless_bitwise_bool)] // for the same reason
    let is_usual = |byte: u8| byte.is_ascii_graphic() & (byte != b',') & (byte != b';') & (byte != b'|');
    is_url(text) && text.bytes().fold(true, |usual, byte| usual & is_usual(byte))
}

/// Whether the file name of a URL stands among the sources. Then `sources.rs` decides.
fn may_be_source(url: &str, origins: &[String], param_json: Option<&str>) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let name = path.rsplit('/').next().unwrap_or(path);
    origins.iter().map(String::as_str).chain(param_json).any(|text| text.contains(name))
}

/// The text in a JSON string. `paramJson` is JSON in JSON and full of escapes: serde's buffer would grow six times on the way,
/// this one has its size from the start.
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

//! The gateway's answer, from bytes and headers to a task or an error: the envelope, and the class of what went wrong.

#[cfg(feature = "callback")]
mod callback;
mod field;
mod lenient;
mod strict;

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use crate::error::{Error, ErrorKind};
use crate::task::{Record, Status, Task, TaskId};

#[cfg(feature = "callback")]
pub(crate) use callback::CallbackBody;
use lenient::{Envelope, RawRecord};

/// A `Retry-After` beyond this is a mistake, and no wait should hang on it.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// An answer as it came over the wire.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// An error if it did not come whole.
    pub(crate) body: Result<Bytes, Error>,
}

/// Reads a reply to a question about `id`. `now` is the wall clock, for dates in headers; `secret` is taken out of what
/// the gateway says, should it repeat it.
pub(crate) fn read(id: &TaskId, reply: Reply, now: impl Fn() -> SystemTime, secret: &str) -> Result<Task, Error> {
    let Reply { status, headers, body } = reply;
    let retry_after = || retry_after(&headers, &now);
    let clean = |text| without(secret, text);
    let ok_status = (200..300).contains(&status);
    let body = match body {
        Ok(body) => body,
        Err(cut) if ok_status => return Err(cut.with_response(Some(status), None, retry_after())),
        Err(_) => return Err(classify(status, None, None, retry_after())),
    };
    let envelope = match strict::read(&body).map_or_else(|| Envelope::parse(&body), Ok) {
        Ok(envelope) => envelope,
        Err(unreadable) if ok_status => {
            return Err(decode(unreadable).with_response(Some(status), None, retry_after()));
        }
        Err(_) => return Err(classify(status, None, None, retry_after())),
    };
    match envelope.code {
        Some(501) => {}
        Some(code) if !(200..300).contains(&code) => {
            return Err(classify(status, Some(code), envelope.message.map(clean), retry_after()));
        }
        // A code of 200 and no record, under a status that says otherwise: the status is right.
        code if !ok_status && (code.is_none() || envelope.data.is_none()) => {
            let classify = classify(status, None, envelope.message.map(clean), None);
            return Err(classify.with_response(Some(status), code, retry_after()));
        }
        _ => {}
    }
    let code = envelope.code;
    task(id, envelope, secret).map_err(|unreadable| decode(unreadable).with_response(Some(status), code, retry_after()))
}

/// The record in the envelope, as far as there is one. The error is the text of a Decode error.
fn task(id: &TaskId, envelope: Envelope<'_>, secret: &str) -> Result<Task, String> {
    let failed = envelope.code == Some(501);
    let payload = match envelope.data {
        // A failure is told even if its details cannot be read.
        Some(data) if failed => RawRecord::parse(data).unwrap_or_default(),
        Some(data) => RawRecord::parse(data)?,
        None if failed => RawRecord::default(),
        None => return Err("there is no data".to_owned()),
    };
    if payload.task_id.is_some_and(|other| other != id.as_ref()) {
        return Err("data.taskId is another task's".to_owned());
    }
    let status = if failed { Status::GenerateFailed } else { Status::from_flag(payload.flag.unwrap_or(-1)) };
    // Of a 501 the envelope itself is the report; of any other answer its `msg` says nothing ("success").
    let says_nothing = |text: &str| text.is_empty() || text.eq_ignore_ascii_case("success");
    let report = envelope.message.filter(|text| failed && !says_nothing(text));
    let reason = payload.error_message.map(Cow::Owned).or(report);
    Ok(Task::from(Record {
        id: id.clone(),
        status,
        result_urls: payload.result_urls,
        origin_urls: payload.origin_urls,
        created_at: payload.created_at,
        completed_at: payload.completed_at,
        error_code: payload.error_code.or(if failed { envelope.code } else { None }),
        error_message: reason.map(|text| without(secret, text).into_owned()),
        param_json: payload.param_json,
    }))
}

fn decode(unreadable: String) -> Error {
    Error::new(ErrorKind::Decode, unreadable)
}

/// The class of an answer that is not a record: by the body's code where there is one, else by the HTTP status.
fn classify(status: u16, code: Option<i64>, message: Option<Cow<'_, str>>, retry_after: Option<Duration>) -> Error {
    use ErrorKind as K;
    let message = message.unwrap_or_default();
    let kind = match code.unwrap_or_else(|| status.into()) {
        401 | 403 => K::Unauthorized,
        404 => K::NotFound,
        422 if says_null_record(&message) => K::NotFound,
        408 | 425 => K::Transport,
        429 | 430 => K::RateLimited,
        455 | 503 => K::Maintenance,
        400..500 => K::InvalidRequest,
        500..600 => K::Server,
        // Without a code this is a redirect that was not followed: something stands before the gateway.
        _ if code.is_none() => K::Server,
        _ => K::Decode,
    };
    let detail = match kind {
        K::Decode => format!("an unknown code, with the message {:?}", excerpt(&message)),
        K::Server if matches!(status, 301 | 302 | 303 | 307 | 308) && code.is_none() => {
            "a redirect that is not followed, to another host (where the API key is not sent) or one too many"
                .to_owned()
        }
        _ => excerpt(&message).to_owned(),
    };
    Error::new(kind, detail).with_response(Some(status), code, retry_after)
}

/// "recordInfo is null": no record, or not yet.
fn says_null_record(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("record is null") || message.contains("recordinfo") && message.contains("null")
}

/// Takes the API key out of a text that the gateway wrote. What is shorter than any real key is left: it may be a word.
fn without<'a>(secret: &str, text: Cow<'a, str>) -> Cow<'a, str> {
    const SHORTEST: usize = 8;
    if secret.len() >= SHORTEST && text.contains(secret) { text.replace(secret, "[key]").into() } else { text }
}

/// Cheaper than to trim it at both ends.
pub(crate) fn is_blank(text: &str) -> bool {
    text.chars().all(char::is_whitespace)
}

/// The start of a text that the gateway wrote, short enough for a log line.
fn excerpt(text: &str) -> &str {
    const LONGEST: usize = 300;
    text.char_indices().nth(LONGEST).map_or(text, |(end, _)| text.get(..end).unwrap_or_default()).trim()
}

/// `Retry-After` (RFC 9110 §10.2.3): seconds, or a date. A date is compared with the answer's own `Date`, so that a
/// wrong clock here does not matter. `None` if there is none, or if it is neither.
fn retry_after(headers: &HeaderMap, now: impl Fn() -> SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are still "very long".
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let until = httpdate::parse_http_date(text).ok()?;
        until.duration_since(date(headers).unwrap_or_else(now)).unwrap_or_default()
    };
    Some(wait.min(LONGEST_RETRY_AFTER))
}

/// When the answer was given, by the other side's clock (RFC 9110 §6.6.1).
pub(crate) fn date(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests;

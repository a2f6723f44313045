//! From a reply to a task or an error, for any endpoint of the gateway.

use std::borrow::Cow;
use std::time::SystemTime;

use bytes::Bytes;
use reqwest::header::HeaderMap;

use crate::error::{Error, ErrorKind};
use crate::spelling::{is_reason, is_same};
use crate::task::{Extra, Record, Status, Task, TaskId, UnreadableField};
#[cfg(feature = "callback")]
use crate::wire::CallbackBody;
use crate::wire::field::Field;
use crate::wire::{
    Data, Envelope, RawRecord, Reply, TASK_FAILED, Voice, asked_wait, classify, compressed, describe_page, readable,
    redact, reset_after,
};

/// All that is peculiar to one endpoint.
pub(crate) struct Endpoint {
    /// Its path below the base URL, without a leading slash.
    pub(crate) path: &'static str,
    /// The query parameter that carries the task id.
    pub(crate) id_parameter: &'static str,
    /// Where the record repeats the task id, for error messages.
    pub(crate) id_path: &'static str,
    /// Reads a usual answer in one pass. `None` if it is unusual: then `read_record` is used. An endpoint without a fast way
    /// always returns `None`.
    pub(crate) read_strict: for<'a> fn(&'a [u8]) -> Option<Envelope<'a>>,
    /// Reads the envelope's `data`, however it is written. The error becomes the text of a Decode error.
    pub(crate) read_record: for<'a> fn(Field<'a>) -> Result<RawRecord<'a>, UnreadableField>,
    /// Reads the body of a callback. The error is the text of a Decode error.
    #[cfg(feature = "callback")]
    pub(crate) read_callback: fn(&[u8]) -> Result<CallbackBody, String>,
}

impl Endpoint {
    /// Reads the reply to a poll of the task `id`. `now` is the wall clock, for dates in headers. `secret` is removed from
    /// texts of the gateway, in case it repeats it.
    pub(crate) fn read(
        &self,
        id: &TaskId,
        reply: Reply,
        now: impl Fn() -> SystemTime,
        secret: &str,
    ) -> Result<Task, Error> {
        let Reply { status, headers, body } = reply;
        self.answer(id, status, &headers, body, secret).map_err(|error| {
            let asked = asked_wait(&headers, &now);
            // Only a refusal is about the rate limit: a good answer tells of it, too.
            let reset = || if error.kind().is_throttling() { reset_after(&headers, &now) } else { None };
            let wait = asked.wait.or_else(reset);
            error.with_retry_after(wait).also_saying(asked.remark(secret))
        })
    }

    fn answer(
        &self,
        id: &TaskId,
        status: u16,
        headers: &HeaderMap,
        body: Result<Bytes, Error>,
        secret: &str,
    ) -> Result<Task, Error> {
        let clean = |text| redact(secret, text);
        let ok_status = (200..300).contains(&status);
        let refused = |code: Option<i64>, voice| {
            // A code of 200 says nothing without a record.
            let decides = code.filter(|code| !(200..300).contains(code));
            classify(status, decides, voice, headers, secret).with_response(Some(status), code, None)
        };
        let body = match body {
            Ok(body) => body,
            Err(cut) if ok_status => return Err(cut.with_response(Some(status), None, None)),
            Err(_) => return Err(refused(None, Voice::Other(None))),
        };
        let mended;
        let envelope = if let Some(envelope) = (self.read_strict)(&body) {
            Ok(envelope)
        } else {
            mended = readable(&body);
            Envelope::parse(&mended).map_err(|unreadable| {
                compressed(headers, &body).map_or(unreadable, |format| clean(format.into()).into_owned())
            })
        };
        let envelope = match envelope {
            Ok(envelope) => envelope,
            Err(unreadable) if ok_status => {
                let page = describe_page(&body, headers, secret);
                let detail = page.map_or_else(|| unreadable.clone(), |page| format!("{unreadable}, but {page}"));
                return Err(decode(detail).with_response(Some(status), None, None));
            }
            Err(_) if body.iter().all(u8::is_ascii_whitespace) => return Err(refused(None, Voice::Gateway(None))),
            Err(_) => return Err(refused(None, Voice::Other(Some(&body)))),
        };
        let is_empty = envelope.code.is_none() && envelope.message.is_none() && envelope.data.is_none();
        match envelope.code {
            Some(TASK_FAILED) => {}
            Some(200..300) if ok_status || envelope.data.is_some() => {}
            None if ok_status => {}
            // JSON, but none of the gateway's fields is in it.
            None if is_empty => return Err(refused(None, Voice::Other(Some(&body)))),
            code => return Err(refused(code, Voice::Gateway(envelope.message.map(clean)))),
        }
        let code = envelope.code;
        self.task(id, envelope, secret).map_err(|unreadable| decode(unreadable).with_response(Some(status), code, None))
    }

    /// The task that the envelope's record describes. The error is the text of a Decode error.
    fn task(&self, id: &TaskId, envelope: Envelope<'_>, secret: &str) -> Result<Task, String> {
        let failed = envelope.code == Some(TASK_FAILED);
        let record = match envelope.data {
            // A failure is a failure, even if its details cannot be read.
            Some(data) if failed => self.record(data).unwrap_or_default(),
            Some(data) => self.record(data).map_err(|unreadable| unreadable.to_string())?,
            None if failed => RawRecord::default(),
            None => return Err("there is no data".to_owned()),
        };
        if record.task_id.is_some_and(|other| other != id.as_ref() && !is_same(other.trim(), id.as_ref())) {
            return Err(format!("{} is another task's", self.id_path));
        }
        let status = if failed { Status::GenerateFailed } else { record.status.unwrap_or(Status::Unknown(-1)) };
        let (mut unreadable, mut reason) = (Vec::new(), record.error_message.map(Cow::Owned));
        if let Some(rare) = record.rare {
            let rare = *rare;
            if let Some(fatal) = rare.fatal.filter(|_| !failed) {
                return Err(fatal.to_string());
            }
            let has_failed = status.is_terminal() && !status.is_success();
            reason = reason.or_else(|| rare.reason.filter(|_| has_failed).map(Cow::Owned));
            unreadable = rare.unreadable;
        }
        // Under the code 501 the message is the reason. Under any other it says nothing: it is "success" for failed tasks too.
        let reason = reason.or_else(|| envelope.message.filter(|text| failed && is_reason(text)));
        Ok(Task::from(Record {
            id: id.clone(),
            status,
            result_urls: record.result_urls,
            origin_urls: record.origin_urls,
            created_at: record.created_at,
            completed_at: record.completed_at,
            error_code: record.error_code.or(if failed { envelope.code } else { None }),
            error_message: reason.map(|text| redact(secret, text).into_owned()),
            param_json: record.param_json,
            extra: redacted(secret, record.extra),
            unreadable,
        }))
    }

    fn record<'a>(&self, data: Data<'a>) -> Result<RawRecord<'a>, UnreadableField> {
        match data {
            Data::Record(record) => Ok(record),
            Data::Raw(field) => (self.read_record)(field),
        }
    }
}

fn decode(unreadable: String) -> Error {
    Error::new(ErrorKind::Decode, unreadable)
}

/// Removes the key from unknown fields. They are JSON, in which it may be written with escapes.
fn redacted(secret: &str, extra: Extra) -> Extra {
    let json = extra.json();
    if json.is_empty() {
        return extra;
    }
    if json.contains('\\') {
        let escaped = serde_json::Value::from(secret).to_string();
        let escaped = escaped.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(secret);
        let clean = |text: String| redact(escaped, redact(secret, text.into())).into_owned();
        let fields = extra.fields().into_iter().map(|(name, text)| (clean(name), clean(text)));
        return Extra::from_fields(&fields.collect());
    }
    match redact(secret, json.into()) {
        Cow::Borrowed(_) => extra,
        Cow::Owned(redacted) => Extra::new(redacted),
    }
}

//! What an answer that holds no record means: which status or code makes which kind of error.

use std::borrow::Cow;
use std::time::Duration;

use super::text::excerpt;
use crate::error::{Error, ErrorKind};

/// The envelope's code for a task that failed. It is an answer about the task, with or without a record.
pub(crate) const TASK_FAILED: i64 = 501;

/// The error for an answer without a record. The body's `code` decides; without one, the HTTP status does.
pub(crate) fn classify(
    status: u16,
    code: Option<i64>,
    message: Option<Cow<'_, str>>,
    retry_after: Option<Duration>,
) -> Error {
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
        // An HTTP status outside 4xx and 5xx is a redirect that was not followed, or the like. The gateway sends none.
        _ if code.is_none() => K::Server,
        _ => K::Decode,
    };
    let detail = match kind {
        K::Decode => format!("its code is unknown, its message is {:?}", excerpt(&message)),
        K::Server if matches!(status, 301 | 302 | 303 | 307 | 308) && code.is_none() => {
            "a redirect that is not followed: it leads to another host, where the API key is not sent, or there were too many"
                .to_owned()
        }
        _ => excerpt(&message).to_owned(),
    };
    Error::new(kind, detail).with_response(Some(status), code, retry_after)
}

/// "recordInfo is null": the task does not exist, or not yet.
fn says_null_record(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("record is null") || message.contains("recordinfo") && message.contains("null")
}

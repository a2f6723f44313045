//! The answer for which a client holds its requests back.

use std::fmt;
use std::time::{Duration, SystemTime};

use crate::error::Error;
use crate::millis;
use crate::one_line::OneLine;
use crate::task::TaskId;

/// An answer that asks for fewer requests.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// With the id of the task that was asked about.
    pub(super) error: Error,
    pub(super) answered_at: SystemTime,
}

/// Why and for how long the watches of a client hold back, see [`Client::limits`](crate::Client::limits).
///
/// `Display` says it in a sentence: "task X was answered 503 on Fri, 27 Nov 2026 09:30:00 GMT; the client holds back for 118s
/// more".
#[non_exhaustive]
#[derive(Clone, Debug, serde::Serialize)]
pub struct Cooldown {
    /// The answer that asked for fewer requests, with the id of the task that it was about.
    pub error: Error,
    /// When that answer came.
    #[serde(rename = "answered_at_ms", serialize_with = "millis::serialize_unix")]
    pub answered_at: SystemTime,
    /// How much longer they hold back, if no good answer comes before.
    #[serde(rename = "remaining_ms", serialize_with = "millis::serialize")]
    pub remaining: Duration,
    /// A new number for each refusal that makes the time longer.
    #[serde(skip)]
    pub(crate) number: u32,
}

impl Cooldown {
    /// As the error of this task says it: another task is not named.
    pub(crate) fn for_task(&self, id: &TaskId) -> Self {
        let is_other = self.error.task_id().is_some_and(|refused| refused != id);
        let error = self.error.clone();
        Self { error: if is_other { error.without_task() } else { error }, ..self.clone() }
    }
}

impl fmt::Display for Cooldown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { error, answered_at, remaining, .. } = self;
        match error.task_id() {
            Some(id) => write!(f, "task {} was answered ", OneLine(id.as_str()))?,
            None => f.write_str("another request was answered ")?,
        }
        match (error.http_status(), error.code()) {
            (Some(status), Some(code)) if i64::from(status) != code => write!(f, "{status} with code {code}")?,
            (Some(status), _) => write!(f, "{status}")?,
            (None, Some(code)) => write!(f, "code {code}")?,
            (None, None) => f.write_str(error.kind().as_str())?,
        }
        let seconds = remaining.as_secs().saturating_add(u64::from(remaining.subsec_nanos() > 0));
        write!(f, " on {}; the client holds back for {seconds}s more", httpdate::fmt_http_date(*answered_at))
    }
}

//! What can go wrong, told so that a person or a program can act on it.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::task::{Task, TaskId};

/// What kind of thing went wrong.
///
/// The table in the [guide](crate::guide::errors#what-each-error-means) says which answer makes which kind.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// A setting of the client or of its schedule makes no sense. Nothing was sent.
    Config,
    /// The gateway does not accept the API key (401, 403).
    Unauthorized,
    /// The gateway has no record of the task: a wrong id, or a task created a moment ago (404, or 422 with a message
    /// that the record is null).
    NotFound,
    /// The gateway does not accept the request (400, 402, 422 and other 4xx), or the task id is empty.
    InvalidRequest,
    /// Too many requests (429, 430).
    RateLimited,
    /// The gateway is under maintenance (455, 503).
    Maintenance,
    /// The gateway, or something before it, failed (500, 502, 504, other 5xx, a redirect that was not followed).
    Server,
    /// No connection to the gateway, or one that broke before an answer (also 408, 425).
    Transport,
    /// No whole answer within the request timeout.
    Timeout,
    /// An answer came, or a callback, but it cannot be read as the gateway's.
    Decode,
    /// The task itself failed: flags 2 and 3, or code 501. Asking again changes nothing.
    TaskFailed,
    /// The task ended well (flag 1 or 4), but its record names no result.
    MissingResult,
    /// The watch stopped waiting. The task may still finish: watch the same id again.
    Deadline,
    /// A callback's signature or timestamp does not prove that the gateway sent it, and lately.
    InvalidSignature,
}

/// Why a poll failed, a wait ended without a result, or a setting or a callback was refused.
///
/// One pointer wide and cheap to clone. [`kind`](Self::kind) is for programs, `Display` is one sentence for people, on
/// one line. Causes below it are in [`source`](StdError::source) and are never part of the sentence. Neither holds the
/// API key or the request's URL.
///
/// Serialized, it is an object with `kind` (as in `rate_limited`), `message`, `causes`, `transient`, `task_id`, `task`,
/// `http_status`, `code`, `retry_after_ms`, `polls` and `elapsed_ms`.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    detail: Cow<'static, str>,
    transient: bool,
    http_status: Option<u16>,
    code: Option<i64>,
    retry_after: Option<Duration>,
    task_id: Option<TaskId>,
    task: Option<Task>,
    polls: u32,
    elapsed: Duration,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, detail: impl Into<Cow<'static, str>>) -> Self {
        use ErrorKind as K;
        let transient = !matches!(
            kind,
            K::Config | K::Unauthorized | K::InvalidRequest | K::TaskFailed | K::MissingResult | K::InvalidSignature
        );
        Self(Arc::new(Inner {
            kind,
            detail: detail.into(),
            transient,
            http_status: None,
            code: None,
            retry_after: None,
            task_id: None,
            task: None,
            polls: 0,
            elapsed: Duration::ZERO,
            source: None,
        }))
    }

    pub(crate) fn config(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Config, detail)
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    pub(crate) fn caused_by(self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.with(|inner| inner.source = Some(Arc::new(source)))
    }

    pub(crate) fn with_response(
        self,
        http_status: Option<u16>,
        code: Option<i64>,
        retry_after: Option<Duration>,
    ) -> Self {
        self.with(|inner| {
            inner.http_status = http_status;
            inner.code = code;
            inner.retry_after = retry_after;
        })
    }

    /// With the causes of another error, whose sentence is in this one's.
    pub(crate) fn caused_like(self, other: &Self) -> Self {
        self.with(|inner| inner.source.clone_from(&other.0.source))
    }

    /// Polling again cannot mend this one, whatever its kind says.
    pub(crate) fn permanent(self) -> Self {
        self.with(|inner| inner.transient = false)
    }

    pub(crate) fn of_task(self, id: &TaskId, task: Option<Task>) -> Self {
        self.with(|inner| {
            inner.task_id = Some(id.clone());
            inner.task = task;
        })
    }

    pub(crate) fn in_watch(self, polls: u32, elapsed: Duration) -> Self {
        self.with(|inner| {
            inner.polls = polls;
            inner.elapsed = elapsed;
        })
    }

    /// Without the task's name, to stand inside another error's sentence.
    pub(crate) fn without_task(self) -> Self {
        self.with(|inner| inner.task_id = None)
    }

    /// What its sentence says beyond its kind.
    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// What kind of thing went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether polling again makes sense: of this error, not of its kind.
    ///
    /// True for a failed poll that the watch survives, and for [`Deadline`](ErrorKind::Deadline): watch the same task
    /// again. [`NotFound`](ErrorKind::NotFound) is transient until its grace is over,
    /// [`Transport`](ErrorKind::Transport) unless the certificate is not trusted.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.0.transient
    }

    /// The task that was asked about.
    #[must_use]
    pub fn task_id(&self) -> Option<&TaskId> {
        self.0.task_id.as_ref()
    }

    /// The last record seen of the task.
    ///
    /// Between polls a watch keeps no more of a record than its status: of an error from a poll that brought no record,
    /// this is a record with id and status only.
    #[must_use]
    pub fn task(&self) -> Option<&Task> {
        self.0.task.as_ref()
    }

    /// The answer's HTTP status, if there was an answer.
    #[must_use]
    pub fn http_status(&self) -> Option<u16> {
        self.0.http_status
    }

    /// The `code` in the answer's body; of a [`TaskFailed`](ErrorKind::TaskFailed), the vendor's `errorCode`.
    #[must_use]
    pub fn code(&self) -> Option<i64> {
        self.0.code
    }

    /// How long the gateway asked to wait (`Retry-After`, RFC 9110 §10.2.3), at most a day.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// How many polls the watch had made by then; 0 outside a watch.
    #[must_use]
    pub fn polls(&self) -> u32 {
        self.0.polls
    }

    /// How long the watch had waited by then, from its first poll; 0 outside a watch.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed
    }
}

impl ErrorKind {
    /// Whether the gateway asks for fewer requests: of all who ask it, not only of the one who is told.
    pub(crate) const fn is_throttling(self) -> bool {
        matches!(self, Self::RateLimited | Self::Maintenance)
    }

    fn description(self) -> &'static str {
        match self {
            Self::Config => "bad setting",
            Self::Unauthorized => "the gateway refused the API key",
            Self::NotFound => "the gateway has no record of the task",
            Self::InvalidRequest => "the request was refused",
            Self::RateLimited => "the gateway asks for fewer requests",
            Self::Maintenance => "the gateway is under maintenance",
            Self::Server => "the gateway failed",
            Self::Transport => "the connection to the gateway failed",
            Self::Timeout => "the gateway did not answer in time",
            Self::Decode => "what came cannot be read as the gateway's",
            Self::TaskFailed => "the task failed",
            Self::MissingResult => "the task has ended without a result",
            Self::Deadline => "gave up waiting",
            Self::InvalidSignature => "the callback is not proved to be the gateway's",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        if let Some(id) = inner.task_id.as_ref().filter(|id| !id.as_str().trim().is_empty()) {
            write!(f, "task {}: ", OneLine(id.as_str()))?;
        }
        f.write_str(inner.kind.description())?;
        if !inner.detail.is_empty() {
            write!(f, ": {}", OneLine(&inner.detail))?;
        }
        match (inner.http_status, inner.code) {
            _ if inner.kind == ErrorKind::TaskFailed => match inner.code {
                Some(code) => write!(f, " (errorCode {code})"),
                None => Ok(()),
            },
            (Some(status), Some(code)) if i64::from(status) != code => write!(f, " (HTTP {status}, code {code})"),
            (Some(status), _) => write!(f, " (HTTP {status})"),
            (None, Some(code)) => write!(f, " (code {code})"),
            (None, None) => Ok(()),
        }?;
        match inner.retry_after {
            Some(wait) => write!(f, "; retry after {wait:?}"),
            None => Ok(()),
        }
    }
}

/// A text from elsewhere, kept from breaking the line that it is printed in, or from filling the page.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 1000;
        self.0.chars().take(LONGEST).try_for_each(|c| match c {
            c if c.is_control() => write!(f, "{}", c.escape_default()),
            c => write!(f, "{c}"),
        })
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        let mut out = f.debug_struct("Error");
        out.field("kind", &inner.kind).field("message", &self.to_string());
        if inner.polls > 0 {
            out.field("polls", &inner.polls).field("elapsed", &inner.elapsed);
        }
        if let Some(task) = &inner.task {
            out.field("task", task);
        }
        let causes = self.causes();
        if !causes.is_empty() {
            out.field("causes", &causes);
        }
        out.finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl Error {
    fn causes(&self) -> Vec<String> {
        std::iter::successors(self.source(), |&cause| cause.source()).map(ToString::to_string).collect()
    }
}

impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let inner = &*self.0;
        let mut out = serializer.serialize_struct("Error", 11)?;
        out.serialize_field("kind", &inner.kind)?;
        out.serialize_field("message", &self.to_string())?;
        out.serialize_field("causes", &self.causes())?;
        out.serialize_field("transient", &inner.transient)?;
        out.serialize_field("task_id", &inner.task_id)?;
        out.serialize_field("task", &inner.task)?;
        out.serialize_field("http_status", &inner.http_status)?;
        out.serialize_field("code", &inner.code)?;
        out.serialize_field("retry_after_ms", &inner.retry_after.map(millis))?;
        out.serialize_field("polls", &inner.polls)?;
        out.serialize_field("elapsed_ms", &millis(inner.elapsed))?;
        out.end()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

//! The error of every call: what went wrong, as a kind for programs and as a sentence for people.

mod cause;
mod details;
mod kind;
mod stored;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::millis;
use crate::task::{Task, TaskId};

use cause::harmless;
use details::Details;
pub(crate) use kind::EndsWatch;
pub use kind::ErrorKind;

/// Why a poll failed, why a wait ended without a result, or why a setting or a callback was refused.
///
/// [`kind`](Self::kind) is for programs. `Display` is for people: one sentence on one line, which says the cause in plain words.
/// The causes in the words of the HTTP client are in [`source`](StdError::source). Neither holds the API key or the URL of the
/// request. Texts from outside in them are harmless: line breaks, terminal escapes and invisible characters are escaped. An
/// error is one pointer wide and cheap to clone.
///
/// Serialized, it is an object with `kind` (see [`ErrorKind`]), `message`, `causes`, `transient`, `task_id`, `task`,
/// `http_status`, `code`, `retry_after_ms`, `polls` and `elapsed_ms`.
/// It reads back as an equal error, whose causes are texts. Only `kind` and `message` must be there. Errors are equal if all that
/// can be asked of them is; causes count as their texts.
///
/// In the guide: [errors](crate::guide::errors), [deadlines](crate::guide::deadlines).
///
/// ```
/// # use std::time::Duration;
/// # use luma_watch::simulator::{SimulatedTask, Simulator};
/// use luma_watch::{Client, ErrorKind, Status};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let simulator = Simulator::new();
/// # let client = Client::builder("test-key").simulator(&simulator).build().unwrap();
/// # let dark = SimulatedTask::new().generates_for(Duration::ZERO).error(400, "The video is too dark.");
/// # let task_id = simulator.add(dark.ends_with(Status::GenerateFailed));
/// // A task that the vendor could not generate.
/// let error = client.wait_until_done(&task_id).await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::TaskFailed);
/// assert_eq!(error.code(), Some(400));
/// assert_eq!(error.task().unwrap().error_message(), Some("The video is too dark."));
/// assert!(!error.is_transient());
/// assert_eq!(
///     error.to_string(),
///     format!("task {task_id}: the task failed: GENERATE_FAILED: The video is too dark. (errorCode 400)"),
/// );
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Error(Arc<Details>);

impl Error {
    /// An error of this kind, for tests of your own code. Its sentence says what the kind means, and then `detail`.
    ///
    /// ```
    /// use luma_watch::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Unauthorized, "the key has expired");
    /// assert_eq!(error.to_string(), "the gateway refused the API key: the key has expired");
    /// ```
    #[must_use]
    pub fn new(kind: ErrorKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(Details::new(kind, detail.into())))
    }

    pub(crate) fn config(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Config, detail)
    }

    /// The task has succeeded, and its record names no result.
    pub(crate) fn missing_result(task: &Task) -> Self {
        let detail = format!(
            "its status is {}, but its record names no result URL; look at the record again later before you create another task",
            task.status()
        );
        Self::new(ErrorKind::MissingResult, detail).of_task(task.id(), Some(task.clone()))
    }

    fn with(mut self, change: impl FnOnce(&mut Details)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    pub(crate) fn caused_by(self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.with(|details| details.source = Some(harmless(Arc::new(source))))
    }

    pub(crate) fn caused_by_shared(self, source: Arc<dyn StdError + Send + Sync>) -> Self {
        self.with(|details| details.source = Some(harmless(source)))
    }

    /// With the causes of another error, whose sentence is part of this one's.
    pub(crate) fn caused_like(self, other: &Self) -> Self {
        self.with(|details| details.source.clone_from(&other.0.source))
    }

    pub(crate) fn with_response(
        self,
        http_status: Option<u16>,
        code: Option<i64>,
        retry_after: Option<Duration>,
    ) -> Self {
        self.with(|details| {
            details.http_status = http_status;
            details.code = code;
            details.retry_after = retry_after.map(millis::whole);
        })
    }

    /// Makes it not transient, even if errors of its kind are.
    pub(crate) fn permanent(self) -> Self {
        self.with(|details| {
            details.transient = false;
            details.ends_watch = EndsWatch::Confirmed;
        })
    }

    /// Makes it transient: it would end the watch, but is not confirmed yet.
    pub(crate) fn unconfirmed(self) -> Self {
        self.with(|details| details.transient = true)
    }

    /// Makes it transient, even if errors of its kind are not. It ends no watch.
    pub(crate) fn passing(self) -> Self {
        self.with(|details| {
            details.transient = true;
            details.ends_watch = EndsWatch::Never;
        })
    }

    /// Makes it end a watch whose first poll it fails, and no other.
    pub(crate) fn permanent_at_first(self) -> Self {
        self.with(|details| details.ends_watch = EndsWatch::AtFirst)
    }

    /// What it takes until a watch gives up because of it.
    pub(crate) fn ends_watch(&self) -> EndsWatch {
        self.0.ends_watch
    }

    pub(crate) fn of_task(self, id: &TaskId, task: Option<Task>) -> Self {
        self.with(|details| {
            details.task_id = Some(id.clone());
            details.task = task;
        })
    }

    /// With another time to wait than the answer's.
    pub(crate) fn with_retry_after(self, wait: Option<Duration>) -> Self {
        self.with(|details| {
            details.retry_after = wait.map(millis::whole);
            details.obeyed = None;
        })
    }

    /// Says so if watches wait for less than it asks for.
    pub(crate) fn obeyed_up_to(self, cap: Duration) -> Self {
        if self.retry_after().is_none_or(|wait| wait <= cap) {
            self
        } else {
            self.with(|details| details.obeyed = Some(cap))
        }
    }

    /// Its sentence begins with that nothing was sent.
    pub(crate) fn nothing_sent(self) -> Self {
        self.with(|details| details.description = "no request was sent")
    }

    /// Its sentence begins with this, in place of what its kind means for a poll.
    #[cfg(feature = "download")]
    pub(crate) fn described_as(self, description: &'static str) -> Self {
        self.with(|details| details.description = description)
    }

    /// With one more remark at the end of its sentence.
    pub(crate) fn also_saying(self, remark: Option<String>) -> Self {
        match remark {
            Some(remark) => self.and(remark),
            None => self,
        }
    }

    /// Without the task and its id, in the sentence too: the gateway may have named it there.
    pub(crate) fn without_task(self) -> Self {
        const MIN_ID_LEN: usize = 8; // a shorter one may be an ordinary word
        let Some(id) = self.task_id().cloned() else { return self };
        self.with(|details| {
            (details.task_id, details.task) = (None, None);
            if id.as_str().len() >= MIN_ID_LEN && details.detail.contains(id.as_str()) {
                details.detail = details.detail.replace(id.as_str(), "[task]").into();
            }
        })
    }

    /// For eyes that should see neither the causes nor what the task was made with.
    pub(crate) fn redacted(&self) -> Self {
        self.clone().with(|details| {
            details.source = None;
            details.task = details.task.as_ref().map(Task::redacted);
        })
    }

    /// With more in its sentence.
    pub(crate) fn and(self, more: String) -> Self {
        self.with(|details| {
            details.detail = match &*details.detail {
                "" => more.into(),
                before => format!("{before}; {more}").into(),
            }
        })
    }

    pub(crate) fn in_watch(self, polls: u32, elapsed: Duration) -> Self {
        self.with(|details| {
            details.polls = polls;
            details.elapsed = millis::whole(elapsed);
        })
    }

    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether polling again makes sense.
    ///
    /// True for a failed poll after which the watch goes on, and for [`Deadline`](ErrorKind::Deadline): watch the same task
    /// again. It belongs to the error, not to its kind: [`NotFound`](ErrorKind::NotFound) is transient until the
    /// [grace](crate::ClientBuilder::grace) is over, [`Unauthorized`](ErrorKind::Unauthorized) only while a watch that has had a
    /// good answer does not believe it, [`Transport`](ErrorKind::Transport) unless the certificate is not trusted.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.0.transient
    }

    /// The id of the task that the error is about. `None` for a bad setting, for example.
    #[must_use]
    pub fn task_id(&self) -> Option<&TaskId> {
        self.0.task_id.as_ref()
    }

    /// The last record of the task. `None` if there was none.
    ///
    /// Between polls a watch keeps only the status of a record. So if the last poll brought no record, this one holds id and
    /// status and nothing else.
    #[must_use]
    pub fn task(&self) -> Option<&Task> {
        self.0.task.as_ref()
    }

    /// The HTTP status of the answer. `None` if there was no answer.
    #[must_use]
    pub fn http_status(&self) -> Option<u16> {
        self.0.http_status
    }

    /// The `code` in the body of the answer. For a [`TaskFailed`](ErrorKind::TaskFailed), the vendor's `errorCode`.
    #[must_use]
    pub fn code(&self) -> Option<i64> {
        self.0.code
    }

    /// How long the gateway asks to wait (`Retry-After`, RFC 9110 §10.2.3), at most 24 hours. `None` if it does not ask. Watches
    /// obey it for [`ClientBuilder::retry_after_cap`](crate::ClientBuilder::retry_after_cap) at most.
    ///
    /// ```
    /// use std::time::Duration;
    /// use luma_watch::simulator::{Fault, Simulator};
    /// use luma_watch::{Client, ErrorKind};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let simulator = Simulator::new();
    /// simulator.inject(Fault::status(429).retry_after("7"));
    /// let client = Client::builder("test-key").simulator(&simulator).build().unwrap();
    ///
    /// let error = client.status("774d9a7d").await.unwrap_err();
    /// assert_eq!((error.kind(), error.http_status()), (ErrorKind::RateLimited, Some(429)));
    /// assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    /// # }
    /// ```
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// How many polls the watch had made. 0 if the error is not from a watch.
    #[must_use]
    pub fn polls(&self) -> u32 {
        self.0.polls
    }

    /// How long the watch had been running, counted from its first poll. Zero if the error is not from a watch.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

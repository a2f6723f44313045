//! The gateway's record of a task: id, status, times, results, and the reason if it failed.

mod extra;
mod id;
mod params;
mod record;
mod status;
mod unreadable;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

pub(crate) use extra::Extra;
pub use id::TaskId;
pub use params::Params;
pub(crate) use record::Record;
pub use status::Status;
pub use unreadable::UnreadableField;

/// The gateway's record of one task. Cheap to clone: all clones share one record.
///
/// Serialized, it is an object with the accessors' names as keys; the two times are `created_at_ms` and `completed_at_ms`, in
/// Unix milliseconds; `extra` and `unreadable` are left out if they are empty. It reads back as the same task. Only `id` and
/// `status` must be there, so a task for a test is made like this:
///
/// In the guide: [answers](crate::guide::answers).
///
/// ```
/// use std::time::Duration;
/// use luma_watch::{Status, Task};
///
/// let task: Task = serde_json::from_str(
///     r#"{
///         "id": "774d9a7dd608a0e49293903095e45a4c",
///         "status": "SUCCESS",
///         "result_urls": ["https://files.example.com/video.mp4"],
///         "created_at_ms": 1755078296000,
///         "completed_at_ms": 1755078605000
///     }"#,
/// )?;
/// assert_eq!(task.id(), "774d9a7dd608a0e49293903095e45a4c");
/// assert_eq!(task.status(), Status::Success);
/// assert_eq!(task.result_urls(), ["https://files.example.com/video.mp4"]);
/// assert_eq!(task.generation_time(), Some(Duration::from_secs(309)));
/// assert_eq!(task.error_message(), None);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Task(Arc<Record>);

impl From<Record> for Task {
    fn from(record: Record) -> Self {
        Self(Arc::new(record))
    }
}

impl Task {
    /// The task's id.
    #[must_use]
    pub fn id(&self) -> &TaskId {
        &self.0.id
    }

    /// The task's status: still generating, ended well, or failed.
    #[must_use]
    pub fn status(&self) -> Status {
        self.0.status
    }

    /// The URLs of the generated videos. Empty until the task has succeeded.
    ///
    /// The vendor deletes the files after some time: download them soon.
    #[must_use]
    pub fn result_urls(&self) -> &[String] {
        &self.0.result_urls
    }

    /// The URLs of the videos that the task edits. May be empty until the task has ended.
    #[must_use]
    pub fn origin_urls(&self) -> &[String] {
        &self.0.origin_urls
    }

    /// When the task was created, by the gateway's clock. `None` if the record does not say, or not in which time zone.
    #[must_use]
    pub fn created_at(&self) -> Option<SystemTime> {
        self.0.created_at.and_then(unix_time)
    }

    /// When the task ended, by the gateway's clock. `None` if it has not ended, or if the record does not say.
    #[must_use]
    pub fn completed_at(&self) -> Option<SystemTime> {
        self.0.completed_at.and_then(unix_time)
    }

    /// The time from [`created_at`](Self::created_at) to [`completed_at`](Self::completed_at).
    ///
    /// `None` if either is unknown, or if the end lies before the creation.
    #[must_use]
    pub fn generation_time(&self) -> Option<Duration> {
        self.completed_at()?.duration_since(self.created_at()?).ok()
    }

    /// The time from the task's creation to `now`, both by the gateway's clock. `None` if it is unknown, or a day or longer:
    /// then a clock is wrong, or the age is of no more use.
    pub(crate) fn age(&self, now: SystemTime) -> Option<Duration> {
        const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);
        let age = now.duration_since(self.created_at()?).unwrap_or_default();
        Some(age).filter(|age| *age < MAX_AGE)
    }

    /// The vendor's `errorCode` of a failed task. `None` if the vendor gives none, or gives 0.
    #[must_use]
    pub fn error_code(&self) -> Option<i64> {
        self.0.error_code
    }

    /// The vendor's `errorMessage` of a failed task: why it failed.
    ///
    /// ```
    /// use luma_watch::{Status, Task};
    ///
    /// let failed = r#"{"id":"774d9a7d","status":"GENERATE_FAILED","error_code":400,"error_message":"Too dark."}"#;
    /// let task: Task = serde_json::from_str(failed).unwrap();
    /// assert!(task.status().is_terminal() && !task.status().is_success());
    /// assert_eq!((task.error_code(), task.error_message()), (Some(400), Some("Too dark.")));
    /// ```
    #[must_use]
    pub fn error_message(&self) -> Option<&str> {
        self.0.error_message.as_deref()
    }

    /// Without what it was made with, see [`StatusEvent::redacted`](crate::StatusEvent::redacted).
    pub(crate) fn redacted(&self) -> Self {
        let record = &*self.0;
        Self::from(Record {
            result_urls: record.result_urls.clone(),
            created_at: record.created_at,
            completed_at: record.completed_at,
            error_code: record.error_code,
            error_message: record.error_message.clone(),
            extra: record.extra.progress(),
            ..Record::new(record.id.clone(), record.status)
        })
    }

    /// The parameters that the task was created with, as the JSON text that the gateway keeps.
    #[must_use]
    pub fn param_json(&self) -> Option<&str> {
        self.0.param_json.as_deref()
    }

    /// The parameters that the task was created with, read from [`param_json`](Self::param_json) at each call.
    ///
    /// `None` if there are none, or if they are not a JSON object. See [`Params`] for an example.
    #[must_use]
    pub fn params(&self) -> Option<Params> {
        Params::read(self.param_json()?)
    }

    /// The fields of the record that have no method here, by name: those that this crate does not know, such as `progress`, and
    /// those that are not documented but were read in place of a documented one. A field of the record's `response` is named
    /// with a prefix: `response.resolution`.
    ///
    /// They are read at each call. As in [`Params::rest`], a text is kept as it is, and any other value as its JSON. Null and
    /// blank texts are left out. At most 64 fields and 16 KiB are kept; [`unreadable`](Self::unreadable) says if there were
    /// more.
    ///
    /// ```
    /// # let task: luma_watch::Task = serde_json::from_value(serde_json::json!({
    /// #     "id": "x", "status": "GENERATING", "extra": {"progress": "0.4", "response.resolution": "720p"},
    /// # })).unwrap();
    /// // A record with "progress": 0.4 and "response": {"resolution": "720p"}
    /// assert_eq!(task.extra()["progress"].parse(), Ok(0.4));
    /// assert_eq!(task.extra()["response.resolution"], "720p");
    /// ```
    #[must_use]
    pub fn extra(&self) -> BTreeMap<String, String> {
        self.0.extra.fields()
    }

    /// The fields of the record that are there and could not be read: where they stand, and why. Their methods return nothing.
    /// They are no reason to distrust the others. At most 64 fields are listed.
    ///
    /// See [`UnreadableField`] for an example, and [the guide](crate::guide::answers) for what can be read.
    #[must_use]
    pub fn unreadable(&self) -> &[UnreadableField] {
        &self.0.unreadable
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = &*self.0;
        let mut out = f.debug_struct("Task");
        out.field("id", &record.id.as_str())
            .field("status", &format_args!("{}", record.status))
            .field("result_urls", &record.result_urls)
            .field("origin_urls", &record.origin_urls)
            .field("created_at_ms", &record.created_at)
            .field("completed_at_ms", &record.completed_at)
            .field("error_code", &record.error_code)
            .field("error_message", &record.error_message)
            .field("param_json", &record.param_json);
        if !record.extra.is_empty() {
            out.field("extra", &record.extra);
        }
        if !record.unreadable.is_empty() {
            out.field("unreadable", &record.unreadable);
        }
        out.finish()
    }
}

fn unix_time(ms: i64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(u64::try_from(ms).ok()?))
}

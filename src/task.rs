//! The gateway's record of a task, as values: id, status, times, results, reason of a failure.

mod params;
mod status;

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use params::Params;
pub use status::Status;

/// The id that the gateway gave when the task was created. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(Arc<str>);

impl TaskId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for TaskId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl From<String> for TaskId {
    fn from(id: String) -> Self {
        Self(id.into())
    }
}

impl From<&String> for TaskId {
    fn from(id: &String) -> Self {
        Self(id.as_str().into())
    }
}

impl From<&Self> for TaskId {
    fn from(id: &Self) -> Self {
        id.clone()
    }
}

impl AsRef<str> for TaskId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for TaskId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for TaskId {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<&str> for TaskId {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == **other
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaskId").field(&&*self.0).finish()
    }
}

impl Serialize for TaskId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TaskId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

/// The gateway's record of one task. Cheap to clone.
///
/// It serializes under the names of its accessors, the times as `created_at_ms` and `completed_at_ms` (Unix
/// milliseconds), and reads back as the same task.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Task(Arc<Record>);

/// What a [`Task`] holds.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) id: TaskId,
    pub(crate) status: Status,
    #[serde(default)]
    pub(crate) result_urls: Vec<String>,
    #[serde(default)]
    pub(crate) origin_urls: Vec<String>,
    #[serde(default, rename = "created_at_ms")]
    pub(crate) created_at: Option<i64>,
    #[serde(default, rename = "completed_at_ms")]
    pub(crate) completed_at: Option<i64>,
    #[serde(default)]
    pub(crate) error_code: Option<i64>,
    #[serde(default)]
    pub(crate) error_message: Option<String>,
    #[serde(default)]
    pub(crate) param_json: Option<String>,
}

impl Record {
    pub(crate) fn new(id: TaskId, status: Status) -> Self {
        Self {
            id,
            status,
            result_urls: Vec::new(),
            origin_urls: Vec::new(),
            created_at: None,
            completed_at: None,
            error_code: None,
            error_message: None,
            param_json: None,
        }
    }
}

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

    /// Where the task stands.
    #[must_use]
    pub fn status(&self) -> Status {
        self.0.status
    }

    /// Where the generated videos are. The vendor keeps them for a while only: fetch them soon.
    #[must_use]
    pub fn result_urls(&self) -> &[String] {
        &self.0.result_urls
    }

    /// The videos that were edited. May be empty until the task has ended.
    #[must_use]
    pub fn origin_urls(&self) -> &[String] {
        &self.0.origin_urls
    }

    /// When the task was created, by the gateway's clock.
    #[must_use]
    pub fn created_at(&self) -> Option<SystemTime> {
        self.0.created_at.and_then(unix_time)
    }

    /// When the task ended, by the gateway's clock.
    #[must_use]
    pub fn completed_at(&self) -> Option<SystemTime> {
        self.0.completed_at.and_then(unix_time)
    }

    /// From creation to end. `None` while either is unknown, or if the end comes before the creation.
    #[must_use]
    pub fn generation_time(&self) -> Option<Duration> {
        self.completed_at()?.duration_since(self.created_at()?).ok()
    }

    /// How old it is at this time by the gateway's clock; under a day, for beyond that a clock is wrong, or the task is of no more
    /// use.
    pub(crate) fn age(&self, now: SystemTime) -> Option<Duration> {
        const OLDEST: Duration = Duration::from_secs(24 * 60 * 60);
        let age = now.duration_since(self.created_at()?).unwrap_or_default();
        Some(age).filter(|age| *age < OLDEST)
    }

    /// The vendor's `errorCode` of a failed task.
    #[must_use]
    pub fn error_code(&self) -> Option<i64> {
        self.0.error_code
    }

    /// The vendor's reason for a failed task.
    #[must_use]
    pub fn error_message(&self) -> Option<&str> {
        self.0.error_message.as_deref()
    }

    /// The parameters that the task was created with, as the JSON text that the gateway keeps.
    #[must_use]
    pub fn param_json(&self) -> Option<&str> {
        self.0.param_json.as_deref()
    }

    /// The same, read. `None` if there are none, or if they are not a JSON object.
    #[must_use]
    pub fn params(&self) -> Option<Params> {
        Params::read(self.param_json()?)
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = &*self.0;
        f.debug_struct("Task")
            .field("id", &record.id.as_str())
            .field("status", &format_args!("{}", record.status))
            .field("result_urls", &record.result_urls)
            .field("origin_urls", &record.origin_urls)
            .field("created_at_ms", &record.created_at)
            .field("completed_at_ms", &record.completed_at)
            .field("error_code", &record.error_code)
            .field("error_message", &record.error_message)
            .field("param_json", &record.param_json)
            .finish()
    }
}

fn unix_time(ms: i64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(u64::try_from(ms).ok()?))
}

//! The gateway's record of a task, as values: id, status, times, results, reason of a failure.

mod params;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use params::Params;

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

/// Where a task stands: the vendor's `successFlag`.
///
/// `Display` prints the vendor's names (`GENERATING`, `SUCCESS`, …), and `Serialize` writes them; an unknown flag is written as its number.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// 0: the task is being worked on.
    Generating,
    /// 1: the result is there.
    Success,
    /// 2: the task could not be created.
    CreateTaskFailed,
    /// 3: the task was created, and failed.
    GenerateFailed,
    /// 4: **a success**: the result is there, and only the vendor's call to the task's own callback URL failed.
    CallbackFailed,
    /// A flag that the vendor does not document; -1 stands for no flag at all. The watch goes on.
    Unknown(i64),
}

impl Status {
    /// The vendor's number for it.
    #[must_use]
    pub const fn flag(self) -> i64 {
        match self {
            Self::Generating => 0,
            Self::Success => 1,
            Self::CreateTaskFailed => 2,
            Self::GenerateFailed => 3,
            Self::CallbackFailed => 4,
            Self::Unknown(flag) => flag,
        }
    }

    /// Whether the task has ended, well or not: flags 1, 2, 3 and 4.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Success | Self::CreateTaskFailed | Self::GenerateFailed | Self::CallbackFailed)
    }

    pub(crate) const fn from_flag(flag: i64) -> Self {
        match flag {
            0 => Self::Generating,
            1 => Self::Success,
            2 => Self::CreateTaskFailed,
            3 => Self::GenerateFailed,
            4 => Self::CallbackFailed,
            other => Self::Unknown(other),
        }
    }

    const fn name(self) -> Option<&'static str> {
        match self {
            Self::Generating => Some("GENERATING"),
            Self::Success => Some("SUCCESS"),
            Self::CreateTaskFailed => Some("CREATE_TASK_FAILED"),
            Self::GenerateFailed => Some("GENERATE_FAILED"),
            Self::CallbackFailed => Some("CALLBACK_FAILED"),
            Self::Unknown(_) => None,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => f.pad(&format!("UNKNOWN({})", self.flag())),
        }
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.name() {
            Some(name) => serializer.serialize_str(name),
            None => serializer.serialize_i64(self.flag()),
        }
    }
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Flag(i64),
            Name(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Flag(flag) => Ok(Self::from_flag(flag)),
            Written::Name(name) => (0..=4)
                .map(Self::from_flag)
                .find(|status| status.name() == Some(name.as_str()))
                .ok_or_else(|| serde::de::Error::custom(format_args!("unknown status {name:?}"))),
        }
    }
}

/// The gateway's record of one task. Cheap to clone.
///
/// It serializes under the names of its accessors, times in Unix milliseconds, and reads back as the same task.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Task(#[serde(with = "shared")] Arc<Record>);

/// What a [`Task`] holds.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) id: TaskId,
    pub(crate) status: Status,
    #[serde(default)]
    pub(crate) result_urls: Vec<String>,
    #[serde(default)]
    pub(crate) origin_urls: Vec<String>,
    #[serde(default)]
    pub(crate) created_at: Option<i64>,
    #[serde(default)]
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

mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Record;

    pub(super) fn serialize<S: Serializer>(record: &Arc<Record>, serializer: S) -> Result<S::Ok, S::Error> {
        Record::serialize(record, serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Record>, D::Error> {
        Record::deserialize(deserializer).map(Arc::new)
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

    /// The videos that were edited.
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

//! Where a task stands.

use std::fmt;

use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where a task stands: the vendor's `successFlag`.
///
/// `Display` prints the vendor's names (`GENERATING`, `SUCCESS`, …), and `Serialize` writes them; an unknown flag is
/// written as its number, as all of them are in binary formats.
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

    /// Whether the task has ended well: flags 1 and 4.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Success | Self::CallbackFailed)
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
            Some(name) if serializer.is_human_readable() => serializer.serialize_str(name),
            _ => serializer.serialize_i64(self.flag()),
        }
    }
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(Written)
        } else {
            deserializer.deserialize_i64(Written)
        }
    }
}

/// A name, or a flag.
struct Written;

impl Visitor<'_> for Written {
    type Value = Status;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a status: its name or its flag")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Status, E> {
        let mut known = (0..=4).map(Status::from_flag);
        known.find(|status| status.name() == Some(name)).ok_or_else(|| E::invalid_value(Unexpected::Str(name), &self))
    }

    fn visit_i64<E: de::Error>(self, flag: i64) -> Result<Status, E> {
        Ok(Status::from_flag(flag))
    }

    fn visit_u64<E: de::Error>(self, flag: u64) -> Result<Status, E> {
        i64::try_from(flag).map(Status::from_flag).map_err(|_| E::invalid_value(Unexpected::Unsigned(flag), &self))
    }
}

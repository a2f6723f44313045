//! The status of a task.

use std::fmt;

use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::spelling::is_same;

/// The status of a task: the vendor's `successFlag`.
///
/// `Display` and human-readable formats such as JSON use the vendor's names: `GENERATING`, `SUCCESS`, `CREATE_TASK_FAILED`,
/// `GENERATE_FAILED`, `CALLBACK_FAILED`. An unknown flag is printed as `UNKNOWN(9)` and serialized as its number. Binary
/// formats hold the number of every status.
///
/// In the guide: [first wait](crate::guide::first_wait).
///
/// ```
/// use luma_watch::Status;
///
/// // Flag 4 is a success: the video is there.
/// let status = Status::CallbackFailed;
/// assert!(status.is_terminal() && status.is_success());
/// assert_eq!((status.flag(), status.to_string().as_str()), (4, "CALLBACK_FAILED"));
///
/// // An unknown flag is not an end: the watch goes on.
/// assert!(!Status::Unknown(9).is_terminal());
/// assert_eq!(serde_json::to_string(&[status, Status::Unknown(9)]).unwrap(), r#"["CALLBACK_FAILED",9]"#);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Flag 0: the task is being worked on.
    Generating,
    /// Flag 1: the task has succeeded.
    Success,
    /// Flag 2: the task could not be created.
    CreateTaskFailed,
    /// Flag 3: the task was created, and then failed.
    GenerateFailed,
    /// Flag 4: the task has **succeeded**. Only the vendor's POST to the task's own callback URL failed.
    CallbackFailed,
    /// Any flag that the vendor does not document. -1 also means that the record holds no flag. The watch goes on.
    Unknown(i64),
}

impl Status {
    /// The vendor's number: 0 to 4, or the unknown flag.
    ///
    /// ```
    /// use luma_watch::Status;
    ///
    /// assert_eq!(Status::Generating.flag(), 0);
    /// assert_eq!(Status::Unknown(9).flag(), 9);
    /// ```
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

    /// Whether the task has ended, with success or without: flags 1, 2, 3 and 4. A watch ends at such a status.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Success | Self::CreateTaskFailed | Self::GenerateFailed | Self::CallbackFailed)
    }

    /// Whether the task has succeeded: flags 1 and 4.
    ///
    /// ```
    /// use luma_watch::Status;
    ///
    /// assert!(Status::Success.is_success() && Status::CallbackFailed.is_success());
    /// assert!(!Status::GenerateFailed.is_success() && !Status::Generating.is_success());
    /// ```
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Success | Self::CallbackFailed)
    }

    /// The status that the vendor's number stands for.
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

    /// The status that the vendor's name stands for, however it is spelled.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let mut known = (0..=4).map(Self::from_flag);
        known.find(|status| status.name().is_some_and(|known| is_same(known, name)))
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
            deserializer.deserialize_any(StatusVisitor)
        } else {
            deserializer.deserialize_i64(StatusVisitor)
        }
    }
}

/// Reads a name or a flag.
struct StatusVisitor;

impl Visitor<'_> for StatusVisitor {
    type Value = Status;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a status: ")?;
        for name in (0..=4).filter_map(|flag| Status::from_flag(flag).name()) {
            write!(f, "{name}, ")?;
        }
        f.write_str("or a flag as a number")
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

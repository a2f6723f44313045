//! A field of a record that could not be read.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A field of the gateway's answer that is there and could not be read, from [`Task::unreadable`](crate::Task::unreadable).
///
/// `Display` is the path and the reason: `data.createTime is a time without a zone`.
///
/// ```
/// # let task: luma_watch::Task = serde_json::from_value(serde_json::json!({
/// #     "id": "x", "status": "GENERATING",
/// #     "unreadable": [{"path": "data.createTime", "reason": "is a time without a zone"}],
/// # })).unwrap();
/// // The gateway wrote "createTime": "2026-01-06 08:16:56"
/// let [field] = task.unreadable() else { unreachable!() };
/// assert_eq!((field.path(), field.reason()), ("data.createTime", "is a time without a zone"));
/// assert_eq!(task.created_at(), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UnreadableField {
    path: String,
    reason: String,
}

impl UnreadableField {
    pub(crate) fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), reason: reason.into() }
    }

    /// Where it stands in the answer: `data.response.resultUrls[1]`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What it is, and what it should be: `is a text, not a list`. No text of the gateway is quoted.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for UnreadableField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.reason)
    }
}

//! The id of a task.

use std::borrow::Borrow;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The id that the gateway gave the task when it was created. Cheap to clone: all clones share one text.
///
/// Any text is accepted, as it is. An id that is empty, is in quotes, has blanks or line ends around it, or holds a control
/// or invisible character becomes an error when it is used, before anything is sent.
///
/// `Display` writes the id as it is, for URLs and keys. In `Debug`, in errors and in the log, line breaks, terminal escapes and
/// invisible characters are escaped: an id from outside forges no line there.
///
/// Methods that keep an id take `impl Into<TaskId>`: a `TaskId`, a `&TaskId`, a `&str`, a `String` or an `Arc<str>`.
/// It compares with texts, hashes like its text (a map keyed by `TaskId` is searched by `&str`), sorts like its text, and
/// serializes as a string.
///
/// ```
/// use std::collections::HashMap;
/// use luma_watch::TaskId;
///
/// let id = TaskId::from("774d9a7dd608a0e49293903095e45a4c");
/// assert_eq!(id, "774d9a7dd608a0e49293903095e45a4c");
/// assert_eq!("774d9a7dd608a0e49293903095e45a4c".parse(), Ok(id.clone()));
///
/// let owners = HashMap::from([(id.clone(), "anna")]);
/// assert_eq!(owners.get("774d9a7dd608a0e49293903095e45a4c"), Some(&"anna"));
///
/// assert_eq!(serde_json::to_string(&id).unwrap(), r#""774d9a7dd608a0e49293903095e45a4c""#);
/// assert_eq!(String::from(id).len(), 32);
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(Arc<str>);

impl TaskId {
    /// The id as text.
    ///
    /// ```
    /// assert_eq!(luma_watch::TaskId::from("774d9a7d").as_str(), "774d9a7d");
    /// ```
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

impl From<Arc<str>> for TaskId {
    /// Shares the text, without a copy.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use luma_watch::TaskId;
    ///
    /// let text: Arc<str> = "774d9a7d".into();
    /// assert_eq!(TaskId::from(Arc::clone(&text)), *text);
    /// ```
    fn from(id: Arc<str>) -> Self {
        Self(id)
    }
}

impl From<&Self> for TaskId {
    fn from(id: &Self) -> Self {
        id.clone()
    }
}

impl From<TaskId> for String {
    fn from(id: TaskId) -> Self {
        id.as_str().to_owned()
    }
}

impl FromStr for TaskId {
    type Err = Infallible;

    /// Never fails.
    fn from_str(id: &str) -> Result<Self, Infallible> {
        Ok(Self::from(id))
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

/// An id and its text are equal, whichever stands on the left.
macro_rules! equal_to_text {
    ($($text:ty),+) => { $(
        impl PartialEq<$text> for TaskId {
            fn eq(&self, other: &$text) -> bool {
                let other: &str = other.as_ref();
                self.as_str() == other
            }
        }

        impl PartialEq<TaskId> for $text {
            fn eq(&self, other: &TaskId) -> bool {
                other == self
            }
        }
    )+ };
}

equal_to_text!(str, &str, String);

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_equals_its_text_on_either_side() {
        let (id, text, other) = (TaskId::from("x"), String::from("x"), String::from("y"));
        assert!(id == *"x" && id == "x" && id == text);
        assert!(*"x" == id && "x" == id && text == id);
        assert!(id != *"y" && id != "y" && id != other);
        assert!(*"y" != id && "y" != id && other != id);
    }

    #[test]
    fn an_id_is_made_from_any_text_and_back() {
        let shared: Arc<str> = "x".into();
        let id = TaskId::from(Arc::clone(&shared));
        assert!(std::ptr::eq(id.as_str(), &raw const *shared), "the text is shared");
        assert_eq!("x".parse(), Ok(id.clone()));
        assert_eq!(TaskId::from(&String::from("x")), id);
        assert_eq!(String::from(id), "x");
    }
}

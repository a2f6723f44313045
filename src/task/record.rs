//! What a `Task` holds, and how it is stored.

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use super::extra::Extra;
use super::id::TaskId;
use super::status::Status;
use super::unreadable::UnreadableField;

/// What a `Task` holds. The times are in Unix milliseconds.
#[derive(Debug, PartialEq, Eq, Deserialize)]
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
    #[serde(default)]
    pub(crate) extra: Extra,
    #[serde(default)]
    pub(crate) unreadable: Vec<UnreadableField>,
}

impl Record {
    /// A record with an id and a status only.
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
            extra: Extra::default(),
            unreadable: Vec::new(),
        }
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Formats without names need each field.
        let is_named = serializer.is_human_readable();
        let (no_extra, no_unreadable) = (is_named && self.extra.is_empty(), is_named && self.unreadable.is_empty());
        let length = 11_usize.saturating_sub(usize::from(no_extra)).saturating_sub(usize::from(no_unreadable));
        let mut out = serializer.serialize_struct("Record", length)?;
        out.serialize_field("id", &self.id)?;
        out.serialize_field("status", &self.status)?;
        out.serialize_field("result_urls", &self.result_urls)?;
        out.serialize_field("origin_urls", &self.origin_urls)?;
        out.serialize_field("created_at_ms", &self.created_at)?;
        out.serialize_field("completed_at_ms", &self.completed_at)?;
        out.serialize_field("error_code", &self.error_code)?;
        out.serialize_field("error_message", &self.error_message)?;
        out.serialize_field("param_json", &self.param_json)?;
        if no_extra {
            out.skip_field("extra")?;
        } else {
            out.serialize_field("extra", &self.extra)?;
        }
        if no_unreadable {
            out.skip_field("unreadable")?;
        } else {
            out.serialize_field("unreadable", &self.unreadable)?;
        }
        out.end()
    }
}

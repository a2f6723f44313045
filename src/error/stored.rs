//! An error that was stored, read back: the same kind, sentence, causes and numbers. And which errors are the same.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::cause;
use super::details::{Details, Stored};
use super::kind::ErrorKind;
use crate::one_line;
use crate::task::{Task, TaskId};

/// The fields in the order in which they are written.
#[derive(Deserialize)]
#[serde(rename = "Error")]
struct StoredError {
    kind: ErrorKind,
    message: String,
    #[serde(default)]
    causes: Vec<String>,
    /// Where it is absent, what errors of the kind are.
    #[serde(default, deserialize_with = "present")]
    transient: Option<bool>,
    task_id: Option<TaskId>,
    task: Option<Task>,
    http_status: Option<u16>,
    code: Option<i64>,
    retry_after_ms: Option<u64>,
    #[serde(default)]
    polls: u32,
    #[serde(default)]
    elapsed_ms: u64,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    bool::deserialize(deserializer).map(Some)
}

impl<'de> Deserialize<'de> for Details {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = StoredError::deserialize(deserializer)?;
        let new = Self::new(stored.kind, one_line::escaped(&stored.message).into());
        let mut details = Self {
            stored: Stored::Whole,
            transient: stored.transient.unwrap_or(new.transient),
            http_status: stored.http_status,
            code: stored.code,
            retry_after: stored.retry_after_ms.map(Duration::from_millis),
            task_id: stored.task_id,
            task: stored.task,
            polls: stored.polls,
            elapsed: Duration::from_millis(stored.elapsed_ms),
            source: cause::of_texts(stored.causes.iter().map(|text| one_line::escaped(text))),
            ..new
        };
        if let Some(rest) = details.detail.strip_prefix(&details.prefix()) {
            (details.detail, details.stored) = (rest.to_owned().into(), Stored::AfterPrefix);
        }
        Ok(details)
    }
}

/// All that can be asked of an error is the same. Causes count as their texts.
impl PartialEq for Details {
    fn eq(&self, other: &Self) -> bool {
        let numbers = |error: &Self| {
            let Self { http_status, code, retry_after, polls, elapsed, .. } = *error;
            (error.kind, error.transient, http_status, code, retry_after, polls, elapsed)
        };
        numbers(self) == numbers(other)
            && (&self.task_id, &self.task) == (&other.task_id, &other.task)
            && self.to_string() == other.to_string()
            && self.causes() == other.causes()
    }
}

impl Eq for Details {}

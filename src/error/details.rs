//! What an error holds, and its three written forms: a sentence, `Debug`, and an object for serde.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::cause;
use super::kind::{EndsWatch, ErrorKind};
use crate::millis;
use crate::one_line::OneLine;
use crate::task::{Task, TaskId};

#[derive(Clone)]
pub(super) struct Details {
    pub(super) kind: ErrorKind,
    /// The beginning of the sentence.
    pub(super) description: &'static str,
    /// What the sentence says beyond the kind. May be empty.
    pub(super) detail: Cow<'static, str>,
    /// What of the sentence was stored, in `detail`.
    pub(super) stored: Stored,
    pub(super) transient: bool,
    pub(super) ends_watch: EndsWatch,
    pub(super) http_status: Option<u16>,
    pub(super) code: Option<i64>,
    pub(super) retry_after: Option<Duration>,
    /// How long watches wait instead, if that is less.
    pub(super) obeyed: Option<Duration>,
    pub(super) task_id: Option<TaskId>,
    pub(super) task: Option<Task>,
    pub(super) polls: u32,
    pub(super) elapsed: Duration,
    pub(super) source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// Which part of an error's sentence was read back as it was stored, and is in its `detail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// The error was not stored.
    Nothing,
    /// All after the task's id.
    AfterPrefix,
    Whole,
}

impl Details {
    pub(super) const fn new(kind: ErrorKind, detail: Cow<'static, str>) -> Self {
        Self {
            kind,
            description: kind.description(),
            detail,
            stored: Stored::Nothing,
            transient: kind.is_transient(),
            ends_watch: kind.ends_watch(),
            http_status: None,
            code: None,
            retry_after: None,
            obeyed: None,
            task_id: None,
            task: None,
            polls: 0,
            elapsed: Duration::ZERO,
            source: None,
        }
    }

    pub(super) fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }

    /// Which task it is about, at the beginning of its sentence.
    pub(super) fn prefix(&self) -> String {
        let id = self.task_id.as_ref().filter(|id| !id.as_str().trim().is_empty());
        id.map_or_else(String::new, |id| format!("task {}: ", OneLine(id.as_str())))
    }

    pub(super) fn causes(&self) -> Vec<String> {
        self.source().into_iter().flat_map(cause::chain).map(ToString::to_string).collect()
    }
}

impl fmt::Display for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.stored != Stored::Whole {
            f.write_str(&self.prefix())?;
        }
        if self.stored != Stored::Nothing {
            return f.write_str(&self.detail);
        }
        f.write_str(self.description)?;
        if !self.detail.is_empty() {
            write!(f, ": {}", OneLine(&self.detail))?;
        }
        match (self.http_status, self.code) {
            _ if self.kind == ErrorKind::TaskFailed => match self.code {
                Some(code) => write!(f, " (errorCode {code})"),
                None => Ok(()),
            },
            (Some(status), Some(code)) if i64::from(status) != code => write!(f, " (HTTP {status}, code {code})"),
            (Some(status), _) => write!(f, " (HTTP {status})"),
            (None, Some(code)) => write!(f, " (code {code})"),
            (None, None) => Ok(()),
        }?;
        match (self.retry_after, self.obeyed) {
            (Some(wait), Some(Duration::ZERO)) => write!(f, "; retry after {wait:?}, but watches do not wait"),
            (Some(wait), Some(cap)) => write!(f, "; retry after {wait:?}, but watches wait {cap:?} at most"),
            (Some(wait), None) => write!(f, "; retry after {wait:?}"),
            (None, _) => Ok(()),
        }
    }
}

impl fmt::Debug for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.kind).field("message", &self.to_string());
        if self.polls > 0 {
            out.field("polls", &self.polls).field("elapsed", &self.elapsed);
        }
        if let Some(task) = &self.task {
            out.field("task", task);
        }
        let causes = self.causes();
        if !causes.is_empty() {
            out.field("causes", &causes);
        }
        out.finish_non_exhaustive()
    }
}

impl Serialize for Details {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Error", 11)?;
        out.serialize_field("kind", &self.kind)?;
        out.serialize_field("message", &self.to_string())?;
        out.serialize_field("causes", &self.causes())?;
        out.serialize_field("transient", &self.transient)?;
        out.serialize_field("task_id", &self.task_id)?;
        out.serialize_field("task", &self.task)?;
        out.serialize_field("http_status", &self.http_status)?;
        out.serialize_field("code", &self.code)?;
        out.serialize_field("retry_after_ms", &self.retry_after.map(millis::number))?;
        out.serialize_field("polls", &self.polls)?;
        out.serialize_field("elapsed_ms", &millis::number(self.elapsed))?;
        out.end()
    }
}

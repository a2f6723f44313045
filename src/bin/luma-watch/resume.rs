//! The file of `--resume`: where each task stands, so that the same command goes on.

use std::collections::BTreeMap;
use std::path::Path;

use luma_watch::{Checkpoint, DownloadEvent, StatusEvent, TaskId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use crate::output::Failure;
use crate::saved_file::SavedFile;

/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;

#[derive(Debug)]
pub(crate) struct ResumeFile {
    file: SavedFile,
    content: Content,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(expecting = "a resume file of luma-watch")]
struct Content {
    luma_watch_resume: u32,
    tasks: BTreeMap<TaskId, Entry>,
    /// The files that were downloaded of each task, by URL, each with its own last event.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    files: BTreeMap<TaskId, BTreeMap<String, Value>>,
}

/// Where a task stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum Entry {
    /// It is watched from the begin.
    New,
    /// Its watch goes on from here.
    Waiting { checkpoint: Checkpoint },
    /// It has ended with this event.
    Ended { event: StatusEvent },
}

impl ResumeFile {
    /// Reads the file, if there is one.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let file = SavedFile::new(path, "the resume file")?;
        let content = match file.read()? {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(|error| file.mangled(&error))?,
            None => Content { luma_watch_resume: VERSION, ..Content::default() },
        };
        if content.luma_watch_resume != VERSION {
            return Err(Failure::usage(format!("{file} was written by another version of luma-watch")));
        }
        Ok(Self { file, content })
    }

    /// Checks that it can be written.
    pub(crate) fn check(&mut self) -> Result<(), Failure> {
        self.save([]).map_or(Ok(()), |error| Err(Failure::usage(error)))
    }

    /// The tasks in it, in no particular order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &TaskId> {
        self.content.tasks.keys()
    }

    pub(crate) fn entry(&self, id: &TaskId) -> Option<&Entry> {
        self.content.tasks.get(id)
    }

    pub(crate) fn set(&mut self, id: &TaskId, entry: Entry) {
        self.content.tasks.insert(id.clone(), entry);
        self.file.change();
    }

    /// Notes that the checkpoints of watches have changed.
    pub(crate) fn change(&mut self) {
        self.file.change();
    }

    /// Notes a file of a task.
    pub(crate) fn keep(&mut self, id: &TaskId, url: &str, event: &DownloadEvent) {
        if let Ok(event) = serde_json::to_value(event) {
            self.content.files.entry(id.clone()).or_default().insert(url.to_owned(), event);
            self.file.change();
        }
    }

    /// The files of a task that were downloaded and are still there, by URL.
    pub(crate) fn files(&self, id: &TaskId) -> BTreeMap<String, Value> {
        let mut files = self.content.files.get(id).cloned().unwrap_or_default();
        files
            .retain(|_, event| event.get("path").and_then(Value::as_str).is_some_and(|path| Path::new(path).is_file()));
        files
    }

    /// When to save it next.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.file.due()
    }

    /// Saves it, with these checkpoints. Returns what went wrong, once.
    pub(crate) fn save(&mut self, checkpoints: impl IntoIterator<Item = Checkpoint>) -> Option<String> {
        for checkpoint in checkpoints {
            let id = checkpoint.task_id().clone();
            self.content.tasks.insert(id, Entry::Waiting { checkpoint });
        }
        // Its keys are texts: it can always be written as JSON.
        self.file.write(&serde_json::to_vec(&self.content).unwrap_or_default())
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.file.has_failed()
    }
}

//! The downloads of `wait --download`: a few tasks at a time.

use std::collections::{HashSet, VecDeque};
use std::fs;
use std::path::PathBuf;

use futures::stream::{BoxStream, SelectAll};
use futures::{StreamExt, future, stream};
use luma_watch::{Client, DownloadEvent, Task, TaskId};
use serde_json::Value;

use crate::output::Failure;

/// Tasks whose files are downloaded at the same time. The others wait.
const TASKS_AT_ONCE: usize = 4;

/// What came of a file of a task. `None`: each file of the task has ended.
pub(crate) type FileEvent = (TaskId, Option<DownloadEvent>);

pub(crate) struct Downloads {
    client: Client,
    folder: PathBuf,
    waiting: VecDeque<Task>,
    running: SelectAll<BoxStream<'static, FileEvent>>,
    /// How many of them have not ended. (The set itself counts those, too, that end with their next poll.)
    unfinished: usize,
}

impl Downloads {
    /// Makes the folder, if it is not there. Its name has to be UTF-8, as that of each file, because JSON holds them.
    pub(crate) fn open(client: Client, folder: PathBuf) -> Result<Self, Failure> {
        let unusable = |why: &str| Failure::usage(format!("the folder {} cannot be used: {why}", folder.display()));
        if folder.to_str().is_none() {
            return Err(unusable("its name is not valid UTF-8"));
        }
        fs::create_dir_all(&folder).map_err(|error| unusable(&error.to_string()))?;
        Ok(Self { client, folder, waiting: VecDeque::new(), running: SelectAll::new(), unfinished: 0 })
    }

    /// Downloads the results of a task that are missing. Returns `false` if none is.
    pub(crate) fn push(&mut self, task: &Task, is_missing: impl Fn(&str) -> bool) -> bool {
        let mut seen = HashSet::new();
        let urls = task.result_urls().iter().filter(|url| is_missing(url) && seen.insert(url.as_str()));
        let urls: Vec<_> = urls.cloned().collect();
        if urls.is_empty() {
            return false;
        }
        self.waiting.push_back(with_urls(task, urls));
        true
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.unfinished == 0
    }

    /// The next event. Without a download, it never comes.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> FileEvent {
        while self.unfinished < TASKS_AT_ONCE {
            let Some(task) = self.waiting.pop_front() else { break };
            let (id, end) = (task.id().clone(), task.id().clone());
            let events = self.client.download(&task, &self.folder).map(move |event| (id.clone(), Some(event)));
            self.unfinished = self.unfinished.saturating_add(1);
            self.running.push(events.chain(stream::once(future::ready((end, None)))).boxed());
        }
        let Some((id, event)) = self.running.next().await else { return future::pending().await };
        if event.is_none() {
            self.unfinished = self.unfinished.saturating_sub(1);
        }
        (id, event)
    }
}

/// A copy of the task with these results only.
fn with_urls(task: &Task, urls: Vec<String>) -> Task {
    if urls == task.result_urls() {
        return task.clone();
    }
    let mut stored = serde_json::to_value(task).unwrap_or_default();
    if let Some(results) = stored.get_mut("result_urls") {
        *results = Value::from(urls);
    }
    serde_json::from_value(stored).unwrap_or_else(|_| task.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_with_fewer_results_keeps_all_else() {
        let stored = r#"{"id":"a","status":"SUCCESS","result_urls":["https://f/1","https://f/2"],"error_message":"x"}"#;
        let task: Task = serde_json::from_str(stored).unwrap();
        let fewer = with_urls(&task, vec!["https://f/2".to_owned()]);
        assert_eq!((fewer.id(), fewer.result_urls()), (task.id(), &["https://f/2".to_owned()][..]));
        assert_eq!(fewer.error_message(), Some("x"));
        assert_eq!(with_urls(&task, task.result_urls().to_vec()), task);
    }
}

//! Where each task stands.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use luma_watch::{DownloadEvent, Status, StatusEvent, Task, TaskId};
use tokio::time::Instant;

use crate::describe::without_id;
use crate::exit::Exit;

/// All tasks of the command, in its order.
#[derive(Debug)]
pub(crate) struct Board {
    rows: Vec<Row>,
    index: HashMap<TaskId, usize>,
}

/// One task.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: TaskId,
    /// When its watch began, as far as is known.
    pub(crate) started: Option<Instant>,
    pub(crate) created_at: Option<SystemTime>,
    pub(crate) next_poll: Option<Instant>,
    pub(crate) state: State,
    /// Whether a file of it could not be kept.
    pub(crate) lost_file: bool,
    /// How it ended.
    pub(crate) exit: Option<Exit>,
}

/// What is known of a task that has not ended.
#[derive(Debug)]
pub(crate) enum State {
    NotAsked,
    /// The gateway's answer.
    Status(Status),
    /// The last poll failed, for this reason.
    PollFailed(String),
    HeldBack,
    /// Of each file that has begun: the bytes that are there, and its size if that is known.
    Downloading {
        files: HashMap<String, (u64, Option<u64>)>,
    },
}

impl Board {
    pub(crate) fn new(ids: &[TaskId]) -> Self {
        let rows = ids.iter().map(|id| Row {
            id: id.clone(),
            started: None,
            created_at: None,
            next_poll: None,
            state: State::NotAsked,
            lost_file: false,
            exit: None,
        });
        let index = ids.iter().enumerate().map(|(place, id)| (id.clone(), place));
        Self { rows: rows.collect(), index: index.collect() }
    }

    fn row(&mut self, id: &TaskId) -> Option<&mut Row> {
        self.index.get(id).and_then(|place| self.rows.get_mut(*place))
    }

    /// Notes an event of a task.
    pub(crate) fn on_event(&mut self, id: &TaskId, event: &StatusEvent) {
        let now = Instant::now();
        let Some(row) = self.row(id) else { return };
        let (elapsed, next_poll_in) = match event {
            StatusEvent::Generating(progress) => {
                row.state = State::Status(progress.task.status());
                (progress.elapsed, progress.next_poll_in)
            }
            StatusEvent::PollFailed(failure) => {
                row.state = State::PollFailed(without_id(&failure.error.to_string(), id));
                (failure.elapsed, failure.next_poll_in)
            }
            StatusEvent::HeldBack(hold) => {
                row.state = State::HeldBack;
                (hold.elapsed, hold.next_poll_in)
            }
            _ => return,
        };
        row.created_at = event.task().and_then(Task::created_at).or(row.created_at);
        row.started = now.checked_sub(elapsed);
        row.next_poll = now.checked_add(next_poll_in);
    }

    /// Notes that the files of a task are downloaded from now on.
    pub(crate) fn start_download(&mut self, id: &TaskId) {
        if let Some(row) = self.row(id) {
            row.next_poll = None;
            row.state = State::Downloading { files: HashMap::new() };
        }
    }

    /// Notes what came of a file.
    pub(crate) fn on_file(&mut self, id: &TaskId, event: &DownloadEvent) {
        let Some(row) = self.row(id) else { return };
        row.lost_file = row.lost_file || matches!(event, DownloadEvent::Failed { .. });
        let State::Downloading { files } = &mut row.state else { return };
        let (url, bytes, size) = match event {
            DownloadEvent::Started { url, resumed_from, size, .. } => (url, *resumed_from, *size),
            DownloadEvent::Progress { url, bytes, size, .. } => (url, *bytes, *size),
            DownloadEvent::Kept { url, bytes, .. } => (url, *bytes, Some(*bytes)),
            _ => return,
        };
        files.insert(url.clone(), (bytes, size));
    }

    /// Notes how a task ended.
    pub(crate) fn end(&mut self, id: &TaskId, exit: Exit) {
        if let Some(row) = self.row(id) {
            let exit = if row.lost_file { exit.and(Exit::File) } else { exit };
            row.exit = Some(row.exit.map_or(exit, |before| before.and(exit)));
        }
    }

    /// The exit code of the tasks that have ended.
    pub(crate) fn exit(&self) -> Exit {
        self.rows.iter().filter_map(|row| row.exit).fold(Exit::Results, Exit::and)
    }

    /// The tasks for which the command has to be run again.
    pub(crate) fn unfinished(&self) -> Vec<&TaskId> {
        let unfinished = |row: &&Row| row.exit.is_none_or(Exit::may_change);
        self.rows.iter().filter(unfinished).map(|row| &row.id).collect()
    }

    /// The tasks that have not ended.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.exit.is_none())
    }

    /// The number of tasks.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// One line about all tasks: `2 of 5 tasks have ended, 1 of them without a result`.
    pub(crate) fn summary(&self) -> String {
        let waiting = self.waiting().count();
        let ended = self.len().saturating_sub(waiting);
        let without = self.rows.iter().filter(|row| row.exit.is_some_and(|exit| exit != Exit::Results)).count();
        let without = if without == 0 { String::new() } else { format!(", {without} of them without a result") };
        format!("{ended} of {} tasks have ended{without}", self.len())
    }
}

impl Row {
    /// How long the wait for it has lasted.
    pub(crate) fn elapsed(&self, now: Instant) -> Duration {
        self.started.map_or(Duration::ZERO, |started| now.saturating_duration_since(started))
    }

    /// How old the task is, as far as is known.
    pub(crate) fn age(&self, now: Instant) -> Duration {
        let age = self.created_at.and_then(|created| SystemTime::now().duration_since(created).ok());
        age.unwrap_or_else(|| self.elapsed(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_and_exit_count_each_task_once() {
        let ids = ["a", "b", "c"].map(TaskId::from);
        let mut board = Board::new(&ids);
        board.end(&ids[0], Exit::Results);
        board.end(&ids[2], Exit::Failed);
        assert_eq!(board.summary(), "2 of 3 tasks have ended, 1 of them without a result");
        assert_eq!((board.exit(), board.unfinished()), (Exit::Failed, vec![&ids[1]]));
        board.end(&ids[1], Exit::Unfinished);
        board.end(&ids[1], Exit::Results);
        assert_eq!((board.exit(), board.unfinished()), (Exit::Unfinished, vec![&ids[1]]));
    }
}

//! What a watch keeps of the last record between polls.

use std::time::Duration;

use crate::task::{Record, Status, Task, TaskId};

#[derive(Debug, Default)]
pub(super) struct LastRecord {
    /// The status, if it was not [`Status::Generating`].
    flag: Option<i64>,
    /// Kept only for a schedule that learns.
    pub(super) observation: Option<LastObservation>,
}

/// The task's age at the last good answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct LastObservation {
    pub(super) age: Duration,
    /// When that answer came, from the first poll of the stream.
    pub(super) at: Duration,
}

impl LastRecord {
    /// The flag to keep of a status of a task that is not finished.
    pub(super) fn flag_to_keep(status: Status) -> Option<i64> {
        (status != Status::Generating).then(|| status.flag())
    }

    pub(super) fn set_flag(&mut self, flag: Option<i64>) {
        self.flag = flag;
    }

    pub(super) fn flag(&self) -> Option<i64> {
        self.flag
    }

    /// The status that was kept.
    pub(super) fn status(&self) -> Option<Status> {
        self.flag.map(Status::from_flag)
    }
}

/// What is left of a record: id and status.
pub(super) fn remains(id: &TaskId, status: Status) -> Task {
    Task::from(Record::new(id.clone(), status))
}

impl LastObservation {
    /// How old the task is now.
    pub(super) fn age_at(self, elapsed: Duration) -> Duration {
        self.age.saturating_add(elapsed.saturating_sub(self.at))
    }
}

pub(super) fn is_without_result(task: &Task) -> bool {
    task.status().is_success() && task.result_urls().is_empty()
}

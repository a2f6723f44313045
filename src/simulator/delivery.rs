//! How a task's callback reaches its receiver, or does not.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::task::{Status, TaskId};

/// The callback of a simulated task: posted once, when the task ends, unless told otherwise. Needs the feature `callback`.
///
/// As by the gateway: it waits 15 s for an answer of 200 to 299, tries three times more, each 10 s of its own time after the
/// last, and then turns the record of a task that succeeded to [`Status::CallbackFailed`](crate::Status::CallbackFailed).
/// Callbacks are posted while a [`Server`](super::Server) of the simulator is alive, in real time: without one nothing is, and
/// the record stays as it is. Their timestamps are the real clock's.
#[derive(Clone, Debug)]
#[must_use = "a delivery does nothing until it is a task's"]
pub struct Delivery {
    pub(super) url: String,
    pub(super) late: Duration,
    pub(super) times: u32,
    pub(super) lost: bool,
    pub(super) forged_at: Option<Duration>,
}

impl Delivery {
    /// To this URL, of a receiver on this machine: `http://127.0.0.1:8080/callbacks`. Where nobody answers, it counts as not
    /// accepted.
    pub fn to(url: impl Into<String>) -> Self {
        Self { url: url.into(), late: Duration::ZERO, times: 1, lost: false, forged_at: None }
    }

    /// So long after the task's end. Default: no time.
    pub const fn late(mut self, by: Duration) -> Self {
        self.late = by;
        self
    }

    /// So many times, one after the other, although it was accepted. Default: 1.
    pub const fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Nothing arrives; the gateway believes that it tried.
    pub const fn lost(mut self) -> Self {
        self.lost = true;
        self
    }

    /// Someone else, who does not have the key, sends a callback when the task is so old. Without a
    /// [key](super::Simulator::callback_key), it looks like any other.
    pub const fn forged_at(mut self, age: Duration) -> Self {
        self.forged_at = Some(age);
        self
    }

    /// What is to be posted of a task that was created then, in the simulator's time.
    pub(super) fn scheduled(
        &self,
        task_id: &TaskId,
        born: Duration,
        ends: Option<(Duration, Status)>,
    ) -> Vec<ScheduledCallback> {
        let callback = |at: Duration, success, forged| ScheduledCallback {
            task_id: task_id.clone(),
            delivery: self.clone(),
            born,
            at: born.saturating_add(at),
            success,
            forged,
        };
        let forged = self.forged_at.map(|age| callback(age, true, true));
        let own = ends.map(|(after, status)| callback(after.saturating_add(self.late), status.is_success(), false));
        forged.into_iter().chain(own).collect()
    }
}

/// One callback to be posted.
#[derive(Clone, Debug)]
pub(super) struct ScheduledCallback {
    pub(super) task_id: TaskId,
    pub(super) delivery: Delivery,
    /// When the task was created and when this is due, in the simulator's time.
    pub(super) born: Duration,
    pub(super) at: Duration,
    pub(super) success: bool,
    /// Not by the gateway.
    pub(super) forged: bool,
}

/// Those still to be posted, and how they are signed.
#[derive(Default)]
pub(super) struct Callbacks {
    pub(super) key: Option<String>,
    pub(super) scheduled: Vec<ScheduledCallback>,
    /// That there are some.
    pub(super) added: Arc<Notify>,
}

impl Callbacks {
    pub(super) fn add(&mut self, scheduled: Vec<ScheduledCallback>) {
        if !scheduled.is_empty() {
            self.scheduled.extend(scheduled);
            self.added.notify_one();
        }
    }
}

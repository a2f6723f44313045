//! The callbacks that are not delivered yet.

use std::collections::BTreeMap;
use std::time::Duration;

use super::delivery::ScheduledCallback;
use crate::task::TaskId;

/// The callbacks that are not delivered yet, and the key that signs them.
#[derive(Default)]
pub(super) struct CallbackQueue {
    pub(super) key: Option<String>,
    /// By when they are due, in the simulator's time, and by a number that keeps their order.
    scheduled: BTreeMap<(Duration, u64), ScheduledCallback>,
    next_number: u64,
}

impl CallbackQueue {
    pub(super) fn add(&mut self, at: Duration, callback: ScheduledCallback) {
        self.scheduled.insert((at, self.next_number), callback);
        self.next_number = self.next_number.saturating_add(1);
    }

    /// When the next callback is due.
    pub(super) fn next_at(&self) -> Option<Duration> {
        self.scheduled.keys().next().map(|(at, _)| *at)
    }

    /// Takes out the next callback.
    pub(super) fn pop(&mut self) -> Option<ScheduledCallback> {
        self.scheduled.pop_first().map(|(_, callback)| callback)
    }

    /// Takes out the callbacks of a task that is replaced.
    pub(super) fn remove(&mut self, task_id: &TaskId) {
        self.scheduled.retain(|_, callback| callback.task_id != *task_id);
    }

    /// Takes out what follows after `callback` was accepted.
    pub(super) fn remove_repetition(&mut self, callback: &ScheduledCallback) {
        self.scheduled.retain(|_, other| other.is_forged || other.task_id != callback.task_id);
    }
}

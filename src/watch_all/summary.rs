//! What is known of a task between two of its events.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::task_slots::{Slot, Stage};
use crate::task::Status;

/// What a [`WatchAll`](crate::WatchAll) knows of one of its tasks, see [`WatchAll::get`](crate::WatchAll::get).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TaskSummary {
    /// The status in its last record. `None` if there was none.
    pub status: Option<Status>,
    /// The number of polls made so far.
    pub polls: u32,
    /// The time since the first poll of the stream with this task.
    #[serde(rename = "elapsed_ms", with = "crate::millis")]
    pub elapsed: Duration,
    /// The rest of its pause, after which the next poll may have to wait for the client's limits. `None` before the first
    /// poll of the stream, while it waits for the limits, while a request is in flight, and while its next event has not been
    /// yielded.
    #[serde(rename = "next_poll_in_ms", serialize_with = "crate::millis::serialize_option")]
    pub next_poll_in: Option<Duration>,
}

impl TaskSummary {
    pub(super) fn of(slot: &Slot, now: Instant) -> Self {
        let due = slot.due().filter(|_| slot.stage == Stage::Scheduled);
        let due = due.and_then(|due| slot.watch.core().epoch.instant(due));
        let next_poll_in = due.map(|due| due.saturating_duration_since(now));
        let (status, polls, elapsed) = slot.watch.progress(now);
        Self { status, polls, elapsed, next_poll_in }
    }
}

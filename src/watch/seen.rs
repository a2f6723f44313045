//! What a watch knows of itself from the events that it yields: the state of its loop is out of reach between two polls.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::checkpoint::Checkpoint;
use crate::client_core::ClientCore;
use crate::event::StatusEvent;
use crate::poll_state::SavedState;
use crate::task::TaskId;
use crate::task_watch::TaskWatch;

#[derive(Clone)]
pub(super) struct Seen {
    core: Arc<ClientCore>,
    /// In nanoseconds from the client's epoch. `NOT_STARTED`: it has not.
    started: i64,
    polls: u32,
    failures: u32,
}

const NOT_STARTED: i64 = i64::MAX;

impl Seen {
    pub(super) fn new(core: Arc<ClientCore>) -> Self {
        Self { core, started: NOT_STARTED, polls: 0, failures: 0 }
    }

    /// Of a watch whose stream has not been polled.
    pub(super) fn of(watch: &TaskWatch) -> Self {
        let mut seen = Self::new(Arc::clone(watch.core()));
        if let Some((started, polls, failures)) = watch.resumed_from() {
            (seen.started, seen.polls, seen.failures) = (started, polls, failures);
        }
        seen
    }

    /// The watch yields this event.
    pub(super) fn note(&mut self, event: &StatusEvent) {
        let (polls, elapsed) = event.progress();
        self.polls = polls;
        self.failures = self.failures.saturating_add(u32::from(matches!(event, StatusEvent::PollFailed(_))));
        let elapsed = i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX);
        self.started = self.core.epoch.nanos(Instant::now()).saturating_sub(elapsed);
    }

    pub(super) fn checkpoint(&self, id: &TaskId, end: Option<StatusEvent>) -> Checkpoint {
        let now = Instant::now();
        let lasted =
            if self.started == NOT_STARTED { Duration::ZERO } else { self.core.epoch.since(self.started, now) };
        self.core.checkpoint(id, lasted, SavedState::of_counts(self.polls, self.failures), end)
    }
}

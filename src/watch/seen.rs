//! What a watch knows of itself from the events that it yields: the state of its loop is out of reach between two polls. In 16
//! bytes, because there may be 100,000 watches.

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
    /// In milliseconds from the client's epoch. It wraps after 49 days, and no wait is as long.
    started: u32,
    /// The number of polls, and whether there was a good answer, or no start.
    polls: u32,
}

const ANSWERED: u32 = 1 << 31;
const NOT_STARTED: u32 = 1 << 30;

impl Seen {
    pub(super) fn new(core: Arc<ClientCore>) -> Self {
        Self { core, started: 0, polls: NOT_STARTED }
    }

    /// Of a watch whose stream has not been polled.
    pub(super) fn of(watch: &TaskWatch) -> Self {
        let mut seen = Self::new(Arc::clone(watch.core()));
        if let Some((lasted, polls, failures)) = watch.resumed_from(Instant::now()) {
            seen.note_progress(polls, polls > failures, lasted);
        }
        seen
    }

    /// The watch yields this event.
    pub(super) fn note(&mut self, event: &StatusEvent) {
        let (polls, elapsed) = event.progress();
        let is_good = matches!(event, StatusEvent::Generating(_) | StatusEvent::Done(_));
        self.note_progress(polls, is_good || self.polls & ANSWERED != 0, elapsed);
    }

    fn note_progress(&mut self, polls: u32, answered: bool, elapsed: Duration) {
        self.polls = polls.min(NOT_STARTED.saturating_sub(1)) | if answered { ANSWERED } else { 0 };
        self.started = self.now().wrapping_sub(millis(elapsed));
    }

    pub(super) fn checkpoint(&self, id: &TaskId, end: Option<StatusEvent>) -> Checkpoint {
        let (is_new, answered) = (self.polls & NOT_STARTED != 0, self.polls & ANSWERED != 0);
        let lasted = if is_new { 0 } else { self.now().wrapping_sub(self.started) };
        let polls = if is_new { 0 } else { self.polls & !ANSWERED };
        let state = SavedState::of_counts(polls, if answered { 0 } else { polls });
        self.core.checkpoint(id, Duration::from_millis(lasted.into()), state, end)
    }

    fn now(&self) -> u32 {
        millis(self.core.epoch.since(0, Instant::now()))
    }
}

#[allow(clippy::cast_possible_truncation)] // it wraps
fn millis(time: Duration) -> u32 {
    time.as_millis() as u32
}

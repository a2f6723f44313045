//! Extra polls: polls before the schedule's own, because a callback or the caller asked for one.
//!
//! The schedule's own poll stays where it was. Polls before it are extra: a good answer does not move the schedule on, and a
//! failure is retried in a rhythm of its own.

use std::time::Duration;

/// Times count from the first poll of the stream.
#[derive(Debug, Default)]
pub(super) struct Extra {
    /// When the schedule's own poll is due, while extra polls come before it.
    scheduled_at: Option<Duration>,
    /// How many of the failures in a row were extra polls.
    failures: u32,
}

impl Extra {
    /// The next poll comes before the schedule's own, which is due at `scheduled_at` unless it was brought forward before.
    pub(super) fn begin(&mut self, scheduled_at: Duration) {
        self.scheduled_at.get_or_insert(scheduled_at);
    }

    /// For a request that was sent then: when the schedule's own poll is due, if the request was an extra one.
    pub(super) fn scheduled_after(&self, sent: Duration) -> Option<Duration> {
        self.scheduled_at.filter(|scheduled_at| *scheduled_at > sent)
    }

    /// The schedule's own poll was sent.
    pub(super) fn end(&mut self) {
        self.scheduled_at = None;
    }

    /// An extra poll failed. Returns how many have failed in a row.
    pub(super) fn failed(&mut self) -> u32 {
        self.failures = self.failures.saturating_add(1);
        self.failures
    }

    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }

    /// A good answer came.
    pub(super) fn recovered(&mut self) {
        self.failures = 0;
    }
}

//! The state that most watches never have: one box, so that the others carry a pointer only.

use std::time::Duration;

use super::extra::Extra;
use super::failure_streak::FailureStreak;
use super::last_record::LastRecord;
use crate::schedule::PolicyState;

/// What a watch without failures, extra polls or a stateful schedule never needs.
#[derive(Debug, Default)]
pub(super) struct Uncommon {
    pub(super) policy: PolicyState,
    pub(super) counts: Counts,
    pub(super) streak: FailureStreak,
    pub(super) extra: Extra,
    pub(super) last_record: LastRecord,
    /// The gateway asked for no poll before (`Retry-After`). From the first poll of the stream.
    pub(super) not_before: Duration,
    /// Until when the next poll needs a token of the retry budget.
    pub(super) held_until: Option<Duration>,
    /// The number of the last refusal of which the watch has yielded an event.
    pub(super) known_refusal: Option<u32>,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Failed polls.
    pub(super) failures: u32,
    /// Good answers to extra polls, which do not move the schedule on.
    pub(super) extra: u32,
}

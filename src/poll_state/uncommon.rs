//! The state that most watches never have: one box, so that the others carry a pointer only.

use std::time::Duration;

use super::extra::Extra;
use super::failure_streak::FailureStreak;
use super::last_record::LastRecord;
use super::wait_state::WaitState;
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
    pub(super) wait: WaitState,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Failed polls.
    pub(super) failures: u32,
    /// The number of the last poll that failed.
    pub(super) last_failed_poll: u32,
    /// Good answers to extra polls, which do not move the schedule on.
    pub(super) extra: u32,
}

impl Uncommon {
    /// The poll of this number failed. Returns how many have failed in a row, and how many of the same kind: extra polls and the
    /// schedule's own are retried each in their own rhythm.
    pub(super) fn failed(&mut self, extra: bool, poll: u32) -> (u32, u32) {
        self.counts.last_failed_poll = poll;
        self.counts.failures = self.counts.failures.saturating_add(1);
        self.streak.count = self.streak.count.saturating_add(1);
        let consecutive = self.streak.count;
        let of_kind = if extra { self.extra.failed() } else { consecutive.saturating_sub(self.extra.failures()) };
        (consecutive, of_kind)
    }

    /// A good answer came: the task is not finished. `flag`: of its record, if it is worth keeping.
    pub(super) fn good_answer(&mut self, flag: Option<i64>, extra: bool) {
        self.counts.extra = self.counts.extra.saturating_add(u32::from(extra));
        if self.streak.recovered() {
            self.policy.recovered();
        }
        self.extra.recovered();
        self.last_record.set_flag(flag);
    }
}

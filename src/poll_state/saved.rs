//! What of a watch's state outlives it: enough that a watch in another process decides as this one would.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::config::WatchConfig;
use super::failure_streak::SavedStreak;
use super::last_record::LastObservation;
use super::state::PollState;
use crate::millis;

/// Without the state of a backoff policy, the place in the client's queue, and extra polls. Times count from the start of the
/// watch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedState {
    pub(crate) polls: u32,
    pub(crate) failures: u32,
    last_failed_poll: u32,
    /// Good answers to extra polls.
    extra: u32,
    /// The status in the last record, if it was not that of a task that is generating.
    flag: Option<i64>,
    /// The task's age, and when that was known.
    age: Option<(u64, u64)>,
    /// The gateway asked for no poll before.
    not_before: u64,
    /// The failed polls in a row.
    streak: Option<SavedStreak>,
}

impl SavedState {
    /// After this number of polls, of which this number failed. More is not known.
    pub(crate) fn of_counts(polls: u32, failures: u32) -> Self {
        Self { polls, failures, ..Self::default() }
    }

    pub(crate) fn is_default(&self) -> bool {
        *self == Self::of_counts(self.polls, 0)
    }
}

impl PollState {
    pub(crate) fn save(&self) -> SavedState {
        let polls = self.polls;
        let Some(uncommon) = &self.uncommon else { return SavedState::of_counts(polls, 0) };
        SavedState {
            polls,
            failures: uncommon.counts.failures,
            last_failed_poll: uncommon.counts.last_failed_poll,
            extra: uncommon.counts.extra,
            flag: uncommon.last_record.flag(),
            age: uncommon.last_record.observation.map(|seen| (millis::number(seen.age), millis::number(seen.at))),
            not_before: millis::number(uncommon.not_before),
            streak: uncommon.streak.save(),
        }
    }

    /// A state that goes on from where another one was.
    pub(crate) fn restore(config: &WatchConfig, saved: SavedState) -> Self {
        let mut state = Self::new(config);
        state.resumed();
        state.polls = saved.polls;
        if !saved.is_default() {
            let uncommon = state.uncommon.get_or_insert_default();
            uncommon.counts.failures = saved.failures.min(saved.polls);
            uncommon.counts.last_failed_poll = saved.last_failed_poll;
            uncommon.counts.extra = saved.extra;
            uncommon.last_record.set_flag(saved.flag);
            uncommon.last_record.observation = saved
                .age
                .map(|(age, at)| LastObservation { age: Duration::from_millis(age), at: Duration::from_millis(at) });
            uncommon.not_before = Duration::from_millis(saved.not_before);
            if let Some(streak) = saved.streak {
                uncommon.streak.restore(streak);
            }
        }
        state
    }
}

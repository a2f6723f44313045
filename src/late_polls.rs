//! Whether a rate limit cannot carry the tasks of its client, which is worth one line per client.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::limiter::{ClientLimits, RateLimit};

#[derive(Debug, Default)]
pub(crate) struct LatePolls {
    is_known: AtomicBool,
}

/// A round of polls takes longer than the pause between them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LateRound {
    pub(crate) waiting: usize,
    pub(crate) round: Duration,
    pub(crate) pause: Duration,
    pub(crate) limit: RateLimit,
}

impl LatePolls {
    /// A poll is sent that has waited this long for its permit. `pause`: of its schedule, zero if that is not known.
    pub(crate) fn note(
        &self,
        waited: Duration,
        pause: Duration,
        limits: impl FnOnce() -> ClientLimits,
    ) -> Option<LateRound> {
        if waited <= pause || pause.is_zero() || self.is_known.load(Ordering::Relaxed) {
            return None;
        }
        let limits = limits();
        let Some(limit) = limits.rate_limit else {
            self.is_known.store(true, Ordering::Relaxed); // nothing is to be known
            return None;
        };
        let waiting = limits.waiting;
        let round = limit.time_for(waiting);
        // It may have waited for something else, and be one of a few.
        let is_late = round > pause && !self.is_known.swap(true, Ordering::Relaxed);
        is_late.then_some(LateRound { waiting, round, pause, limit })
    }
}

//! A sliding window: when each of the last requests went out.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::RateLimit;

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(crate) struct SlidingWindow {
    budget: RateLimit,
    /// The oldest first, none older than the period; never more than the budget has.
    sent: VecDeque<Instant>,
}

impl SlidingWindow {
    pub(crate) const fn new(budget: RateLimit) -> Self {
        Self { budget, sent: VecDeque::new() }
    }

    fn size(&self) -> usize {
        usize::try_from(self.budget.requests).unwrap_or(usize::MAX)
    }

    /// How many may go out now.
    pub(crate) fn free(&mut self, now: Instant) -> usize {
        let period = self.budget.period;
        // What lies a whole period ahead of now was told by another runtime's clock.
        let over = |sent: &Instant| {
            now.saturating_duration_since(*sent) >= period || sent.saturating_duration_since(now) > period
        };
        while self.sent.front().is_some_and(over) {
            self.sent.pop_front();
        }
        self.size().saturating_sub(self.sent.len())
    }

    pub(crate) fn take(&mut self, now: Instant) {
        self.sent.push_back(now);
    }

    /// When someone may go out before whom `priority` others go, if all go as soon as they may.
    pub(super) fn opens(&mut self, priority: usize, now: Instant) -> Instant {
        let Some(behind) = priority.checked_sub(self.free(now)) else { return now };
        let size = self.size().max(1);
        let (rounds, place) = (behind.checked_div(size).unwrap_or(0), behind.checked_rem(size).unwrap_or(0));
        let rounds = u32::try_from(rounds).unwrap_or(u32::MAX).saturating_add(1);
        let sent = self.sent.get(place).copied().unwrap_or(now);
        sent.checked_add(self.budget.period.saturating_mul(rounds)).unwrap_or(now)
    }
}

//! What a request budget leaves to be sent.
//!
//! While there is enough, all go as they come. Once it is used up, they go at an even pace, and not all in the moment in
//! which the last burst is a period old: on their way to the gateway, bursts run into each other.

use tokio::time::Instant;

use super::RateLimit;
use super::pacer::Pacer;
use super::sliding_window::SlidingWindow;

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct RateLimiter {
    budget: RateLimit,
    window: SlidingWindow,
    /// From when it was used up until half of it was left over.
    pacer: Option<Pacer>,
}

impl RateLimiter {
    pub(super) const fn new(budget: RateLimit) -> Self {
        Self { budget, window: SlidingWindow::new(budget), pacer: None }
    }

    /// How many may go out now.
    pub(super) fn free(&mut self, now: Instant) -> usize {
        let free = self.window.free(now);
        let half = self.budget.period.checked_div(2).unwrap_or_default();
        self.pacer.take_if(|pacer| pacer.has_idled(half, now));
        self.pacer.as_ref().map_or(free, |pacer| free.min(pacer.allows(now)))
    }

    pub(super) fn take(&mut self, now: Instant) {
        self.window.take(now);
        if let Some(pacer) = &mut self.pacer {
            pacer.pass(now);
        } else if self.window.free(now) == 0 {
            let gap = self.budget.period.checked_div(self.budget.requests).unwrap_or_default();
            self.pacer = Some(Pacer::new(gap, self.window.opens(0, now)));
        }
    }

    /// When someone may go out before whom `priority` others go, if all go as soon as they may.
    pub(super) fn opens(&mut self, priority: usize, now: Instant) -> Instant {
        let free = self.window.opens(priority, now);
        self.pacer.as_ref().map_or(free, |pacer| free.max(pacer.opens(priority)))
    }
}

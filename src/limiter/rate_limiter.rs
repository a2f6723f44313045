//! The rate limit at work.
//!
//! While the limit is not used up, requests go as they come. Once it is used up, they go at an even pace, and not all in
//! the moment in which the last burst is a period old: on their way to the gateway, bursts run into each other.

use tokio::time::Instant;

use super::pacer::Pacer;
use super::rate_limit::RateLimit;
use super::sliding_window::SlidingWindow;

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct RateLimiter {
    limit: RateLimit,
    window: SlidingWindow,
    /// Set when the limit is used up, until no request came for half a period.
    pacer: Option<Pacer>,
}

impl RateLimiter {
    pub(super) const fn new(limit: RateLimit) -> Self {
        Self { limit, window: SlidingWindow::new(limit), pacer: None }
    }

    /// How many requests may go now.
    pub(super) fn free(&mut self, now: Instant) -> usize {
        let free = self.window.free(now);
        let half = self.limit.period().checked_div(2).unwrap_or_default();
        self.pacer.take_if(|pacer| pacer.has_idled(half, now));
        self.pacer.as_ref().map_or(free, |pacer| free.min(pacer.allows(now)))
    }

    pub(super) fn take(&mut self, now: Instant) {
        self.window.take(now);
        if let Some(pacer) = &mut self.pacer {
            pacer.pass(now);
        } else if self.window.free(now) == 0 {
            let gap = self.limit.period().checked_div(self.limit.requests()).unwrap_or_default();
            self.pacer = Some(Pacer::new(gap, self.window.opens(0, now)));
        }
    }

    /// When the request with `ahead` others before it may go, if each goes as soon as it may.
    pub(super) fn opens(&mut self, ahead: usize, now: Instant) -> Instant {
        let free = self.window.opens(ahead, now);
        self.pacer.as_ref().map_or(free, |pacer| free.max(pacer.opens(ahead)))
    }
}

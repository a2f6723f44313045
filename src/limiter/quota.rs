//! What a rate limit allows: its sliding window, and fewer requests at once if its bursts are smaller.

use tokio::time::Instant;

use super::rate_limit::RateLimit;
use super::sliding_window::SlidingWindow;
use super::token_bucket::TokenBucket;

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(crate) struct Quota {
    window: SlidingWindow,
    /// None: all requests of a period may go at once.
    bucket: Option<TokenBucket>,
}

impl Quota {
    pub(crate) fn new(limit: RateLimit) -> Self {
        let has_bucket = limit.max_burst() < limit.requests();
        let bucket = has_bucket.then(|| TokenBucket::new(limit.max_burst(), limit.gap()));
        Self { window: SlidingWindow::new(limit), bucket }
    }

    /// How many requests may go now.
    pub(crate) fn free(&mut self, now: Instant) -> usize {
        self.bucket.as_ref().map_or(usize::MAX, |bucket| bucket.free(now)).min(self.window.free(now))
    }

    pub(crate) fn take(&mut self, now: Instant) {
        self.window.take(now);
        if let Some(bucket) = &mut self.bucket {
            bucket.take(now);
        }
    }

    /// Whether the window is full, so that a request before it moves on is one too many.
    pub(super) fn is_used_up(&mut self, now: Instant) -> bool {
        self.window.free(now) == 0
    }

    /// When the request with `ahead` others before it may go, if each goes as soon as it may.
    pub(super) fn opens(&mut self, ahead: usize, now: Instant) -> Instant {
        let window = self.window.opens(ahead, now);
        self.bucket.as_ref().map_or(window, |bucket| window.max(bucket.opens(ahead, now)))
    }
}

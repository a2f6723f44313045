//! The rate limit at work.
//!
//! While the limit is not used up, requests go as they come. Once it is used up, they go at an even pace, and not all in
//! the moment in which the last burst is a period old: on their way to the gateway, bursts run into each other.

use tokio::time::Instant;

use super::pacer::Pacer;
use super::quota::Quota;
use super::rate_limit::RateLimit;

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct RateLimiter {
    limit: RateLimit,
    quota: Quota,
    /// Set when the limit is used up, until no request came for half a period.
    pacer: Option<Pacer>,
}

impl RateLimiter {
    pub(super) fn new(limit: RateLimit) -> Self {
        Self { limit, quota: Quota::new(limit), pacer: None }
    }

    /// The same, at the start of its client.
    pub(super) fn at_start(limit: RateLimit, now: Instant) -> Self {
        let first = now.checked_add(limit.period()).filter(|_| limit.starts_used_up());
        Self { pacer: first.map(|first| Pacer::new(limit.gap(), first)), ..Self::new(limit) }
    }

    pub(super) const fn limit(&self) -> RateLimit {
        self.limit
    }

    /// How many requests may go now.
    pub(super) fn free(&mut self, now: Instant) -> usize {
        let free = self.quota.free(now);
        let half = self.limit.period().checked_div(2).unwrap_or_default();
        let longest = self.limit.period().saturating_mul(2);
        self.pacer.take_if(|pacer| pacer.has_idled(half, now) || pacer.is_ahead(longest, now));
        self.pacer.as_ref().map_or(free, |pacer| free.min(pacer.allows(now)))
    }

    pub(super) fn take(&mut self, now: Instant) {
        self.quota.take(now);
        if let Some(pacer) = &mut self.pacer {
            pacer.pass(now);
        } else if self.quota.is_used_up(now) {
            self.pacer = Some(Pacer::new(self.limit.gap(), self.quota.opens(0, now)));
        }
    }

    /// When the request with `ahead` others before it may go, if each goes as soon as it may.
    pub(super) fn opens(&mut self, ahead: usize, now: Instant) -> Instant {
        let free = self.quota.opens(ahead, now);
        self.pacer.as_ref().map_or(free, |pacer| free.max(pacer.opens(ahead)))
    }
}

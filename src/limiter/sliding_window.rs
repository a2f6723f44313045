//! A sliding window: the instants of the last requests.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::rate_limit::RateLimit;

/// At most this number of instants is cleaned up in one visit, so that no visit is long.
const MAX_CLEANED: usize = 64;

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct SlidingWindow {
    limit: RateLimit,
    /// The oldest first. None is older than the period, and there are never more than the limit allows.
    sent: VecDeque<Instant>,
}

impl SlidingWindow {
    pub(super) const fn new(limit: RateLimit) -> Self {
        Self { limit, sent: VecDeque::new() }
    }

    fn size(&self) -> usize {
        usize::try_from(self.limit.requests()).unwrap_or(usize::MAX)
    }

    /// How many requests may go now.
    pub(super) fn free(&mut self, now: Instant) -> usize {
        let period = self.limit.period();
        // An instant more than a period ahead of now comes from another runtime's clock.
        let expired = |sent: &Instant| {
            now.saturating_duration_since(*sent) >= period || sent.saturating_duration_since(now) > period
        };
        for _ in 0..MAX_CLEANED {
            if !self.sent.front().is_some_and(expired) {
                break;
            }
            self.sent.pop_front();
        }
        self.size().saturating_sub(self.sent.len())
    }

    pub(super) fn take(&mut self, now: Instant) {
        self.sent.push_back(now);
    }

    /// When the request with `ahead` others before it may go, if each goes as soon as it may.
    pub(super) fn opens(&mut self, ahead: usize, now: Instant) -> Instant {
        let Some(behind) = ahead.checked_sub(self.free(now)) else { return now };
        let size = self.size().max(1);
        let (rounds, index) = (behind.checked_div(size).unwrap_or(0), behind.checked_rem(size).unwrap_or(0));
        let rounds = u32::try_from(rounds).unwrap_or(u32::MAX).saturating_add(1);
        let sent = self.sent.get(index).copied().unwrap_or(now);
        sent.checked_add(self.limit.period().saturating_mul(rounds)).unwrap_or(now)
    }
}

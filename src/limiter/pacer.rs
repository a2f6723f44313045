//! Requests one by one, at an even pace.

use std::time::Duration;

use tokio::time::Instant;

/// How much idle time may be caught up with at once: a little more than a timer is late.
const CATCH_UP: Duration = Duration::from_millis(10);

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct Pacer {
    gap: Duration,
    next: Instant,
}

impl Pacer {
    /// The first request may go at `first`, each later one `gap` after the one before.
    pub(super) const fn new(gap: Duration, first: Instant) -> Self {
        Self { gap, next: first }
    }

    /// How many requests may go now.
    pub(super) fn allows(&self, now: Instant) -> usize {
        let Some(late) = now.checked_duration_since(self.next) else { return 0 };
        let more = late.min(CATCH_UP).as_nanos().checked_div(self.gap.as_nanos()).unwrap_or(u128::MAX);
        usize::try_from(more).unwrap_or(usize::MAX).saturating_add(1)
    }

    /// Whether a request could have gone for at least `time`, and none did.
    pub(super) fn has_idled(&self, time: Duration, now: Instant) -> bool {
        now.saturating_duration_since(self.next) >= time
    }

    /// Whether the next request is further away than this: the pace was set on another runtime's clock.
    pub(super) fn is_ahead(&self, time: Duration, now: Instant) -> bool {
        self.next.saturating_duration_since(now) > time
    }

    pub(super) fn pass(&mut self, now: Instant) {
        let next = now.checked_sub(CATCH_UP).map_or(self.next, |earliest| earliest.max(self.next));
        self.next = next.checked_add(self.gap).unwrap_or(next);
    }

    /// When the request with `ahead` others before it may go.
    pub(super) fn opens(&self, ahead: usize) -> Instant {
        let gaps = self.gap.saturating_mul(u32::try_from(ahead).unwrap_or(u32::MAX));
        self.next.checked_add(gaps).unwrap_or(self.next)
    }
}

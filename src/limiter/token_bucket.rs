//! How many requests may go at once: a token bucket, kept as one instant (the generic cell rate algorithm).

use std::time::Duration;

use tokio::time::Instant;

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct TokenBucket {
    /// How many requests may go at once when the bucket is full.
    burst: u32,
    /// The time in which one more may go.
    gap: Duration,
    /// When the bucket is full again, if no request goes meanwhile. `None`: none has gone yet.
    full_at: Option<Instant>,
}

impl TokenBucket {
    /// `gap` is not zero.
    pub(super) const fn new(burst: u32, gap: Duration) -> Self {
        Self { burst, gap, full_at: None }
    }

    /// How many requests may go now.
    pub(super) fn free(&self, now: Instant) -> usize {
        let room = self.size().saturating_sub(self.missing(now));
        let free = room.as_nanos().checked_div(self.gap.as_nanos()).unwrap_or(0);
        usize::try_from(free).unwrap_or(usize::MAX)
    }

    pub(super) fn take(&mut self, now: Instant) {
        self.full_at = now.checked_add(self.missing(now).saturating_add(self.gap));
    }

    /// When the request with `ahead` others before it may go, if each goes as soon as it may.
    pub(super) fn opens(&self, ahead: usize, now: Instant) -> Instant {
        let requests = u32::try_from(ahead).unwrap_or(u32::MAX).saturating_add(1);
        let wanted = self.missing(now).saturating_add(self.gap.saturating_mul(requests));
        now.checked_add(wanted.saturating_sub(self.size())).unwrap_or(now)
    }

    /// How long the bucket takes from now to be full again.
    fn missing(&self, now: Instant) -> Duration {
        let missing = self.full_at.map_or(Duration::ZERO, |full_at| full_at.saturating_duration_since(now));
        // An instant further ahead comes from another runtime's clock.
        if missing > self.size() { Duration::ZERO } else { missing }
    }

    /// How long it takes from empty to full.
    fn size(&self) -> Duration {
        self.gap.saturating_mul(self.burst)
    }
}

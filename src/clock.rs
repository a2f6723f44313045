//! Instants as numbers: nanoseconds from when the client was made, in half the bytes of an instant.

use std::time::Duration;

use tokio::time::Instant;

/// The instant from which a client counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epoch(Instant);

impl Epoch {
    pub(crate) fn now() -> Self {
        Self(Instant::now())
    }

    /// From the epoch to this instant; negative for an earlier one, because a watch may run on another clock than the one on
    /// which its client was made.
    pub(crate) fn nanos(self, at: Instant) -> i64 {
        match at.checked_duration_since(self.0) {
            Some(after) => nanos(after),
            None => nanos(self.0.saturating_duration_since(at)).saturating_neg(),
        }
    }

    /// From `then` to this instant; zero if `then` is later.
    pub(crate) fn since(self, then: i64, at: Instant) -> Duration {
        Duration::from_nanos(u64::try_from(self.nanos(at).saturating_sub(then)).unwrap_or(0))
    }

    /// The instant of this number. `None`: beyond the clock's end.
    pub(crate) fn instant(self, nanos: i64) -> Option<Instant> {
        let distance = Duration::from_nanos(nanos.unsigned_abs());
        if nanos < 0 { self.0.checked_sub(distance) } else { self.0.checked_add(distance) }
    }
}

/// When something began, in half the bytes of nanoseconds: in steps of 10 ms, for 497 days.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Began(u32);

impl Began {
    /// At this number of nanoseconds after an epoch.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // it wraps
    pub(crate) const fn at(nanos: i64) -> Self {
        Self((nanos / 10_000_000) as u32)
    }

    /// How long ago that was at `nanos` after the same epoch.
    pub(crate) fn elapsed(self, nanos: i64) -> Duration {
        let steps = Self::at(nanos).0.wrapping_sub(self.0);
        // What seems to have begun later, by another clock, has not begun yet.
        let steps = if steps > u32::MAX / 2 { 0 } else { steps };
        Duration::from_millis(10).saturating_mul(steps)
    }
}

/// A duration in nanoseconds.
pub(crate) fn nanos(duration: Duration) -> i64 {
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(duration.subsec_nanos()))
}
/// A timer that is noticed later than this was not waited for: the consumer was away.
pub(crate) const ATTENTION: Duration = Duration::from_millis(100);

/// No schedule and no `Retry-After` reaches the clock's end. If one does, polling at once is the lesser evil.
pub(crate) fn add_or_now(now: Instant, pause: Duration) -> Instant {
    now.checked_add(pause).unwrap_or(now)
}

/// For texts: without what is below a millisecond, but not zero.
pub(crate) fn whole_millis(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1))
}

//! One visit to the limiter under its lock.

use tokio::time::Instant;

use crate::clock::Epoch;

/// Waiters looked at in one visit.
const MAX_STEPS: usize = 96;

pub(super) struct Visit {
    pub(super) now: Instant,
    /// The same, in nanoseconds from the epoch.
    pub(super) at: i64,
    /// What it may still do. At 0, there may be more to do, in another visit.
    pub(super) steps: usize,
}

impl Visit {
    pub(super) fn new(now: Instant, epoch: Epoch) -> Self {
        Self { now, at: epoch.nanos(now), steps: MAX_STEPS }
    }
}

//! Which waiter is next where permits are scarce and schedules know what a poll is worth.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// Each permit whose number is a multiple of this goes to the waiter that has waited longest.
const FIFO_EVERY: u64 = 16;

/// The value of a permit to a waiter, as a function of time.
#[derive(Clone)]
pub(crate) struct Priority(Arc<dyn Fn(Instant) -> f64 + Send + Sync>);

impl Priority {
    pub(crate) fn new(value: impl Fn(Instant) -> f64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(value))
    }

    /// Of a request of which no more is known than that it has waited this long.
    pub(crate) fn of_waiting(waited: Duration, at: Instant) -> Self {
        Self::new(move |now| prior(waited.saturating_add(now.saturating_duration_since(at))))
    }

    pub(super) fn value(&self, now: Instant) -> f64 {
        (self.0)(now)
    }
}

impl fmt::Debug for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Priority")
    }
}

/// The value to a waiter without a priority: as to a watch whose last poll was 30 s before it began to wait, of a task that
/// ends at any time within about 5 minutes.
pub(crate) fn prior(waited: Duration) -> f64 {
    const TASK_SECONDS: f64 = 300.0;
    let gap = waited.as_secs_f64() + 30.0;
    (gap / TASK_SECONDS).min(1.0) * gap * (gap / TASK_SECONDS / 2.0).min(1.0)
}

/// Draws the waiters to compare for each permit.
#[derive(Clone, Debug)]
pub(crate) struct Sampler {
    permits: u64,
    /// Seeded with a constant: no one gains by guessing the numbers.
    random: fastrand::Rng,
}

impl Sampler {
    pub(crate) fn new() -> Self {
        Self { permits: 0, random: fastrand::Rng::with_seed(0) }
    }

    /// One more permit was given.
    pub(crate) fn count(&mut self) {
        self.permits = self.permits.wrapping_add(1);
    }

    /// Whether the next permit goes to the waiter that has waited longest.
    pub(crate) fn is_fifo(&self) -> bool {
        self.permits % FIFO_EVERY == 0
    }

    /// The indices to compare: all of `count`, or a random sample of this size, whose best is among the best of all.
    pub(crate) fn sample(&mut self, count: usize, size: usize) -> impl Iterator<Item = usize> {
        let takes_all = count <= size;
        (0..count.min(size)).map(move |index| if takes_all { index } else { self.random.usize(..count) })
    }
}

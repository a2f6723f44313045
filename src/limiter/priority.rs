//! Who goes first, where turns are short and something is known of what each is worth.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// Of more than so many, a sample of so many is looked at: its best is among the best of all.
const SAMPLE: usize = 64;
/// One turn in so many goes to who has waited longest, whatever it is worth.
const FIFO_EVERY: u64 = 16;

/// What a turn is worth to someone, as time goes by.
#[derive(Clone)]
pub(crate) struct Priority(Arc<dyn Fn(Instant) -> f64 + Send + Sync>);

impl Priority {
    pub(crate) fn new(value: impl Fn(Instant) -> f64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(value))
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

/// What it is worth to someone of whom nothing is known but how long they have waited: as to a watch that asked half a minute
/// before that, about a task that may end at any time within the next minutes.
pub(super) fn prior(waited: Duration) -> f64 {
    const MINUTES: f64 = 300.0;
    let gap = waited.as_secs_f64() + 30.0;
    (gap / MINUTES).min(1.0) * gap * (gap / MINUTES / 2.0).min(1.0)
}

/// Whom to look at when a turn is there.
#[derive(Clone, Debug)]
pub(crate) struct Sampler {
    turns: u64,
    /// Always the same numbers: nobody gains by guessing them.
    random: fastrand::Rng,
}

impl Sampler {
    pub(crate) fn new() -> Self {
        Self { turns: 0, random: fastrand::Rng::with_seed(0) }
    }

    /// One more turn was taken.
    pub(crate) fn count(&mut self) {
        self.turns = self.turns.wrapping_add(1);
    }

    /// Whether the next turn is for who has waited longest.
    pub(crate) fn is_fifo(&self) -> bool {
        self.turns % FIFO_EVERY == 0
    }

    /// Which of so many to look at: all, or a sample where there are more.
    pub(crate) fn sample(&mut self, count: usize) -> impl Iterator<Item = usize> {
        let takes_all = count <= SAMPLE;
        (0..count.min(SAMPLE)).map(move |place| if takes_all { place } else { self.random.usize(..count) })
    }
}

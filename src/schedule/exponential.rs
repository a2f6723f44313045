//! Pauses that grow by a factor: between polls, and after failed polls.

use std::time::Duration;

use super::bounds::MAX_DURATION;

/// The pause after the first failed poll.
pub(super) const FIRST_RETRY_PAUSE: Duration = Duration::from_secs(1);
const RETRY_FACTOR: f64 = 2.0;

/// Returns `initial`, multiplied by `factor` for each step before this one, and at most `max`.
pub(super) fn exponential_pause(initial: Duration, factor: f64, step: u32, max: Duration) -> Duration {
    let seconds = initial.as_secs_f64() * factor.powi(i32::try_from(step).unwrap_or(i32::MAX));
    Duration::try_from_secs_f64(seconds).map_or(max, |pause| pause.max(initial).min(max))
}

/// Returns the pause after `failures` failed polls in a row, before the schedule's own pause bounds it.
///
/// `jitter_sample` is a random number from 0 to 1. At 1 it takes half of the pause away.
pub(crate) fn retry_pause(failures: u32, jitter_sample: f64) -> Duration {
    exponential_pause(FIRST_RETRY_PAUSE, RETRY_FACTOR, failures.saturating_sub(1), MAX_DURATION)
        .mul_f64(1.0 - jitter_sample / 2.0)
}

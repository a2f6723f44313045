//! When the next poll is: the pause after each kind of response, and its cut at the deadline.

use std::time::Duration;

use super::config::WatchConfig;
use crate::error::Error;
use crate::schedule::{self, NoPause, PauseInput, PolicyState};

/// The pause after a failed poll.
#[derive(Clone, Copy, Debug)]
pub(super) struct RetryPause {
    /// Before it, the poll is not repeated.
    pub(super) retry: Duration,
    /// When the schedule's own poll is. A repeat before it is an early one.
    pub(super) own: Duration,
}

/// The pause after a failed poll of the schedule's own. `failures`: how many of these have failed in a row. `step`: how many
/// good answers the schedule has had. `wait`: how long the gateway asks to wait.
pub(super) fn after_failure(
    config: &WatchConfig,
    policy: &mut PolicyState,
    error: &Error,
    failures: u32,
    step: u32,
    wait: Duration,
    input: PauseInput,
) -> Result<RetryPause, NoPause> {
    if is_throttled_without_time(error, wait) {
        // The whole interval, without jitter; or longer where the schedule may grow.
        let own = policy.pause(&config.schedule, step, PauseInput { jitter_sample: 0.0, ..input })?;
        let pause = schedule::retry_pause(failures, input.jitter_sample).min(config.schedule.max_pause()).max(own);
        return Ok(RetryPause { retry: pause, own: pause });
    }
    let own = policy.pause(&config.schedule, step, input)?;
    Ok(RetryPause { retry: early_pause(failures, input.jitter_sample, own), own })
}

/// The pause after a failed extra poll: soon, because there was a reason to ask, but not after the schedule's own poll, which
/// is due after `remaining`.
pub(super) fn after_extra_failure(
    config: &WatchConfig,
    error: &Error,
    failures: u32,
    wait: Duration,
    jitter_sample: f64,
    remaining: Duration,
) -> RetryPause {
    if is_throttled_without_time(error, wait) {
        let pause = config.schedule.cooldown().min(remaining);
        return RetryPause { retry: pause, own: pause };
    }
    RetryPause { retry: early_pause(failures, jitter_sample, remaining), own: remaining }
}

/// The pause before a repeat, at most the schedule's own: that without jitter, or an outage would make all watches poll more
/// often.
fn early_pause(failures: u32, jitter_sample: f64, own: Duration) -> Duration {
    if schedule::retry_pause(failures, 0.0) < own { schedule::retry_pause(failures, jitter_sample) } else { own }
}

/// The pause, at most up to the deadline. `None`: the request was sent at the deadline or after it, and was the last.
pub(super) fn cut_at_deadline(
    config: &WatchConfig,
    pause: Duration,
    sent: Duration,
    elapsed: Duration,
) -> Option<Duration> {
    let is_last = config.schedule.limit().is_some_and(|limit| sent >= limit);
    (!is_last).then(|| pause.min(left(config, elapsed)))
}

/// The time up to the deadline.
pub(super) fn left(config: &WatchConfig, elapsed: Duration) -> Duration {
    config.schedule.limit().map_or(Duration::MAX, |limit| limit.saturating_sub(elapsed))
}

/// The gateway asks for fewer requests, and does not say for how long.
fn is_throttled_without_time(error: &Error, wait: Duration) -> bool {
    error.kind().is_throttling() && wait.is_zero()
}

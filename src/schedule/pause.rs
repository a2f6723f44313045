//! The next pause of one watch that follows a schedule.

use std::time::Duration;

use super::definition::Schedule;
use super::exponential::exponential_pause;
use super::policy::{NoPause, RunningPolicy};
use super::strategy::Strategy;

/// An offset is counted in parts of a pause; this is the whole.
const WHOLE_OFFSET: u32 = 65_536;

/// What the next pause depends on, apart from the schedule and its step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PauseInput {
    /// A random number from 0 to 1. At 1 the jitter shortens the pause most.
    pub(crate) jitter_sample: f64,
    /// The watch's place among the watches that started together, in 1/65536 of a pause. 0: the watch is not staggered.
    pub(crate) offset: u16,
    /// The time since the watch began.
    pub(crate) elapsed: Duration,
    /// The task's age, where it is known.
    pub(crate) age: Option<Duration>,
}

impl PauseInput {
    /// A pause without jitter and offset, at the start of a watch.
    pub(crate) const NONE: Self = Self::with_jitter(0.0);

    /// A pause with jitter and without offset, at the start of a watch.
    pub(crate) const fn with_jitter(jitter_sample: f64) -> Self {
        Self { jitter_sample, offset: 0, elapsed: Duration::ZERO, age: None }
    }

    /// The task's age, or else the time that it has been watched.
    fn age_or_elapsed(self) -> Duration {
        self.age.unwrap_or(self.elapsed)
    }

    /// The offset as a part of a pause, 0 to 1.
    fn offset_fraction(self) -> f64 {
        f64::from(self.offset) / f64::from(WHOLE_OFFSET)
    }

    /// Shortens `pause` so that the watch polls at its own place in each interval. `previous` is the pause before.
    fn staggered(self, schedule: &Schedule, pause: Duration, previous: Duration) -> Duration {
        let offset_of = |pause: Duration| {
            pause.saturating_mul(u32::from(self.offset)).checked_div(WHOLE_OFFSET).unwrap_or_default()
        };
        if pause > previous && !previous.is_zero() || schedule.jitter > 0.0 {
            // The watches already lie apart by parts of the pause before. Widen that to parts of this one.
            return pause.saturating_sub(offset_of(pause.saturating_sub(previous)));
        }
        // The place counts from the start, not from this response: watches that waited for a permit together would stay
        // together.
        let since_place = self.elapsed.saturating_add(offset_of(pause)).as_nanos().checked_rem(pause.as_nanos());
        let since_place =
            since_place.and_then(|nanos| u64::try_from(nanos).ok()).map_or(Duration::ZERO, Duration::from_nanos);
        let to_place = pause.saturating_sub(since_place);
        let is_too_soon = !previous.is_zero() && to_place.saturating_mul(4) < pause;
        if is_too_soon { pause } else { to_place }
    }
}

/// What one watch keeps of its schedule: nothing, unless a policy with a state of its own says the pauses.
#[derive(Debug, Default)]
pub(crate) struct PolicyState {
    policy: Option<RunningPolicy>,
}

impl PolicyState {
    pub(crate) fn has_state(&self) -> bool {
        self.policy.is_some()
    }

    /// Returns the pause before the next poll. `step` is the number of pauses of the schedule before this one.
    pub(crate) fn pause(&mut self, schedule: &Schedule, step: u32, input: PauseInput) -> Result<Duration, NoPause> {
        let targets = schedule.learned_settings.targets();
        let full_pause = |step| match &schedule.strategy {
            Strategy::Fixed { interval } => Some(*interval),
            Strategy::Exponential { initial, max_interval } => {
                Some(exponential_pause(*initial, schedule.growth(), step, *max_interval))
            }
            Strategy::Learned(learned) => {
                Some(learned.0.pause(targets, input.age_or_elapsed(), input.offset_fraction()))
            }
            Strategy::Policy(_) => None,
        };
        let Some(pause) = full_pause(step) else {
            return self.policy.as_mut().ok_or(NoPause::Over)?.next_pause();
        };
        let is_learned = matches!(schedule.strategy, Strategy::Learned(_));
        let pause = if input.offset == 0 || is_learned {
            pause
        } else {
            input.staggered(schedule, pause, step.checked_sub(1).and_then(full_pause).unwrap_or_default())
        };
        let pause = pause.saturating_sub(pause.mul_f64(schedule.jitter * input.jitter_sample));
        // Jitter never goes below the shortest pause of a learned schedule.
        Ok(if is_learned { pause.max(targets.shortest_pause) } else { pause })
    }

    /// Resets the policy, at the first good response after failed polls.
    pub(crate) fn recovered(&mut self) {
        if let Some(policy) = &mut self.policy {
            policy.reset();
        }
    }
}

impl Schedule {
    /// The state of one new watch that follows this schedule.
    pub(crate) fn start(&self) -> PolicyState {
        let policy = match &self.strategy {
            Strategy::Policy(policy) => Some(policy.start()),
            _ => None,
        };
        PolicyState { policy }
    }
}

//! The next pause of one watch that follows a schedule.

use std::time::Duration;

use super::{Schedule, Strategy, exponential_pause, policy};

/// What makes a pause shorter than the schedule says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PauseInput {
    /// A random number from 0 to 1, for the jitter: 1 takes it whole.
    pub(crate) jitter_sample: f64,
    /// In 1/65536: the watch's place among those that started together; 0 has none to keep.
    pub(crate) offset: u16,
    /// Since the start.
    pub(crate) elapsed: Duration,
    /// Of the task, where it is known.
    pub(crate) age: Option<Duration>,
}

impl PauseInput {
    pub(crate) const NONE: Self = Self::with_jitter(0.0);

    pub(crate) const fn with_jitter(jitter_sample: f64) -> Self {
        Self { jitter_sample, offset: 0, elapsed: Duration::ZERO, age: None }
    }

    /// The pause that brings the watch to its own place in an interval, which others that started with it leave free.
    fn staggered(self, schedule: &Schedule, pause: Duration, before: Duration) -> Duration {
        let part =
            |whole: Duration| whole.saturating_mul(u32::from(self.offset)).checked_div(65_536).unwrap_or_default();
        if pause > before && !before.is_zero() || schedule.jitter > 0.0 {
            // So far they lie apart by a part of the pause before; now by as large a part of this one.
            return pause.saturating_sub(part(pause.saturating_sub(before)));
        }
        // Not counted from this answer: those that had to wait for their turn would stay together from then on.
        let since_place = self.elapsed.saturating_add(part(pause)).as_nanos().checked_rem(pause.as_nanos());
        let since_place =
            since_place.and_then(|nanos| u64::try_from(nanos).ok()).map_or(Duration::ZERO, Duration::from_nanos);
        let place = pause.saturating_sub(since_place);
        let too_soon = !before.is_zero() && place.saturating_mul(4) < pause;
        if too_soon { pause } else { place }
    }
}

/// What one watch keeps of its schedule: nothing, unless a policy with a state of its own drives it.
#[derive(Debug, Default)]
pub(crate) struct PolicyState {
    policy: Option<policy::Running>,
}

impl PolicyState {
    pub(super) const fn new(policy: Option<policy::Running>) -> Self {
        Self { policy }
    }

    pub(crate) fn has_state(&self) -> bool {
        self.policy.is_some()
    }

    /// The pause before the next poll, after `step` good answers that were each followed by one. `None`: the policy has
    /// had enough.
    pub(crate) fn pause(&mut self, schedule: &Schedule, step: u32, shift: PauseInput) -> Option<Duration> {
        let full = |step| match &schedule.rhythm {
            Strategy::Fixed { interval } => Some(*interval),
            Strategy::Exponential { initial, max_interval } => {
                Some(exponential_pause(*initial, schedule.growth(), step, *max_interval))
            }
            Strategy::Learned(learned) => Some(learned.pause(schedule.learning, shift.age.unwrap_or(shift.elapsed))),
            Strategy::Policy(_) => None,
        };
        let Some(pause) = full(step) else { return self.policy.as_mut()?.next() };
        let pause = match &schedule.rhythm {
            _ if shift.offset == 0 => pause,
            Strategy::Learned(learned) => {
                let age = shift.age.unwrap_or(shift.elapsed);
                learned.pause_apart(schedule.learning, age, f64::from(shift.offset) / 65_536.0)
            }
            _ => shift.staggered(schedule, pause, step.checked_sub(1).and_then(full).unwrap_or_default()),
        };
        let pause = pause.saturating_sub(pause.mul_f64(schedule.jitter * shift.jitter_sample));
        Some(pause.max(schedule.shortest()))
    }

    /// The first good answer after failed polls.
    pub(crate) fn recovered(&mut self) {
        if let Some(policy) = &mut self.policy {
            policy.reset();
        }
    }
}

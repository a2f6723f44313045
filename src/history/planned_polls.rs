//! The pauses of watches that follow a plan, staggered or not.

use std::time::Duration;

use super::plan::Plan;

/// After this number of polls all pauses are the same.
const MAX_POLLS: usize = 200;

/// A plan, and its polls of a task that is watched from its creation.
pub(super) struct PlannedPolls {
    plan: Plan,
    /// The task's age at each poll after the first, in seconds. Each follows from the one before, so they are computed
    /// once, as far as a watch needs them.
    ages: Vec<f64>,
}

impl PlannedPolls {
    pub(super) fn new(plan: Plan) -> Self {
        Self { plan, ages: Vec::new() }
    }

    /// The pause after a poll that found a task of this age unfinished. Each poll of the watch comes earlier than
    /// planned by the part `offset` of the pause, 0 to 1.
    pub(super) fn pause(&mut self, age: Duration, offset: f64) -> Duration {
        let age = age.as_secs_f64();
        let pause = if offset > 0.0 { self.staggered_pause(age, offset) } else { self.plan.pause_at(age) };
        Duration::from_secs_f64(pause)
    }

    /// The time to the watch's next own poll, in seconds.
    ///
    /// The polls are counted from the task's creation. If each watch counted from its own last poll, watches that poll
    /// long before tasks end would meet when tasks end.
    fn staggered_pause(&mut self, age: f64, offset: f64) -> f64 {
        // The watch's own poll is never after the planned one: those up to this age are over.
        let first = self.ages.partition_point(|planned| *planned <= age);
        let wait = (first..MAX_POLLS).find_map(|number| {
            let [before, start, end] =
                [2, 1, 0].map(|back| number.checked_sub(back).map_or(0.0, |poll| self.age(poll)));
            let pause = end - start;
            let wait = end - offset * pause - age;
            (!is_too_soon(wait, pause)).then(|| wait.min(pause.max(start - before)))
        });
        let wait = wait.unwrap_or_else(|| {
            let pause = self.plan.pause_at(age);
            let wait = pause - (age + offset * pause) % pause;
            if is_too_soon(wait, pause) { pause } else { wait }
        });
        wait.max(self.plan.shortest_pause())
    }

    /// The task's age at a planned poll. Poll 0 is the first after the one at its creation.
    fn age(&mut self, poll: usize) -> f64 {
        while self.ages.len() <= poll {
            let last = self.ages.last().copied().unwrap_or_default();
            self.ages.push(last + self.plan.pause_at(last));
        }
        self.ages.get(poll).copied().unwrap_or_default()
    }
}

/// Whether the last poll was the very poll that comes after `wait`, or one shortly before it.
fn is_too_soon(wait: f64, pause: f64) -> bool {
    wait * 16.0 <= pause
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)]

    use std::sync::Arc;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::histogram::Histogram;
    use super::super::plan::Targets;
    use super::super::survival::Survival;
    use super::*;

    /// The same by a walk over all polls from the task's creation on.
    fn walked_pause(plan: &Plan, age: f64, offset: f64) -> f64 {
        let own_pause = plan.pause_at(age);
        let (mut from, mut pause_before) = (0.0, 0.0);
        for _ in 0..MAX_POLLS {
            let pause = plan.pause_at(from);
            from += pause;
            let wait = from - offset * pause - age;
            if wait * 16.0 > pause {
                return wait.min(pause.max(pause_before)).max(plan.shortest_pause());
            }
            pause_before = pause;
        }
        let wait = own_pause - (age + offset * own_pause) % own_pause;
        if wait * 16.0 > own_pause { wait.max(plan.shortest_pause()) } else { own_pause }
    }

    fn plan(times: &[u64], mean_delay: u64, shortest_pause: u64, range: u64) -> Plan {
        let mut histogram = Histogram::default();
        let ms = Duration::from_millis;
        for time in times {
            histogram.record(ms(*time));
        }
        let (mean_delay, shortest_pause, longest_pause) =
            (ms(mean_delay), ms(shortest_pause), ms(shortest_pause + range));
        Plan::new(Targets { mean_delay, shortest_pause, longest_pause }, Arc::new(Survival::new(&histogram)))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 128, ..ProptestConfig::default() })]

        #[test]
        fn pauses_equal_those_of_a_walk(
            times in prop_oneof![vec(0_u64..2_000_000, 0..50), vec(280_000_u64..320_000, 1..50)],
            (mean_delay, shortest, range) in (500_u64..60_000, 1_u64..20_000, 0_u64..300_000),
            ages in vec(prop_oneof![0_u64..1_000_000, 0_u64..20_000_000], 50),
            offsets in vec(1_u32..65_536, 50),
        ) {
            let reference = plan(&times, mean_delay, shortest, range);
            let mut polls = PlannedPolls::new(plan(&times, mean_delay, shortest, range));
            for (age, offset) in ages.into_iter().zip(offsets) {
                let (age, offset) = (Duration::from_millis(age), f64::from(offset) / 65_536.0);
                let expected = walked_pause(&reference, age.as_secs_f64(), offset);
                let pause = polls.pause(age, offset).as_secs_f64();
                prop_assert!((pause - expected).abs() < 1e-6, "{pause} at {age:?}, not {expected}");
            }
            prop_assert!(polls.ages.len() <= MAX_POLLS);
        }
    }

    #[test]
    fn polls_are_computed_as_far_as_needed() {
        let mut polls = PlannedPolls::new(plan(&[300_000; 20], 15_000, 5_000, 115_000));
        polls.pause(Duration::from_secs(600), 0.0);
        assert!(polls.ages.is_empty());
        polls.pause(Duration::from_secs(600), 0.5);
        let needed = polls.ages.len();
        assert!((5..60).contains(&needed), "{needed}");
        polls.pause(Duration::from_secs(300), 0.5);
        assert_eq!(polls.ages.len(), needed);
        polls.pause(Duration::from_secs(100_000), 0.5);
        assert_eq!(polls.ages.len(), MAX_POLLS);
    }
}

//! The state that all clones of a history share: the histogram, and what follows from it, computed when it is needed.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use super::histogram::Histogram;
use super::observation::Observation;
use super::plan::{Plan, Targets};
use super::planned_polls::PlannedPolls;
use super::survival::Survival;
use crate::task::TaskId;

/// The number of plans that are kept, one for each set of targets. With all their polls they take 2 kB each. Each new
/// observation drops all plans, so that those for targets that are not used any more do not stay.
const MAX_PLANS: usize = 1_000;
/// The number of last watches whose task is remembered.
const MAX_RECENTLY_LEARNED: usize = 64;
/// The share of late watches before any is known.
const INITIAL_LATE_SHARE: f64 = 0.3;
/// The share of late watches is an average over about this number of watches.
const LATE_SHARE_WATCHES: f64 = 50.0;

/// The state of a history.
pub(super) struct Estimator {
    histogram: Histogram,
    /// The share of recent watches that came late to their task. It is not stored: after a restart, all come late.
    late_share: f64,
    /// For each of the last watches that ended, the hash of its task and of whether the task had ended.
    recently_learned: VecDeque<u64>,
    hasher: RandomState,
    /// Computed from the histogram as it is.
    survival: Option<Arc<Survival>>,
    /// Computed from the histogram as it is.
    plans: BTreeMap<Targets, PlannedPolls>,
}

impl Estimator {
    pub(super) fn new(histogram: Histogram) -> Self {
        Self {
            histogram,
            late_share: INITIAL_LATE_SHARE,
            recently_learned: VecDeque::new(),
            hasher: RandomState::new(),
            survival: None,
            plans: BTreeMap::new(),
        }
    }

    pub(super) fn histogram(&self) -> &Histogram {
        &self.histogram
    }

    /// Adds an observation, and drops what was computed without it.
    pub(super) fn learn(&mut self, observation: Observation) {
        match observation {
            Observation::Completed(time) => self.histogram.record(time),
            Observation::Censored(age) => self.histogram.record_longer_than(age),
        }
        self.survival = None;
        self.plans.clear();
    }

    /// Adds what a watch has observed of its task, unless one of the last watches has observed the same.
    pub(super) fn learn_of(&mut self, id: &TaskId, observation: Observation) {
        let completed = matches!(observation, Observation::Completed(_));
        let hash = self.hasher.hash_one((id.as_str(), completed));
        if self.recently_learned.contains(&hash) {
            return;
        }
        if self.recently_learned.len() >= MAX_RECENTLY_LEARNED {
            self.recently_learned.pop_front();
        }
        self.recently_learned.push_back(hash);
        self.learn(observation);
    }

    /// Counts a watch that began, late or not.
    pub(super) fn count_watch(&mut self, is_late: bool) {
        self.late_share += (f64::from(u8::from(is_late)) - self.late_share) / LATE_SHARE_WATCHES;
    }

    pub(super) fn late_share(&self) -> f64 {
        self.late_share
    }

    pub(super) fn survival(&mut self) -> &Arc<Survival> {
        self.survival.get_or_insert_with(|| Arc::new(Survival::new(&self.histogram)))
    }

    /// The pause by the plan for these targets.
    pub(super) fn pause(&mut self, targets: Targets, age: Duration, offset: f64) -> Duration {
        if let Some(polls) = self.plans.get_mut(&targets) {
            return polls.pause(age, offset);
        }
        if self.plans.len() >= MAX_PLANS {
            // Every second plan goes. If all went, then schedules that ask in turn would never find theirs.
            let mut keep = false;
            self.plans.retain(|_, _| {
                keep = !keep;
                keep
            });
        }
        let plan = Plan::new(targets, Arc::clone(self.survival()));
        self.plans.entry(targets).or_insert_with(|| PlannedPolls::new(plan)).pause(age, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: Duration = Duration::from_secs(300);

    fn targets(milliseconds: u64) -> Targets {
        let mean_delay = Duration::from_millis(milliseconds);
        Targets { mean_delay, shortest_pause: mean_delay, longest_pause: AGE }
    }

    #[test]
    fn plans_for_many_targets_stay_bounded() {
        let mut estimator = Estimator::new(Histogram::default());
        for delay in 1..=5_000 {
            assert_eq!(estimator.pause(targets(delay), AGE, 0.0), Duration::from_millis(2 * delay));
            assert!(estimator.plans.len() <= MAX_PLANS && estimator.plans.contains_key(&targets(delay)));
        }
        // More targets than plans, in turn: many find theirs.
        let mut found = 0;
        for delay in (1..=1_500).cycle().take(15_000) {
            found += usize::from(estimator.plans.contains_key(&targets(delay)));
            estimator.pause(targets(delay), AGE, 0.0);
        }
        assert!(found > 1_500, "{found}");
    }

    #[test]
    fn observation_drops_all_plans() {
        let mut estimator = Estimator::new(Histogram::default());
        for delay in 1..=5 {
            estimator.pause(targets(delay), AGE, 0.5);
        }
        assert_eq!(estimator.plans.len(), 5);
        estimator.learn(Observation::Completed(AGE));
        assert!(estimator.plans.is_empty());
    }
}

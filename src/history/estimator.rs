//! The state that all clones of a history share: the histogram, and what follows from it, computed when it is needed.

use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;

use super::histogram::Histogram;
use super::observation::Observation;
use super::plan::{Plan, Targets};
use super::survival::Survival;
use crate::task::TaskId;

/// Schedules with this number of different targets keep their plans.
const MAX_PLANS: usize = 4;
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
    plans: Vec<(Targets, Plan)>,
}

impl Estimator {
    pub(super) fn new(histogram: Histogram) -> Self {
        Self {
            histogram,
            late_share: INITIAL_LATE_SHARE,
            recently_learned: VecDeque::new(),
            hasher: RandomState::new(),
            survival: None,
            plans: Vec::new(),
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

    /// Calls `ask` with the plan for these targets.
    pub(super) fn with_plan<T>(&mut self, targets: Targets, ask: impl FnOnce(&Plan) -> T) -> T {
        if let Some((_, plan)) = self.plans.iter().find(|(planned, _)| *planned == targets) {
            return ask(plan);
        }
        let plan = Plan::new(targets, Arc::clone(self.survival()));
        let answer = ask(&plan);
        if self.plans.len() == MAX_PLANS {
            self.plans.remove(0);
        }
        self.plans.push((targets, plan));
        answer
    }
}

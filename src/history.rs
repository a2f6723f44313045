//! How long earlier tasks took: what is remembered of it, what is forgotten, and the polls that follow from it.

mod estimate;
mod histogram;
mod log_bins;
mod plan;
mod stored;
mod survival;

use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::task::TaskId;
use histogram::Histogram;
use plan::Plan;
pub(crate) use plan::Targets;
use survival::Survival;

/// So many settings of schedules that share a history have their plan kept.
const PLANS: usize = 4;
/// So many watches that ended are remembered.
const REMEMBERED_WATCHES: usize = 64;

/// How long earlier tasks took, for a schedule that [learns](crate::Schedule::learned) from it.
///
/// Give it the generation time of each task that has ended, from its creation to its completion, failed ones included.
/// Keep one history for each kind of task whose times differ: a model, a resolution. Clones share what they know.
///
/// Watches of a client with such a schedule record by themselves what they see: the end of a task, once for all watches of
/// it, unless it had ended before; and a deadline. One that is dropped tells nothing: a timeout of your own around a watch
/// hides the long tasks, [`max_wait`](crate::Schedule::max_wait) does not.
///
/// It remembers some 200 tasks and forgets the older ones slowly; when several in a row take longer, or less long, than
/// they used to, it forgets at once what was before them. Times are kept to within 5 %, from 1 s to a day; shorter and
/// longer ones count as these. Its size does not grow: about 10 kB.
///
/// To outlive the process it can be serialized. What is read back makes the same polls.
///
/// ```
/// use std::time::Duration;
/// use luma_watch::{History, Schedule};
///
/// let history: History = [280, 310, 295, 330, 305].into_iter().map(Duration::from_secs).collect();
/// let learned = Schedule::learned(&history);
/// assert!(learned.preview().nth(1) > Some(Duration::from_secs(60)), "nobody asks while it can hardly be ready");
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(into = "stored::Stored", try_from = "stored::Stored")]
pub struct History {
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    histogram: Histogram,
    /// How many of the last watches came late to their task, as a part; not stored, for after a restart all do.
    late: f64,
    /// Of the last watches that ended, hashed: whose task it was, and whether it had ended.
    recently_learned: VecDeque<u64>,
    hasher: RandomState,
    /// Of the memory as it is, made when they are asked for.
    survival: Option<Arc<Survival>>,
    plans: Vec<(Targets, Plan)>,
}

impl Shared {
    fn new(histogram: Histogram) -> Self {
        let (recently_learned, hasher) = (VecDeque::new(), RandomState::new());
        Self { histogram, late: 0.3, recently_learned, hasher, survival: None, plans: Vec::new() }
    }

    fn learn(&mut self, observation: impl FnOnce(&mut Histogram)) {
        observation(&mut self.histogram);
        self.survival = None;
        self.plans.clear();
    }

    fn survival(&mut self) -> &Arc<Survival> {
        self.survival.get_or_insert_with(|| Arc::new(Survival::new(&self.histogram)))
    }

    fn plan<T>(&mut self, targets: Targets, ask: impl FnOnce(&Plan) -> T) -> T {
        if let Some((_, plan)) = self.plans.iter().find(|(of, _)| *of == targets) {
            return ask(plan);
        }
        let plan = Plan::new(targets, Arc::clone(self.survival()));
        let answer = ask(&plan);
        if self.plans.len() == PLANS {
            self.plans.remove(0);
        }
        self.plans.push((targets, plan));
        answer
    }
}

/// What a watch has learned of its task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Observation {
    /// From its creation to its end.
    Completed(Duration),
    /// It had not ended at this age.
    Censored(Duration),
}

/// Whether a watch that begins at this age of its task came to it long after its creation.
pub(crate) fn is_late(age: Duration) -> bool {
    age >= Duration::from_secs(30)
}

impl History {
    /// Knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A task has ended: so long after it was created.
    pub fn record(&self, generation_time: Duration) {
        self.lock().learn(|histogram| histogram.record(generation_time));
    }

    /// A task has not ended at this age, and nobody will ask about it any more.
    ///
    /// Left out, the long tasks would be missing, and the rest look shorter than they are. Until a first task has
    /// [ended](Self::record), it changes no schedule.
    pub fn record_longer_than(&self, age: Duration) {
        self.lock().learn(|histogram| histogram.record_longer_than(age));
    }

    /// How many tasks were recorded, with those that are forgotten and those that took
    /// [longer](Self::record_longer_than).
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.lock().histogram.recorded()).unwrap_or(usize::MAX)
    }

    /// Whether no task was recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// From a poll that found a task of this age unfinished to the next.
    pub(crate) fn pause(&self, targets: Targets, age: Duration) -> Duration {
        self.lock().plan(targets, |plan| plan.pause(age))
    }

    /// The same of a watch that keeps this part of a pause, 0 to 1, apart from others.
    pub(crate) fn pause_apart(&self, targets: Targets, age: Duration, part: f64) -> Duration {
        self.lock().plan(targets, |plan| plan.pause_apart(age, part))
    }

    /// What a poll of a task is worth that has this age now and had that one, unfinished, when it was asked about last.
    pub(crate) fn gain(&self, last: Duration, now: Duration) -> f64 {
        self.lock().survival().gain(last, now)
    }

    /// The same of a task that was not asked about yet, by a watch that has waited for so long.
    pub(crate) fn first_gain(&self, waited: Duration) -> f64 {
        let shared = &mut *self.lock();
        let late = shared.late;
        shared.survival().first_gain(waited, late)
    }

    /// A watch has ended. What was learned of a task is not learned again from another watch of it, if that is not long ago.
    pub(crate) fn learn_of(&self, id: &TaskId, observation: Observation) {
        let shared = &mut *self.lock();
        let recently_learned = shared.hasher.hash_one((id.as_str(), matches!(observation, Observation::Completed(_))));
        if shared.recently_learned.contains(&recently_learned) {
            return;
        }
        if shared.recently_learned.len() >= REMEMBERED_WATCHES {
            shared.recently_learned.pop_front();
        }
        shared.recently_learned.push_back(recently_learned);
        shared.learn(|histogram| match observation {
            Observation::Completed(time) => histogram.record(time),
            Observation::Censored(age) => histogram.record_longer_than(age),
        });
    }

    /// A watch began when its task was so old.
    pub(crate) fn watched_from(&self, age: Duration) {
        let late = &mut self.lock().late;
        *late += (f64::from(u8::from(is_late(age))) - *late) / 50.0;
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for History {
    fn default() -> Self {
        Self::from(Histogram::default())
    }
}

impl From<Histogram> for History {
    fn from(histogram: Histogram) -> Self {
        Self { shared: Arc::new(Mutex::new(Shared::new(histogram))) }
    }
}

impl Extend<Duration> for History {
    fn extend<I: IntoIterator<Item = Duration>>(&mut self, generation_times: I) {
        generation_times.into_iter().for_each(|time| self.record(time));
    }
}

impl FromIterator<Duration> for History {
    fn from_iter<I: IntoIterator<Item = Duration>>(generation_times: I) -> Self {
        let mut history = Self::new();
        history.extend(generation_times);
        history
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

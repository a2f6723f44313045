//! How long earlier tasks took: what is remembered of it, what is forgotten, and the polls that follow from it.

mod estimate;
mod grid;
mod memory;
mod outlook;
mod plan;
mod stored;

use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::task::TaskId;
use memory::Memory;
use outlook::Outlook;
pub(crate) use plan::Goal;
use plan::Plan;

/// So many settings of schedules that share a history have their plan kept.
const PLANS: usize = 4;
/// So many watches that ended are remembered.
const TOLD: usize = 64;

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
    memory: Memory,
    /// How many of the last watches came late to their task, as a part; not stored, for after a restart all do.
    late: f64,
    /// Of the last watches that ended, hashed: whose task it was, and whether it had ended.
    told: VecDeque<u64>,
    hasher: RandomState,
    /// Of the memory as it is, made when they are asked for.
    outlook: Option<Arc<Outlook>>,
    plans: Vec<(Goal, Plan)>,
}

impl Shared {
    fn new(memory: Memory) -> Self {
        let (told, hasher) = (VecDeque::new(), RandomState::new());
        Self { memory, late: 0.3, told, hasher, outlook: None, plans: Vec::new() }
    }

    fn learn(&mut self, lesson: impl FnOnce(&mut Memory)) {
        lesson(&mut self.memory);
        self.outlook = None;
        self.plans.clear();
    }

    fn outlook(&mut self) -> &Arc<Outlook> {
        self.outlook.get_or_insert_with(|| Arc::new(Outlook::new(&self.memory)))
    }

    fn plan<T>(&mut self, goal: Goal, ask: impl FnOnce(&Plan) -> T) -> T {
        if let Some((_, plan)) = self.plans.iter().find(|(of, _)| *of == goal) {
            return ask(plan);
        }
        let plan = Plan::new(goal, Arc::clone(self.outlook()));
        let answer = ask(&plan);
        if self.plans.len() == PLANS {
            self.plans.remove(0);
        }
        self.plans.push((goal, plan));
        answer
    }
}

/// What a watch has learned of its task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Lesson {
    /// From its creation to its end.
    Took(Duration),
    /// It had not ended at this age.
    LongerThan(Duration),
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
        self.lock().learn(|memory| memory.record(generation_time));
    }

    /// A task has not ended at this age, and nobody will ask about it any more.
    ///
    /// Left out, the long tasks would be missing, and the rest look shorter than they are. Until a first task has
    /// [ended](Self::record), it changes no schedule.
    pub fn record_longer_than(&self, age: Duration) {
        self.lock().learn(|memory| memory.record_longer_than(age));
    }

    /// How many tasks were recorded, with those that are forgotten and those that took
    /// [longer](Self::record_longer_than).
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.lock().memory.recorded()).unwrap_or(usize::MAX)
    }

    /// Whether no task was recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// From a poll that found a task of this age unfinished to the next.
    pub(crate) fn pause(&self, goal: Goal, age: Duration) -> Duration {
        self.lock().plan(goal, |plan| plan.pause(age))
    }

    /// The same of a watch that keeps this part of a pause, 0 to 1, apart from others.
    pub(crate) fn pause_apart(&self, goal: Goal, age: Duration, part: f64) -> Duration {
        self.lock().plan(goal, |plan| plan.pause_apart(age, part))
    }

    /// What a poll of a task is worth that has this age now and had that one, unfinished, when it was asked about last.
    pub(crate) fn gain(&self, last: Duration, now: Duration) -> f64 {
        self.lock().outlook().gain(last, now)
    }

    /// The same of a task that was not asked about yet, by a watch that has waited for so long.
    pub(crate) fn first_gain(&self, waited: Duration) -> f64 {
        let shared = &mut *self.lock();
        let late = shared.late;
        shared.outlook().first_gain(waited, late)
    }

    /// A watch has ended. What was learned of a task is not learned again from another watch of it, if that is not long ago.
    pub(crate) fn learn_of(&self, id: &TaskId, lesson: Lesson) {
        let shared = &mut *self.lock();
        let told = shared.hasher.hash_one((id.as_str(), matches!(lesson, Lesson::Took(_))));
        if shared.told.contains(&told) {
            return;
        }
        if shared.told.len() >= TOLD {
            shared.told.pop_front();
        }
        shared.told.push_back(told);
        shared.learn(|memory| match lesson {
            Lesson::Took(time) => memory.record(time),
            Lesson::LongerThan(age) => memory.record_longer_than(age),
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
        Self::from(Memory::default())
    }
}

impl From<Memory> for History {
    fn from(memory: Memory) -> Self {
        Self { shared: Arc::new(Mutex::new(Shared::new(memory))) }
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

//! How long earlier tasks took: what is remembered, what is forgotten, and the polls that follow from it.

mod estimate;
mod estimator;
mod histogram;
mod log_bins;
mod observation;
mod plan;
mod planned_polls;
mod stored;
mod survival;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::task::TaskId;
use estimator::Estimator;
use histogram::Histogram;
pub(crate) use observation::{Observation, is_late};
pub(crate) use plan::Targets;
use stored::StoredHistory;

/// How long earlier tasks took: what a [learned](crate::Schedule::learned) schedule learns from.
///
/// Record the generation time of each task that has ended, from its creation to its completion. Record failed tasks too.
/// Keep one history for each kind of task whose times differ: one per model, or per resolution. Clones share their
/// content.
///
/// Watches of a client with a learned schedule record by themselves:
/// - the end of their task, once for all watches of it. A task that ended before its watch began is not recorded.
/// - a deadline, as a task that takes [longer](Self::record_longer_than). A watch that is dropped records nothing: use
///   [`max_wait`](crate::Schedule::max_wait) instead of a timeout around the watch, or the slow tasks are missing.
///
/// A history remembers about 200 tasks and slowly forgets the older ones. When several tasks in a row take longer than
/// expected, or less long, it forgets all tasks before them at once. Times are kept to within 5 %, from 1 s to a day.
/// Shorter and longer times count as 1 s and as a day. A history takes about 10 kB, however much is recorded, and up to
/// 2 kB for each schedule with other settings.
///
/// Serialize a history to keep it across restarts. A history that is read back makes the same polls.
///
/// In the guide: [learned schedule](crate::guide::learned_schedule).
///
/// ```
/// use std::time::Duration;
/// use luma_watch::{History, Schedule};
///
/// let history: History = [280, 310, 295, 330, 305].into_iter().map(Duration::from_secs).collect();
/// let learned = Schedule::learned(&history);
/// // The second poll comes after a minute or later: the task can hardly be ready before.
/// assert!(learned.preview().nth(1) > Some(Duration::from_secs(60)));
///
/// // Stored and read back.
/// let stored = serde_json::to_string(&history)?;
/// let again: History = serde_json::from_str(&stored)?;
/// assert!(Schedule::learned(&again).preview().eq(learned.preview()));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(into = "StoredHistory", try_from = "StoredHistory")]
pub struct History {
    estimator: Arc<Mutex<Estimator>>,
}

impl History {
    /// Makes an empty history. A learned schedule polls like [`Schedule::default`](crate::Schedule) until a task ends.
    ///
    /// ```
    /// use luma_watch::{History, Schedule};
    ///
    /// let history = History::new();
    /// assert!(history.is_empty());
    /// assert!(Schedule::learned(&history).preview().eq(Schedule::default().preview()));
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Records a task that has ended. `generation_time` is the time from its creation to its end.
    ///
    /// Running watches follow at once.
    ///
    /// ```
    /// use std::time::Duration;
    /// use luma_watch::{History, Schedule};
    ///
    /// let history = History::new();
    /// let learned = Schedule::learned(&history);
    /// assert_eq!(learned.preview().nth(1), Some(Duration::from_secs(30)));
    /// for seconds in 290..310 {
    ///     history.record(Duration::from_secs(seconds));
    /// }
    /// assert!(learned.preview().nth(1) > Some(Duration::from_secs(100)));
    /// ```
    pub fn record(&self, generation_time: Duration) {
        self.lock().learn(Observation::Completed(generation_time));
    }

    /// Records a task that has not ended at this age, and that is not polled any more.
    ///
    /// Without these tasks the slow ones are missing, and all look faster than they are. Schedules do not change before
    /// a first task has [ended](Self::record).
    ///
    /// ```
    /// use std::time::Duration;
    /// use luma_watch::{History, Schedule};
    ///
    /// let times = [280, 300, 320].map(Duration::from_secs);
    /// let (ended, with_slow_ones) = (History::from_iter(times), History::from_iter(times));
    /// for _ in 0..3 {
    ///     with_slow_ones.record_longer_than(Duration::from_secs(400));
    /// }
    /// // Polls from the tenth on wait for the slow tasks.
    /// let tenth = |history| Schedule::learned(history).preview().nth(10);
    /// assert!(tenth(&with_slow_ones) > tenth(&ended));
    /// ```
    pub fn record_longer_than(&self, age: Duration) {
        self.lock().learn(Observation::Censored(age));
    }

    /// How many tasks were recorded, forgotten ones included. Tasks that take [longer](Self::record_longer_than) count.
    ///
    /// ```
    /// use std::time::Duration;
    /// use luma_watch::History;
    ///
    /// let history = History::from_iter(vec![Duration::from_secs(300); 1_000]);
    /// history.record_longer_than(Duration::from_secs(900));
    /// assert_eq!(history.recorded(), 1_001);
    /// ```
    #[must_use]
    pub fn recorded(&self) -> u64 {
        self.lock().histogram().recorded
    }

    /// Whether no task was recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.recorded() == 0
    }

    /// The time within which this share of tasks ends, 0 to 1, counted from their creation: with 0.5 half of them. `None` until
    /// a task that has ended is known.
    ///
    /// ```
    /// use std::time::Duration;
    /// use luma_watch::History;
    ///
    /// let history: History = [250, 350, 300].into_iter().cycle().take(60).map(Duration::from_secs).collect();
    /// let half = history.quantile(0.5).expect("tasks are known");
    /// assert!((280..320).contains(&half.as_secs()));
    /// assert!(history.quantile(0.9) > Some(half));
    /// assert_eq!(History::new().quantile(0.5), None);
    /// ```
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        self.lock().survival().quantile(share)
    }

    /// The pause after a poll that found a task of this age unfinished. `offset` is the watch's place between two polls
    /// of the plan, 0 to 1. 0: the watch is not staggered.
    pub(crate) fn pause(&self, targets: Targets, age: Duration, offset: f64) -> Duration {
        self.lock().pause(targets, age, offset)
    }

    /// What a poll gains of a task that was unfinished at the age `last`, and has the age `now`.
    pub(crate) fn expected_gain(&self, last: Duration, now: Duration) -> f64 {
        self.lock().survival().expected_gain(last, now)
    }

    /// What the first poll of a watch gains that has waited for `waited`.
    pub(crate) fn expected_first_gain(&self, waited: Duration) -> f64 {
        let mut estimator = self.lock();
        let late_share = estimator.late_share();
        estimator.survival().expected_first_gain(waited, late_share)
    }

    /// Records what a watch has observed, unless a watch that ended shortly before has observed the same of that task.
    pub(crate) fn learn_of(&self, id: &TaskId, observation: Observation) {
        self.lock().learn_of(id, observation);
    }

    /// Counts a watch that began when its task had this age.
    pub(crate) fn watched_from(&self, age: Duration) {
        self.lock().count_watch(is_late(age));
    }

    /// Whether both are clones of one history.
    pub(crate) fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.estimator, &other.estimator)
    }

    fn lock(&self) -> MutexGuard<'_, Estimator> {
        self.estimator.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An empty history.
impl Default for History {
    fn default() -> Self {
        Self::from(Histogram::default())
    }
}

impl From<Histogram> for History {
    fn from(histogram: Histogram) -> Self {
        Self { estimator: Arc::new(Mutex::new(Estimator::new(histogram))) }
    }
}

impl From<History> for StoredHistory {
    fn from(history: History) -> Self {
        Self::from(history.lock().histogram())
    }
}

impl TryFrom<StoredHistory> for History {
    type Error = <Histogram as TryFrom<StoredHistory>>::Error;

    fn try_from(stored: StoredHistory) -> Result<Self, Self::Error> {
        Histogram::try_from(stored).map(Self::from)
    }
}

/// Records the generation time of each task.
impl Extend<Duration> for History {
    fn extend<I: IntoIterator<Item = Duration>>(&mut self, generation_times: I) {
        generation_times.into_iter().for_each(|time| self.record(time));
    }
}

/// Makes a history of generation times, the oldest task first.
impl FromIterator<Duration> for History {
    fn from_iter<I: IntoIterator<Item = Duration>>(generation_times: I) -> Self {
        let mut history = Self::new();
        history.extend(generation_times);
        history
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("recorded", &self.recorded()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

//! Learned schedules: polls that follow from how long earlier tasks took.

use std::time::Duration;

use super::definition::Schedule;
use super::learned_settings::LearnedFrom;
use super::strategy::Strategy;
use crate::history::History;

impl Schedule {
    /// Polls according to how long earlier tasks took: rarely while the task can hardly be ready, often when it is
    /// likely to be.
    ///
    /// Until the history knows a task that has ended, it polls like [`every`](Self::every) 30 s. Then it takes fewer
    /// requests for the same mean delay, which [`aim_for_delay`](Self::aim_for_delay) sets. The delay is the time from a
    /// task's end to the poll that finds it. Running watches follow at once what is recorded.
    ///
    /// Pauses are 5 s to 2 min, unless [`shortest_pause`](Self::shortest_pause) and
    /// [`longest_pause`](Self::longest_pause) say otherwise. They depend on the task's age, not on the number of polls.
    /// A task that is older than nearly all before it is polled at least every 30 s, which is twice the mean delay.
    ///
    /// The schedule learns by itself: each watch of a client with it records its task's end. A watch that ends at its
    /// deadline records that the task takes longer.
    ///
    /// ```
    /// use std::time::Duration;
    /// use luma_watch::{History, Schedule};
    ///
    /// let history = History::new();
    /// let learned = Schedule::learned(&history);
    /// assert!(learned.preview().eq(Schedule::default().preview()));
    /// (0..20).for_each(|task| history.record(Duration::from_secs(250 + 5 * task)));
    /// assert!(learned.preview().nth(1) > Some(Duration::from_secs(60)));
    /// ```
    #[must_use]
    pub fn learned(history: &History) -> Self {
        Self::new(Strategy::Learned(LearnedFrom(history.clone())))
    }

    /// Sets the mean time from a task's end to the poll that finds it, for a [`learned`](Self::learned) schedule.
    /// Default: 15 s, the mean delay of polls every 30 s.
    ///
    /// A longer delay takes fewer requests. Until the history knows a task that has ended, each pause is twice the
    /// delay, within the bounds of pauses.
    ///
    /// ```
    /// use std::time::Duration;
    /// use luma_watch::{History, Schedule};
    ///
    /// let schedule = Schedule::learned(&History::new()).aim_for_delay(Duration::from_secs(40));
    /// assert!(schedule.preview().map(|at| at.as_secs()).take(3).eq([0, 80, 160]));
    /// ```
    #[must_use]
    pub const fn aim_for_delay(mut self, mean: Duration) -> Self {
        self.learned_settings.mean_delay = Some(mean);
        self
    }

    /// Sets the shortest pause of a [`learned`](Self::learned) schedule. Default: 5 s.
    ///
    /// ```
    /// use std::time::Duration;
    /// use luma_watch::{History, Schedule};
    ///
    /// let history = History::from_iter([Duration::from_secs(300); 50]);
    /// let schedule = Schedule::learned(&history).shortest_pause(Duration::from_secs(10));
    /// let polls: Vec<_> = schedule.no_max_wait().preview().take(50).collect();
    /// assert!(polls.windows(2).all(|poll| poll[1] - poll[0] >= Duration::from_secs(10)));
    /// ```
    #[must_use]
    pub const fn shortest_pause(mut self, pause: Duration) -> Self {
        self.learned_settings.shortest_pause = Some(pause);
        self
    }

    /// Sets the longest pause of a [`learned`](Self::learned) schedule. Default: 2 min.
    ///
    /// A task that ends much earlier than all before it is found this much late at most.
    ///
    /// ```
    /// use std::time::Duration;
    /// use luma_watch::{History, Schedule};
    ///
    /// let history = History::from_iter([Duration::from_secs(300); 50]);
    /// let schedule = Schedule::learned(&history);
    /// assert_eq!(schedule.preview().nth(1), Some(Duration::from_secs(120)));
    /// let bounded = schedule.longest_pause(Duration::from_secs(60));
    /// assert_eq!(bounded.preview().nth(1), Some(Duration::from_secs(60)));
    /// ```
    #[must_use]
    pub const fn longest_pause(mut self, pause: Duration) -> Self {
        self.learned_settings.longest_pause = Some(pause);
        self
    }

    /// The history of a learned schedule, `None` for any other.
    pub(crate) const fn history(&self) -> Option<&History> {
        match &self.strategy {
            Strategy::Learned(LearnedFrom(history)) => Some(history),
            _ => None,
        }
    }

    /// The longest pause of a learned schedule.
    pub(crate) fn longest_learned_pause(&self) -> Duration {
        self.learned_settings.targets().longest_pause
    }

    /// What a poll gains of a task that had the age `last` at its last poll, and has the age `now`. `None` where the
    /// schedule does not learn.
    pub(crate) fn expected_gain(&self, last: Duration, now: Duration) -> Option<f64> {
        self.history().map(|history| history.expected_gain(last, now))
    }

    /// What the first poll of a watch gains that has waited for `waited`. `None` where the schedule does not learn.
    pub(crate) fn expected_first_gain(&self, waited: Duration) -> Option<f64> {
        self.history().map(|history| history.expected_first_gain(waited))
    }
}

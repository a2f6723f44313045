//! A schedule that learns from earlier tasks when asking pays.

use std::time::Duration;

use super::{Error, Schedule, Strategy, bounded, positive};
use crate::history::{History, Targets};

/// The mean delay of polls every 30 s.
const DELAY: Duration = Duration::from_secs(15);
const SHORTEST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(2 * 60);

/// What a schedule's setters say of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Settings {
    pub(super) delay: Option<Duration>,
    pub(super) shortest: Option<Duration>,
    pub(super) longest: Option<Duration>,
}

/// Equals those that share its history.
#[derive(Clone, Debug)]
pub(super) struct Learned(History);

impl PartialEq for Learned {
    fn eq(&self, other: &Self) -> bool {
        self.0.is_same(&other.0)
    }
}

impl Schedule {
    /// Polls when it pays, as the durations of earlier tasks tell: seldom while the task can hardly be ready, often
    /// when it is likely to be.
    ///
    /// Until the history knows of a task that has ended, it polls like [`every`](Self::every) 30 s. The more it knows,
    /// the fewer requests it needs for as little delay between a task's end and the poll that finds it;
    /// [`aim_for_delay`](Self::aim_for_delay) says how little. Running watches see at once what is recorded.
    ///
    /// It teaches itself: each watch of a client with this schedule records its task's end, or at its deadline that it
    /// takes longer.
    ///
    /// Pauses are 5 s to 2 min, unless [`shortest_pause`](Self::shortest_pause) and
    /// [`longest_pause`](Self::longest_pause) say otherwise, and depend on the task's age, not on the number of polls.
    /// A task that is older than nearly all before it is polled at least every 30 s (twice the delay aimed for).
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
        Self::new(Strategy::Learned(Learned(history.clone())))
    }

    /// How long after its end a task should be found ended, on average, by a [`learned`](Self::learned) schedule.
    /// Default: 15 s, which is what polls every 30 s come to.
    ///
    /// A longer one takes fewer requests. Until a task has ended, the pause is twice as long, within its bounds.
    #[must_use]
    pub const fn aim_for_delay(mut self, mean: Duration) -> Self {
        self.learning.delay = Some(mean);
        self
    }

    /// The shortest pause of a [`learned`](Self::learned) schedule. Default: 5 s.
    #[must_use]
    pub const fn shortest_pause(mut self, pause: Duration) -> Self {
        self.learning.shortest = Some(pause);
        self
    }

    /// The longest pause of a [`learned`](Self::learned) schedule. Default: 2 min.
    ///
    /// A task that ends when none has before is found so much later at most.
    #[must_use]
    pub const fn longest_pause(mut self, pause: Duration) -> Self {
        self.learning.longest = Some(pause);
        self
    }
}

impl Settings {
    /// Of a schedule that does not learn.
    pub(super) fn refuse(self) -> Result<(), Error> {
        let Self { delay, shortest, longest } = self;
        for (setting, value) in [("aim_for_delay", delay), ("shortest_pause", shortest), ("longest_pause", longest)] {
            if value.is_some() {
                return Err(Error::config(format!("{setting} does nothing here: use Schedule::learned")));
            }
        }
        Ok(())
    }

    pub(super) fn validate(self) -> Result<(), Error> {
        let Targets { delay, shortest, longest } = self.targets();
        if delay.is_zero() {
            return Err(Error::config("aim_for_delay is zero: it is the mean delay to accept, and none cannot be had"));
        }
        bounded("aim_for_delay", delay)?;
        positive("shortest_pause", shortest)?;
        positive("longest_pause", longest)?;
        if longest < shortest {
            let or_default = |set: Option<Duration>| if set.is_some() { "" } else { ", the default: set that, too" };
            return Err(Error::config(format!(
                "longest_pause ({longest:?}{}) is below shortest_pause ({shortest:?}{})",
                or_default(self.longest),
                or_default(self.shortest)
            )));
        }
        Ok(())
    }

    pub(super) fn targets(self) -> Targets {
        Targets {
            delay: self.delay.unwrap_or(DELAY),
            shortest: self.shortest.unwrap_or(SHORTEST),
            longest: self.longest.unwrap_or(LONGEST),
        }
    }

    /// What it polls with as long as nothing is known.
    pub(super) fn fixed_pause(self) -> Duration {
        let Targets { delay, shortest, longest } = self.targets();
        delay.saturating_mul(2).max(shortest).min(longest)
    }
}

impl Schedule {
    /// What it learns from, if it does.
    pub(crate) const fn history(&self) -> Option<&History> {
        match &self.rhythm {
            Strategy::Learned(Learned(history)) => Some(history),
            _ => None,
        }
    }

    /// What no jitter goes below.
    pub(super) fn shortest(&self) -> Duration {
        if self.history().is_some() { self.learning.targets().shortest } else { Duration::ZERO }
    }

    /// The longest of its learned pauses.
    pub(crate) fn longest(&self) -> Duration {
        self.learning.targets().longest
    }

    /// What a poll is worth beside others: `last` and `now` are the task's age when it was asked about last, and now.
    pub(crate) fn gain(&self, last: Duration, now: Duration) -> Option<f64> {
        self.history().map(|history| history.gain(last, now))
    }

    /// The same of a first poll, after so long a wait.
    pub(crate) fn first_gain(&self, waited: Duration) -> Option<f64> {
        self.history().map(|history| history.first_gain(waited))
    }
}

impl Learned {
    pub(super) fn pause(&self, settings: Settings, age: Duration) -> Duration {
        self.0.pause(settings.targets(), age)
    }

    /// Of a watch that keeps this part of a pause, 0 to 1, apart from others.
    pub(super) fn pause_apart(&self, settings: Settings, age: Duration, part: f64) -> Duration {
        self.0.pause_apart(settings.targets(), age, part)
    }
}

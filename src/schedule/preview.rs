//! The polls of a schedule, without a watch.

use std::iter::successors;
use std::time::Duration;

use super::definition::Schedule;
use super::pause::PauseInput;

impl Schedule {
    /// Returns the times at which a task that never ends is polled, from the start of the watch, the final poll included.
    ///
    /// Jitter is left out, and responses take no time. Without a [`max_wait`](Self::max_wait) the iterator has no end.
    /// For a schedule that is not [valid](Self::validate) it is empty. With a backoff policy it shows one run of the
    /// policy, jitter included. For a learned schedule it shows a task that is watched from its creation.
    ///
    /// ```
    /// use std::time::Duration;
    /// use luma_watch::Schedule;
    ///
    /// // How many requests does a task of 5 minutes take?
    /// let schedule = Schedule::exponential(Duration::from_secs(10), Duration::from_secs(60));
    /// let end = Duration::from_secs(300);
    /// assert_eq!(schedule.preview().take_while(|at| *at < end).count() + 1, 9);
    /// ```
    pub fn preview(&self) -> impl Iterator<Item = Duration> + use<> {
        let mut policy_state = self.start();
        let schedule = self.clone();
        let first = self.validate().is_ok().then(|| (0, self.first_pause()));
        let polls = successors(first, move |&(step, at)| {
            let left = schedule.max_wait.map_or(Duration::MAX, |limit| limit.saturating_sub(at));
            let pause = policy_state
                .pause(&schedule, step, PauseInput { elapsed: at, ..PauseInput::NONE })
                .ok()
                .filter(|_| !left.is_zero())?;
            Some((step.saturating_add(1), at.saturating_add(pause.min(left))))
        });
        polls.map(|(_, at)| at)
    }
}

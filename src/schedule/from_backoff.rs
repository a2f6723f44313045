//! The adapter for policies of the `backoff` crate: on tokio's time, and within bounds.

use std::any::Any;
use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;

use super::bounds::MAX_DURATION;
use super::definition::Schedule;
use super::policy::{Policy, SharedPolicy};
use super::strategy::Strategy;

impl Schedule {
    /// Lets a policy of the [`backoff`] crate say each pause. Needs the feature `backoff`.
    ///
    /// Each pause is the policy's next one, at least 1 ms. Pauses of an [`ExponentialBackoff`] never exceed its
    /// `max_interval` (with the crate's own jitter they do). `None` from the policy ends the wait as
    /// [`Deadline`](crate::ErrorKind::Deadline).
    ///
    /// The policy also counts failed polls. The pause after one is the shorter of the policy's and the watch's own (1 s,
    /// doubling). The first good response after failed polls calls `reset()`.
    ///
    /// The `max_elapsed_time` of an [`ExponentialBackoff`] becomes [`max_wait`](Self::max_wait), on tokio's clock. With
    /// any other policy `max_wait` is 15 min unless set. Each watch starts with a clone of the policy. A schedule from a
    /// policy equals only its own clones.
    ///
    /// A policy that panics, in `next_backoff`, `reset` or `clone`, ends the watch with an error of the kind
    /// [`Config`](crate::ErrorKind::Config); other watches go on. (The panic hook runs as always, and where a panic aborts the
    /// process, it does.) The policy is called while the stream of its watch is polled, so it must not block: a slow one delays
    /// all that the same task does, in a [`WatchAll`](crate::WatchAll) all its tasks. The clone for a watch is made when the
    /// watch is made, one at a time: `clone` and the `reset` that follows it must not make a watch or a
    /// [`preview`](Self::preview) of the same schedule, which would wait for itself.
    ///
    /// ```
    /// use std::time::Duration;
    /// use backoff::ExponentialBackoffBuilder;
    /// use luma_watch::Schedule;
    ///
    /// let policy = ExponentialBackoffBuilder::new()
    ///     .with_initial_interval(Duration::from_secs(10))
    ///     .with_multiplier(2.0)
    ///     .with_randomization_factor(0.0)
    ///     .with_max_interval(Duration::from_secs(60))
    ///     .with_max_elapsed_time(Some(Duration::from_secs(150)))
    ///     .build();
    /// let schedule = Schedule::from_backoff(policy);
    /// assert!(schedule.preview().map(|at| at.as_secs()).eq([0, 10, 30, 70, 130, 150]));
    /// ```
    #[must_use]
    #[cfg_attr(docsrs, doc(cfg(feature = "backoff")))]
    pub fn from_backoff<P>(mut policy: P) -> Self
    where
        P: Backoff + Clone + Send + 'static,
    {
        let mut max_pause = MAX_DURATION;
        let mut max_wait = None;
        if let Some(exponential) = (&mut policy as &mut dyn Any).downcast_mut::<ExponentialBackoff>() {
            max_pause = exponential.max_interval.min(MAX_DURATION);
            // The policy's clock is not tokio's: the schedule keeps the limit instead.
            max_wait = Some(exponential.max_elapsed_time.take());
        }
        let schedule = Self::new(Strategy::Policy(SharedPolicy::new(Box::new(BackoffPolicy(policy)), max_pause)));
        match max_wait {
            Some(Some(limit)) => schedule.max_wait(limit),
            Some(None) => schedule.no_max_wait(),
            None => schedule,
        }
    }
}

/// A policy of the `backoff` crate.
struct BackoffPolicy<P>(P);

impl<P: Backoff + Clone + Send + 'static> Policy for BackoffPolicy<P> {
    fn copy(&self) -> Box<dyn Policy> {
        Box::new(Self(self.0.clone()))
    }

    fn next_pause(&mut self) -> Option<Duration> {
        self.0.next_backoff()
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}

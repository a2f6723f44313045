//! A policy of the `backoff` crate as the driver of the poller, on tokio's time and within bounds.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;

use super::{LONGEST, Schedule, Strategy};

/// A policy that says zero must not spin: tokio's timer counts in milliseconds.
const SHORTEST: Duration = Duration::from_millis(1);

impl Schedule {
    /// Lets a policy of the [`backoff`] crate drive the poller. Needs the feature `backoff`.
    ///
    /// Each pause is what the policy says next: at least 1 ms, and of an [`ExponentialBackoff`] never more than its
    /// `max_interval`, which the crate's own jitter exceeds. The policy is asked after failed polls too, whose pause is
    /// the shorter of its answer and the watch's own (1 s, doubling); `reset()` is called at the first good answer
    /// after them. `None` from the policy ends the wait as [`Deadline`](crate::ErrorKind::Deadline).
    ///
    /// An [`ExponentialBackoff`]'s `max_elapsed_time` becomes [`max_wait`](Self::max_wait), on tokio's clock; of any
    /// other policy `max_wait` is 15 min unless set. Each watch starts with a clone of the policy. A schedule made so
    /// equals only its own clones.
    #[must_use]
    #[cfg_attr(docsrs, doc(cfg(feature = "backoff")))]
    pub fn from_backoff<P>(mut policy: P) -> Self
    where
        P: Backoff + Clone + Send + 'static,
    {
        let mut longest = LONGEST;
        let mut max_wait = None;
        if let Some(exponential) = (&mut policy as &mut dyn Any).downcast_mut::<ExponentialBackoff>() {
            longest = exponential.max_interval.min(LONGEST);
            // Its own clock is not tokio's: the limit is kept here instead.
            max_wait = Some(exponential.max_elapsed_time.take());
        }
        let schedule = Self::new(Strategy::Policy(Shared { policy: Arc::new(Mutex::new(Box::new(policy))), longest }));
        match max_wait {
            Some(Some(limit)) => schedule.max_wait(limit),
            Some(None) => schedule.no_max_wait(),
            None => schedule,
        }
    }
}

/// The policy as given: never advanced, cloned for each watch. The lock makes a policy that is only `Send` shareable.
#[derive(Clone)]
pub(super) struct Shared {
    policy: Arc<Mutex<Box<dyn Policy>>>,
    longest: Duration,
}

impl Shared {
    #[allow(clippy::unnecessary_wraps)] // as its twin without the feature has none
    pub(super) fn start(&self) -> Option<Running> {
        let mut policy = self.policy.lock().unwrap_or_else(PoisonError::into_inner).fresh();
        policy.reset();
        Some(Running(Box::new((policy, self.longest))))
    }
}

impl PartialEq for Shared {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.policy, &other.policy)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy").field("longest", &self.longest).finish_non_exhaustive()
    }
}

/// One watch's copy of the policy.
pub(super) struct Running(Box<(Box<dyn Policy>, Duration)>);

impl Running {
    pub(super) fn next(&mut self) -> Option<Duration> {
        let (policy, longest) = &mut *self.0;
        Some(policy.next_backoff()?.min(*longest).max(SHORTEST))
    }

    pub(super) fn reset(&mut self) {
        self.0.0.reset();
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}

trait Policy: Backoff + Send {
    fn fresh(&self) -> Box<dyn Policy>;
}

impl<P: Backoff + Clone + Send + 'static> Policy for P {
    fn fresh(&self) -> Box<dyn Policy> {
        Box::new(self.clone())
    }
}

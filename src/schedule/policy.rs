//! A retry policy of another crate as a value: shared by all watches of a schedule, running in each.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A pause of zero would poll without a pause, and tokio's timer counts in milliseconds.
const MIN_POLICY_PAUSE: Duration = Duration::from_millis(1);

/// What a schedule needs of a policy. Only its adapter knows the crate that it comes from.
pub(super) trait Policy: Send {
    /// A copy for one watch.
    fn copy(&self) -> Box<dyn Policy>;

    /// The next pause. `None` ends the wait.
    fn next_pause(&mut self) -> Option<Duration>;

    /// Starts over.
    fn reset(&mut self);
}

/// The policy as it was given: copied for each watch, and never advanced itself.
///
/// The lock makes a policy shareable that is only `Send`.
#[derive(Clone)]
pub(super) struct SharedPolicy {
    policy: Arc<Mutex<Box<dyn Policy>>>,
    max_pause: Duration,
}

impl SharedPolicy {
    /// Pauses of the policy are cut to `max_pause`.
    pub(super) fn new(policy: Box<dyn Policy>, max_pause: Duration) -> Self {
        Self { policy: Arc::new(Mutex::new(policy)), max_pause }
    }

    /// The policy of one new watch.
    pub(super) fn start(&self) -> RunningPolicy {
        let mut policy = self.policy.lock().unwrap_or_else(PoisonError::into_inner).copy();
        policy.reset();
        RunningPolicy(Box::new((policy, self.max_pause)))
    }
}

/// Equal are clones of one policy.
impl PartialEq for SharedPolicy {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.policy, &other.policy)
    }
}

impl fmt::Debug for SharedPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedPolicy").field("max_pause", &self.max_pause).finish_non_exhaustive()
    }
}

/// One watch's copy of the policy, and the longest pause. Boxed, so that watches without a policy stay small.
pub(super) struct RunningPolicy(Box<(Box<dyn Policy>, Duration)>);

impl RunningPolicy {
    /// The next pause, within bounds. `None` ends the wait.
    pub(super) fn next_pause(&mut self) -> Option<Duration> {
        let (policy, max_pause) = &mut *self.0;
        Some(policy.next_pause()?.min(*max_pause).max(MIN_POLICY_PAUSE))
    }

    /// Starts over.
    pub(super) fn reset(&mut self) {
        self.0.0.reset();
    }
}

impl fmt::Debug for RunningPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningPolicy").finish_non_exhaustive()
    }
}

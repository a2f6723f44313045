//! A retry policy of another crate as a value: shared by all watches of a schedule, running in each. Its panics are caught.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::error::Error;

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

/// Why a policy gives no next pause.
#[derive(Debug)]
pub(crate) enum NoPause {
    /// It ends the wait.
    Over,
    /// It panicked. The error ends the watch.
    Failed(Error),
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
        let policy = caught(|| {
            let mut policy = self.policy.lock().unwrap_or_else(PoisonError::into_inner).copy();
            policy.reset();
            policy
        });
        RunningPolicy(Box::new(Running { policy, max_pause: self.max_pause }))
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

/// The policy of one watch. Boxed, so that watches without a policy stay small.
pub(super) struct RunningPolicy(Box<Running>);

struct Running {
    /// The watch's own copy, or the error of its panic.
    policy: Result<Box<dyn Policy>, Error>,
    max_pause: Duration,
}

impl RunningPolicy {
    /// The next pause, within bounds.
    pub(super) fn next_pause(&mut self) -> Result<Duration, NoPause> {
        let max_pause = self.0.max_pause;
        let pause = self.call(|policy| policy.next_pause()).map_err(NoPause::Failed)?.ok_or(NoPause::Over)?;
        Ok(pause.min(max_pause).max(MIN_POLICY_PAUSE))
    }

    /// Starts over. A panic shows when the next pause is asked for.
    pub(super) fn reset(&mut self) {
        let _failed = self.call(|policy| policy.reset());
    }

    /// Calls the policy, unless it has panicked before: its state may be broken.
    fn call<T>(&mut self, call: impl FnOnce(&mut dyn Policy) -> T) -> Result<T, Error> {
        let policy = self.0.policy.as_mut().map_err(|error| error.clone())?;
        let result = caught(|| call(policy.as_mut()));
        if let Err(error) = &result {
            let broken = std::mem::replace(&mut self.0.policy, Err(error.clone()));
            let _dropped = caught(|| drop(broken));
        }
        result
    }
}

/// The watch must not be lost because of a panic in code that is not this crate's.
fn caught<T>(call: impl FnOnce() -> T) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| match text_of(&*panic) {
        Some(text) => Error::config(format!("the schedule's backoff policy panicked: {text}")),
        None => Error::config("the schedule's backoff policy panicked"),
    })
}

fn text_of(panic: &(dyn Any + Send)) -> Option<&str> {
    panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str))
}

impl fmt::Debug for RunningPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningPolicy").finish_non_exhaustive()
    }
}

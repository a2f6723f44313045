//! Who may ask now: the request budget, the bound on requests in flight, and the gate that one refusal closes for all.

mod acquire;
mod circuit_breaker;
mod dispatch;
mod in_flight;
mod pacer;
mod priority;
mod rate_limiter;
mod sliding_window;
mod stagger;
mod wait_queue;

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::Error;

pub(crate) use acquire::Acquire;
pub(crate) use priority::{Priority, Sampler};
#[cfg(feature = "simulator")]
pub(crate) use sliding_window::SlidingWindow;
use wait_queue::{AcquireRequest, Release, WaitQueue};

/// How many requests may go out in how much time: [`ClientBuilder::rate_limit`](crate::ClientBuilder::request_budget).
///
/// In no stretch of time as long as the period do more requests go out than the budget has; the stretch may begin
/// anywhere, not only at full periods. Once the budget is used up, those who wait go one after the other, at an even
/// pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RateLimit {
    requests: u32,
    period: Duration,
}

impl RateLimit {
    /// At most so many requests in each stretch of `period`: `per(20, Duration::from_secs(10))`.
    #[must_use]
    pub const fn per(requests: u32, period: Duration) -> Self {
        Self { requests, period }
    }

    pub(crate) fn validate(self) -> Result<(), Error> {
        /// Longer than this is a slip of the pen.
        const LONGEST: Duration = Duration::from_secs(31 * 24 * 60 * 60);
        if self.requests == 0 {
            return Err(Error::config("the request budget is 0 requests: nothing could ever be asked"));
        }
        if self.period.is_zero() {
            return Err(Error::config("the request budget's period is zero: it would bound nothing"));
        }
        if self.period > LONGEST {
            return Err(Error::config("the request budget's period is over a month"));
        }
        Ok(())
    }
}

/// What bounds the requests of one client and its clones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) budget: Option<RateLimit>,
    pub(crate) in_flight: usize,
    /// A request that is not over after so long is not polled by anyone, and counts no more.
    pub(crate) lease: Duration,
}

/// Where every request of a client takes its turn.
#[derive(Debug)]
pub(crate) struct Limiter(Mutex<WaitQueue>);

impl Limiter {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self(Mutex::new(WaitQueue::new(limits))))
    }

    /// A turn if there is one right now and nobody waits for it. `cooldown`: for how long a refusal that names no time
    /// closes the gate.
    pub(crate) fn try_acquire(self: &Arc<Self>, cooldown: Duration) -> Option<Permit> {
        let lease = self.locked(|queue| queue.enter(Instant::now()))?;
        Some(self.permit(lease, cooldown))
    }

    /// The one request that may pass a closed gate: the last look of a watch whose time is over.
    pub(crate) fn try_acquire_final(self: &Arc<Self>, cooldown: Duration) -> Option<Permit> {
        let lease = self.locked(|queue| queue.try_acquire_final(Instant::now()))?;
        Some(self.permit(lease, cooldown))
    }

    /// A place in the queue for a turn, taken when it is polled first.
    pub(crate) fn acquire(self: &Arc<Self>, cooldown: Duration) -> Acquire {
        Acquire::new(Arc::clone(self), cooldown)
    }

    /// A watch starts now: which part of its pause, in 1/65536, it should go ahead of the others that start with it, if
    /// there are many.
    pub(crate) fn register(&self, now: Instant) -> u16 {
        self.locked(|queue| queue.crowd.register(now))
    }

    /// Whether many started together with the watch that started then.
    pub(crate) fn is_staggered(&self, started: Instant) -> bool {
        self.locked(|queue| queue.crowd.is_staggered(started))
    }

    fn permit(self: &Arc<Self>, lease: u64, cooldown: Duration) -> Permit {
        Permit { limiter: Arc::clone(self), lease, cooldown, back: Release::Abandoned }
    }

    /// So many places in the order of waiting, the first of them given.
    pub(crate) fn issue(&self, count: usize) -> u64 {
        self.locked(|queue| queue.issue(count))
    }

    fn locked<T>(&self, visit: impl FnOnce(&mut WaitQueue) -> T) -> T {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = visit(&mut queue);
        let (wake, retired) = (mem::take(&mut queue.wake), mem::take(&mut queue.retired));
        drop(queue);
        wake.into_iter().for_each(Waker::wake);
        drop(retired);
        outcome
    }
}

/// The right to one request, for as long as it is in flight.
#[derive(Debug)]
pub(crate) struct Permit {
    limiter: Arc<Limiter>,
    lease: u64,
    cooldown: Duration,
    back: Release,
}

impl Permit {
    /// What came of the request. A permit that is dropped without a word of it was not used to its end.
    pub(crate) fn with_response(mut self, failure: Option<&Error>) {
        let classify = failure.filter(|error| error.kind().is_throttling());
        self.back = match classify {
            Some(error) => {
                Release::Throttled(error.retry_after().filter(|wait| !wait.is_zero()).unwrap_or(self.cooldown))
            }
            None => Release::Completed,
        };
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Self { limiter, lease, back, .. } = self;
        limiter.locked(|queue| queue.give_back(*lease, *back, Instant::now));
    }
}

#[cfg(test)]
mod tests;

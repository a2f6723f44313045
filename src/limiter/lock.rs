//! The lock around limits and queue, and the permit that a request holds.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

use super::limits::{LimiterConfig, Release};
use super::state::LimiterState;
use super::waiter::AcquireRequest;
use crate::error::Error;

/// The limits of one client and its clones.
#[derive(Debug)]
pub(crate) struct Limiter(Mutex<LimiterState>);

impl Limiter {
    pub(crate) fn new(config: LimiterConfig) -> Arc<Self> {
        Arc::new(Self(Mutex::new(LimiterState::new(config))))
    }

    /// A permit, if one is free now and nothing waits for it. `cooldown`: for how long a refusal that names no time opens the
    /// circuit breaker.
    pub(crate) fn try_acquire(self: &Arc<Self>, cooldown: Duration) -> Option<Permit> {
        let now = Instant::now();
        let lease = self.locked(|state| state.try_acquire(now))?;
        Some(self.permit(lease, now, cooldown))
    }

    /// A permit for a final poll in spite of an open circuit breaker: one of all watches gets it, once per cooldown.
    pub(crate) fn try_acquire_final(self: &Arc<Self>, cooldown: Duration) -> Option<Permit> {
        let now = Instant::now();
        let lease = self.locked(|state| state.try_acquire_final(now))?;
        Some(self.permit(lease, now, cooldown))
    }

    /// The first of `count` tickets: places in the order of waiting.
    pub(crate) fn issue(&self, count: usize) -> u64 {
        self.locked(|state| state.queue.issue(count))
    }

    /// A waiter comes for a permit: the permit, or when it should come again.
    pub(super) fn poll_acquire(
        self: &Arc<Self>,
        request: &AcquireRequest<'_>,
        cooldown: Duration,
    ) -> Result<Permit, Instant> {
        let now = Instant::now();
        let lease = self.locked(|state| state.poll_acquire(request, now))?;
        Ok(self.permit(lease, now, cooldown))
    }

    pub(super) fn cancel(&self, ticket: u64) {
        self.locked(|state| state.cancel(ticket, Instant::now()));
    }

    fn permit(self: &Arc<Self>, lease: u64, acquired_at: Instant, cooldown: Duration) -> Permit {
        Permit { limiter: Arc::clone(self), lease, acquired_at, cooldown, release: Release::Abandoned }
    }

    fn locked<T>(&self, visit: impl FnOnce(&mut LimiterState) -> T) -> T {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = visit(&mut state);
        let (wake, retired) = (mem::take(&mut state.queue.wake), mem::take(&mut state.queue.retired));
        drop(state);
        wake.into_iter().for_each(Waker::wake);
        drop(retired);
        outcome
    }
}

/// The right to send one request, held while it is in flight. Dropped without [`settle`](Self::settle), it counts as
/// abandoned.
#[derive(Debug)]
pub(crate) struct Permit {
    limiter: Arc<Limiter>,
    lease: u64,
    acquired_at: Instant,
    cooldown: Duration,
    release: Release,
}

impl Permit {
    /// When it was acquired, which is when its request is counted as sent.
    pub(crate) const fn acquired_at(&self) -> Instant {
        self.acquired_at
    }

    /// The request is over, with this failure or none. A refusal that asks for fewer requests opens the circuit breaker.
    pub(crate) fn settle(mut self, failure: Option<&Error>) {
        let refusal = failure.filter(|error| error.kind().is_throttling());
        self.release = match refusal {
            Some(error) => {
                Release::Throttled(error.retry_after().filter(|wait| !wait.is_zero()).unwrap_or(self.cooldown))
            }
            None => Release::Completed,
        };
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Self { limiter, lease, release, .. } = self;
        limiter.locked(|state| state.release(*lease, *release, Instant::now));
    }
}

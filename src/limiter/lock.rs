//! The lock around limits and queue, and the permit that a request holds.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::client_limits::ClientLimits;
use super::limits::{LimiterConfig, Release, Sent};
use super::refusal::Cooldown;
use super::state::{LimiterState, NoPermit};
use super::wait_queue::Grant;
use super::waiter::{AcquireRequest, Class};
use super::waiters::Key;

/// The limits of one client and its clones.
#[derive(Debug)]
pub(crate) struct Limiter(Mutex<LimiterState>);

impl Limiter {
    pub(crate) fn new(config: LimiterConfig) -> Arc<Self> {
        Arc::new(Self(Mutex::new(LimiterState::new(config))))
    }

    /// A permit, if one is free now and nothing waits for it.
    pub(crate) fn try_acquire(self: &Arc<Self>) -> Option<Permit> {
        let now = Instant::now();
        let lease = self.locked(|state| state.try_acquire(now))?;
        Some(self.permit(Grant { lease, waited: Duration::ZERO }, Class::Normal, now))
    }

    /// The first of `count` tickets: places in the order of waiting.
    pub(crate) fn issue(&self, count: usize) -> u64 {
        self.locked(|state| state.queue.tickets.issue(count))
    }

    /// A ticket in front of all those, for the second request of a poll that has waited already.
    pub(crate) fn issue_front(&self) -> u64 {
        self.locked(|state| state.queue.tickets.issue_front())
    }

    /// How many permits are free now.
    pub(crate) fn free(&self) -> usize {
        self.locked(|state| state.limits.free(Instant::now()))
    }

    /// Takes a token of the retry budget, if there is one: a failed poll may be repeated early.
    pub(crate) fn take_retry(&self) -> bool {
        self.locked(|state| state.limits.take_retry(Instant::now()))
    }

    /// Why and for how long requests are held back, if they are.
    pub(crate) fn cooldown(&self) -> Option<Cooldown> {
        self.locked(|state| state.limits.cooldown(Instant::now()))
    }

    /// What the limits stand at.
    pub(crate) fn report(&self) -> ClientLimits {
        self.locked(|state| state.report(Instant::now()))
    }

    /// How long a request that is not sent now should wait before it comes again.
    pub(crate) fn not_before(&self) -> Duration {
        self.locked(|state| state.not_before(Instant::now()))
    }

    /// Ends a cooldown at once. Returns whether there was one.
    pub(crate) fn resume(&self) -> bool {
        self.locked(|state| state.resume(Instant::now()))
    }

    /// A waiter comes for a permit: the permit, or when it should come again.
    pub(super) fn poll_acquire(
        self: &Arc<Self>,
        place: &mut Option<Key>,
        request: &AcquireRequest<'_>,
    ) -> Result<Permit, NoPermit> {
        let now = Instant::now();
        let grant = self.locked(|state| state.poll_acquire(place, request, now))?;
        Ok(self.permit(grant, request.class, now))
    }

    pub(super) fn ticket_of(&self, key: Key) -> Option<u64> {
        self.locked(|state| state.queue.ticket(key))
    }

    pub(super) fn cancel(&self, key: Key) {
        self.locked(|state| state.cancel(key, Instant::now()));
    }

    /// Calls the waiters for which there are permits.
    pub(super) fn dispatch(&self) {
        self.locked(|state| state.dispatch(Instant::now()));
    }

    fn permit(self: &Arc<Self>, grant: Grant, class: Class, acquired_at: Instant) -> Permit {
        let Grant { lease, waited } = grant;
        Permit { limiter: Arc::clone(self), sent: Some(Sent { lease, at: acquired_at }), acquired_at, waited, class }
    }

    fn release(&self, sent: Sent, release: &Release) -> Option<Box<Cooldown>> {
        self.locked(|state| state.release(sent, release, Instant::now))
    }

    fn locked<T>(&self, visit: impl FnOnce(&mut LimiterState) -> T) -> T {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = visit(&mut state);
        let (wake, retired) = (mem::take(&mut state.queue.wake), mem::take(&mut state.queue.retired));
        drop(state);
        wake.wake();
        drop(retired);
        outcome
    }
}

/// The right to send one request, held while it is in flight. Dropped without [`settle`](Self::settle), it counts as
/// abandoned.
#[derive(Debug)]
pub(crate) struct Permit {
    limiter: Arc<Limiter>,
    /// `None`: it is settled.
    sent: Option<Sent>,
    acquired_at: Instant,
    waited: Duration,
    class: Class,
}

impl Permit {
    /// When it was acquired, which is when its request is counted as sent.
    pub(crate) const fn acquired_at(&self) -> Instant {
        self.acquired_at
    }

    /// How long the request has waited for it.
    pub(crate) const fn waited(&self) -> Duration {
        self.waited
    }

    /// The same permit, for a request that has waited this long.
    pub(crate) fn after(mut self, waited: Duration) -> Self {
        self.waited = waited;
        self
    }

    /// The class of a second request of the same poll: it passes an open circuit breaker only if the first one might.
    pub(crate) const fn class_of_second(&self) -> Class {
        match self.class {
            Class::Urgent => Class::Urgent,
            Class::Normal | Class::Retry => Class::Normal,
        }
    }

    /// The request is over. Returns why all requests are held back, if that begins with it, or lasts longer because of it.
    pub(crate) fn settle(mut self, release: &Release) -> Option<Box<Cooldown>> {
        self.limiter.release(self.sent.take()?, release)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(sent) = self.sent.take() {
            self.limiter.release(sent, &Release::Abandoned);
        }
    }
}

//! Limits and queue together: what one visit under the lock does. Pure: the caller gives the time.

use tokio::time::Instant;

use super::limits::{LimiterConfig, Limits, Release};
use super::wait_queue::WaitQueue;
use super::waiter::AcquireRequest;

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct LimiterState {
    limits: Limits,
    pub(super) queue: WaitQueue,
}

impl LimiterState {
    pub(super) fn new(config: LimiterConfig) -> Self {
        Self { limits: Limits::new(config), queue: WaitQueue::new() }
    }

    /// A lease, if a request may go now and nothing waits.
    pub(super) fn try_acquire(&mut self, now: Instant) -> Option<u64> {
        let Self { limits, queue } = self;
        let free = queue.is_empty() && limits.free(now) > 0 && limits.passing(now) > 0;
        free.then(|| limits.take(now, false, 0))
    }

    /// A lease for a final poll in spite of an open circuit breaker.
    pub(super) fn try_acquire_final(&mut self, now: Instant) -> Option<u64> {
        self.limits.allows_final_poll(now).then(|| self.limits.take(now, true, 0))
    }

    /// A waiter comes for a permit: the lease, or when it should come again.
    pub(super) fn poll_acquire(&mut self, request: &AcquireRequest<'_>, now: Instant) -> Result<u64, Instant> {
        self.queue.poll_acquire(request, &mut self.limits, now)
    }

    /// A waiter does not want a permit any more.
    pub(super) fn cancel(&mut self, ticket: u64, now: Instant) {
        self.queue.cancel(ticket, &mut self.limits, now);
    }

    /// A request is over. `now` is called only where the time matters, and rarely does.
    pub(super) fn release(&mut self, lease: u64, release: Release, now: impl Fn() -> Instant) {
        let Self { limits, queue } = self;
        limits.release(lease, release, &now, || queue.total_weight());
        if !queue.is_empty() {
            queue.notify_eligible(None, limits, now());
        }
    }
}

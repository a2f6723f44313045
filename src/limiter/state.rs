//! Limits and queue together: what one visit under the lock does. Pure: the caller gives the time.

use tokio::time::Instant;

use std::time::Duration;

use super::client_limits::ClientLimits;
use super::limits::{LimiterConfig, Limits, Release, Sent};
use super::refusal::Cooldown;
use super::wait_queue::{Grant, WaitQueue};
use super::waiter::{AcquireRequest, Class};
use super::waiters::Key;

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct LimiterState {
    pub(super) limits: Limits,
    pub(super) queue: WaitQueue,
}

/// Why a waiter does not get a permit.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoPermit {
    /// When it should come again.
    pub(super) comes_again: Instant,
    /// The number of the refusal for which it is held back, if it is.
    pub(super) held_back: Option<u32>,
}

impl LimiterState {
    pub(super) fn new(config: LimiterConfig) -> Self {
        Self { limits: Limits::new(config), queue: WaitQueue::new() }
    }

    /// A lease, if a request may go now and nothing waits.
    pub(super) fn try_acquire(&mut self, now: Instant) -> Option<u64> {
        let Self { limits, queue } = self;
        queue.lets_pass(limits.allows(Class::Normal, now)).then(|| {
            queue.note_taken();
            limits.take(Class::Normal, now, 0)
        })
    }

    /// A waiter comes for a permit: gets one, or learns when it should come again.
    pub(super) fn poll_acquire(
        &mut self,
        place: &mut Option<Key>,
        request: &AcquireRequest<'_>,
        now: Instant,
    ) -> Result<Grant, NoPermit> {
        let Self { limits, queue } = self;
        queue.poll_acquire(place, request, limits, now).map_err(|comes_again| {
            let held_back = limits.held_back_number(now).filter(|_| request.class != Class::Urgent);
            NoPermit { comes_again, held_back }
        })
    }

    /// A waiter does not want a permit any more.
    pub(super) fn cancel(&mut self, key: Key, now: Instant) {
        self.queue.cancel(key, &mut self.limits, now);
    }

    /// Calls the waiters for which there are permits.
    pub(super) fn dispatch(&mut self, now: Instant) {
        self.queue.dispatch(&mut self.limits, now);
    }

    /// A request is over. `now` is called only where the time matters, and rarely does.
    /// Returns why all requests are held back, if that begins with it, or lasts longer because of it.
    pub(super) fn release(
        &mut self,
        sent: Sent,
        release: &Release,
        now: impl Fn() -> Instant,
    ) -> Option<Box<Cooldown>> {
        let Self { limits, queue } = self;
        let is_held_back = limits.release(sent, release, &now, || queue.weight());
        if queue.len() > 0 {
            queue.dispatch(limits, now());
        }
        if is_held_back { limits.cooldown(now()).map(Box::new) } else { None }
    }

    /// How long a request that is not sent now should wait before it comes again.
    pub(super) fn not_before(&mut self, now: Instant) -> Duration {
        /// The limits may let it go sooner than is known, or it may come just too late.
        const RANGE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));
        let Self { limits, queue } = self;
        let (opens, is_sure) = limits.opens(Class::Normal, queue.waiting(), 0, now);
        let wait = opens.saturating_duration_since(now).max(RANGE.0);
        if is_sure { wait } else { wait.min(RANGE.1) }
    }

    /// What the limits stand at.
    pub(super) fn report(&mut self, now: Instant) -> ClientLimits {
        self.limits.report(self.queue.waiting(), now)
    }

    /// Ends a cooldown, if there is one.
    pub(super) fn resume(&mut self, now: Instant) -> bool {
        let was_held_back = self.limits.resume(now, self.queue.weight());
        self.dispatch(now);
        was_held_back
    }
}

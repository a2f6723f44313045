//! Waiting for a turn.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{AcquireRequest, Limiter, Permit, Priority};
use crate::lazy_sleep::LazySleep;

/// A place in the queue. Dropping it gives the place up, and what it was about to get goes to the next.
///
/// It has one timer, set to when its turn comes as far as that can be told, and is woken where it comes sooner.
#[derive(Debug)]
pub(crate) struct Acquire {
    limiter: Arc<Limiter>,
    cooldown: Duration,
    past_breaker: bool,
    priority: Option<Priority>,
    ticket: Option<u64>,
    timer: LazySleep,
}

impl Acquire {
    pub(super) fn new(limiter: Arc<Limiter>, cooldown: Duration) -> Self {
        Self { limiter, cooldown, past_breaker: false, priority: None, ticket: None, timer: LazySleep::default() }
    }

    /// Not held up by a closed gate.
    pub(crate) fn past_breaker(mut self) -> Self {
        self.past_breaker = true;
        self
    }

    /// From now on worth so much beside others, if that is known.
    pub(crate) fn priority(&mut self, priority: Option<Priority>) {
        self.priority = priority;
    }

    /// Takes the place of this ticket, or the last one if there is none. `weight`: for how many requests it waits, one
    /// after the other.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, ticket: Option<u64>, weight: usize) -> Poll<Permit> {
        if ticket.is_some() && self.ticket != ticket {
            self.cancel();
            self.ticket = ticket;
        }
        let Self { limiter, ticket, past_breaker, priority, .. } = self;
        let (waker, past_breaker, priority) = (cx.waker(), *past_breaker, priority.as_ref());
        let ticket = *ticket.get_or_insert_with(|| limiter.issue(1));
        let request = AcquireRequest { ticket, waker, weight, past_breaker, priority };
        loop {
            match self.limiter.locked(|queue| queue.poll_acquire(&request, Instant::now())) {
                Ok(lease) => {
                    self.ticket = None;
                    return Poll::Ready(self.limiter.permit(lease, self.cooldown));
                }
                Err(at) => ready!(self.timer.poll(cx, at)),
            }
        }
    }

    /// Gives the place up.
    pub(crate) fn cancel(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.limiter.locked(|queue| queue.cancel(ticket, Instant::now()));
        }
    }

    /// Waits for one turn.
    pub(crate) async fn next(mut self) -> Permit {
        poll_fn(|cx| self.poll(cx, None, 1)).await
    }

    /// The same, but for no longer than `patience` after `time`, when the wait is over but for a last look. `None`: no
    /// turn came.
    pub(crate) async fn acquire_until(mut self, time: Option<Instant>, patience: Duration) -> Option<Permit> {
        let Self { limiter, cooldown, .. } = &self;
        let (limiter, cooldown) = (Arc::clone(limiter), *cooldown);
        let mut turn = poll_fn(|cx| self.poll(cx, None, 1));
        let Some(time) = time else { return Some(turn.await) };
        if let Ok(permit) = timeout_at(time, &mut turn).await {
            return Some(permit);
        }
        if let Some(permit) = limiter.try_acquire_final(cooldown) {
            return Some(permit);
        }
        match time.checked_add(patience) {
            Some(end) => timeout_at(end, turn).await.ok(),
            None => Some(turn.await),
        }
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        self.cancel();
    }
}

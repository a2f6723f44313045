//! Waiting for a permit.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::lock::{Limiter, Permit};
use super::priority::Priority;
use super::waiter::AcquireRequest;
use crate::lazy_sleep::LazySleep;

/// A waiter. Dropping it leaves the queue, and its permit goes to the next.
///
/// It has one timer, set to when it gets a permit as far as that is known, and is woken where that comes sooner.
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
    /// `cooldown`: for how long a refusal that names no time opens the circuit breaker.
    pub(crate) fn new(limiter: Arc<Limiter>, cooldown: Duration) -> Self {
        Self { limiter, cooldown, past_breaker: false, priority: None, ticket: None, timer: LazySleep::default() }
    }

    /// Passes an open circuit breaker.
    pub(crate) fn past_breaker(mut self) -> Self {
        self.past_breaker = true;
        self
    }

    pub(crate) fn set_priority(&mut self, priority: Option<Priority>) {
        self.priority = priority;
    }

    /// Waits with this ticket, or with a new one if there is none. `weight`: for how many requests it waits, one after the
    /// other.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, ticket: Option<u64>, weight: usize) -> Poll<Permit> {
        if ticket.is_some() && self.ticket != ticket {
            self.cancel();
            self.ticket = ticket;
        }
        let ticket = *self.ticket.get_or_insert_with(|| self.limiter.issue(1));
        let (past_breaker, priority) = (self.past_breaker, self.priority.as_ref());
        let request = AcquireRequest { ticket, waker: cx.waker(), weight, past_breaker, priority };
        loop {
            match self.limiter.poll_acquire(&request, self.cooldown) {
                Ok(permit) => {
                    self.ticket = None;
                    return Poll::Ready(permit);
                }
                Err(at) => ready!(self.timer.poll(cx, at)),
            }
        }
    }

    /// Leaves the queue.
    pub(crate) fn cancel(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.limiter.cancel(ticket);
        }
    }

    /// Waits for a permit for one request.
    ///
    /// Cancel safety: dropping the future keeps the place in the queue.
    pub(crate) async fn permit(&mut self) -> Permit {
        poll_fn(|cx| self.poll(cx, None, 1)).await
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        self.cancel();
    }
}

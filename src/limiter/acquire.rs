//! Waiting for a permit.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep};

use super::lock::{Limiter, Permit};
use super::priority::Priority;
use super::state::NoPermit;
use super::waiter::{AcquireRequest, Class};
use super::waiters::Key;

/// A waiter. Dropping it leaves the queue, and its permit goes to the next. It borrows its timer.
#[derive(Debug)]
pub(crate) struct Acquire {
    limiter: Arc<Limiter>,
    place: Place,
    /// Whether it was to come again after its last permit.
    comes_again: bool,
}

/// A place in the queue, or none yet. To be left with [`Limiter::leave`].
#[derive(Debug, Default)]
pub(crate) struct Place(Option<Key>);

/// What a waiter waits for.
#[derive(Debug)]
pub(crate) struct PermitRequest<'a> {
    /// Its place in the order of waiting. `None`: behind all others.
    pub(crate) ticket: Option<u64>,
    /// For how many requests it waits, one after the other. With more than one, it must come again at once after each permit,
    /// or [pause](Acquire::pause).
    pub(crate) weight: usize,
    pub(crate) class: Class,
    /// Kept from the last time if there is none.
    pub(crate) priority: Option<&'a Priority>,
    /// When it stops waiting, or goes on in another way.
    pub(crate) until: Option<Instant>,
    /// The number of the last refusal that it knows of.
    pub(crate) known_refusal: Option<u32>,
}

/// What a waiter gets.
#[derive(Debug)]
pub(crate) enum Acquired {
    Permit(Permit),
    /// All requests are held back, for a refusal with this number. The waiter stays in the queue.
    HeldBack(u32),
}

impl Acquire {
    pub(crate) fn new(limiter: Arc<Limiter>) -> Self {
        Self { limiter, place: Place::default(), comes_again: false }
    }

    /// See [`Limiter::poll_place`].
    pub(crate) fn poll(
        &mut self,
        timer: Pin<&mut Sleep>,
        cx: &mut Context<'_>,
        request: &PermitRequest<'_>,
    ) -> Poll<Option<Acquired>> {
        let polled = self.limiter.poll_place(&mut self.place, timer, cx, request);
        self.comes_again = request.weight > 1 && matches!(polled, Poll::Ready(Some(Acquired::Permit(_))));
        polled
    }

    /// It does not come again at once after its last permit: others are called.
    pub(crate) fn pause(&mut self) {
        if mem::take(&mut self.comes_again) {
            self.limiter.dispatch();
        }
    }

    /// Leaves the queue, until it is polled again.
    pub(crate) fn leave(&mut self) {
        self.limiter.leave(&mut self.place);
        self.pause();
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Place {
    /// Whether it is in the queue.
    pub(crate) const fn is_queued(&self) -> bool {
        self.0.is_some()
    }
}

impl Limiter {
    /// Ready with what the waiter gets, or with nothing when the time of the request is over. It stays in the queue then.
    pub(crate) fn poll_place(
        self: &Arc<Self>,
        place: &mut Place,
        mut timer: Pin<&mut Sleep>,
        cx: &mut Context<'_>,
        request: &PermitRequest<'_>,
    ) -> Poll<Option<Acquired>> {
        let &PermitRequest { ticket, weight, class, priority, known_refusal, until } = request;
        let request = AcquireRequest { ticket, waker: cx.waker(), weight, class, priority };
        loop {
            let NoPermit { comes_again, held_back } = match self.poll_acquire(&mut place.0, &request) {
                Ok(permit) => return Poll::Ready(Some(Acquired::Permit(permit))),
                Err(no_permit) => no_permit,
            };
            if let Some(number) = held_back.filter(|_| held_back != known_refusal) {
                return Poll::Ready(Some(Acquired::HeldBack(number)));
            }
            let wakes = until.map_or(comes_again, |until| until.min(comes_again));
            if timer.deadline() != wakes {
                timer.as_mut().reset(wakes);
            }
            ready!(timer.as_mut().poll(cx));
            if until.is_some_and(|until| until <= wakes) {
                return Poll::Ready(None);
            }
        }
    }

    /// The place in the order of waiting.
    pub(crate) fn ticket(&self, place: &Place) -> Option<u64> {
        self.ticket_of(place.0?)
    }

    /// Leaves the queue.
    pub(crate) fn leave(&self, place: &mut Place) {
        if let Some(key) = place.0.take() {
            self.cancel(key);
        }
    }
}

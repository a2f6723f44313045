//! A waiter in the queue, and the request with which it comes.

use std::task::Waker;

use tokio::time::Instant;

use super::priority::{Priority, prior};

/// A waiter that comes for a permit, for the first time or again.
pub(super) struct AcquireRequest<'a> {
    pub(super) ticket: u64,
    pub(super) waker: &'a Waker,
    /// For how many requests it waits, one after the other.
    pub(super) weight: usize,
    /// Whether it may pass an open circuit breaker.
    pub(super) past_breaker: bool,
    pub(super) priority: Option<&'a Priority>,
}

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) waker: Waker,
    pub(super) weight: usize,
    pub(super) past_breaker: bool,
    pub(super) priority: Option<Priority>,
    /// Its index in the list from which samples are drawn.
    pub(super) index: usize,
    pub(super) since: Instant,
    /// When it was woken for a permit that it has not claimed yet.
    pub(super) notified: Option<Instant>,
    /// When its own timer brings it back.
    pub(super) returns_at: Instant,
}

impl Waiter {
    /// What a permit is worth to it now.
    pub(super) fn value(&self, now: Instant) -> f64 {
        match &self.priority {
            // A person or a program waits for this one answer.
            _ if self.past_breaker => f64::INFINITY,
            Some(priority) => priority.value(now),
            None => prior(now.saturating_duration_since(self.since)),
        }
    }
}

//! A waiter in the queue, and the request with which it comes.

use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

use super::priority::{Priority, prior};
use crate::clock::Began;

/// Which limits a waiter is under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Passes an open circuit breaker: a single check, or a final poll.
    Urgent,
    Normal,
    /// A failed poll that is repeated before its schedule's own time: needs a token of the retry budget.
    Retry,
}

impl Class {
    pub(super) const ALL: [Self; 3] = [Self::Urgent, Self::Normal, Self::Retry];
}

/// A waiter that comes for a permit, for the first time or again.
pub(super) struct AcquireRequest<'a> {
    /// Its place in the order of waiting. `None`: behind all others.
    pub(super) ticket: Option<u64>,
    pub(super) waker: &'a Waker,
    /// For how many requests it waits, one after the other.
    pub(super) weight: usize,
    pub(super) class: Class,
    pub(super) priority: Option<&'a Priority>,
}

/// Times are in nanoseconds from the queue's epoch: there may be 100,000 waiters.
#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) waker: Waker,
    pub(super) priority: Option<Priority>,
    pub(super) ticket: u64,
    /// When its own timer brings it back; of one that was called, when that was.
    pub(super) at: i64,
    pub(super) weight: u32,
    /// When it began to wait.
    pub(super) since: Began,
    /// Its index in the list from which samples are drawn.
    pub(super) index: u32,
    pub(super) class: Class,
    pub(super) presence: Presence,
}

/// Whether a waiter is there to take a permit. It is known for certain only while it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// In the queue: it was there lately.
    Waiting,
    /// It was woken, and a permit is reserved for it for a short time.
    Called,
    /// It did not come in time. It keeps its ticket for when it comes.
    Away,
}

impl Waiter {
    /// What a permit is worth to it now, which is `at` nanoseconds after the epoch.
    pub(super) fn value(&self, now: Instant, at: i64) -> f64 {
        self.priority.as_ref().map_or_else(|| prior(self.waited(at)), |priority| priority.value(now))
    }

    /// How long it has waited now, which is `at` nanoseconds after the epoch.
    pub(super) fn waited(&self, at: i64) -> Duration {
        self.since.elapsed(at)
    }
}

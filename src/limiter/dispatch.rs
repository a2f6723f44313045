//! A round of turns as they are handed out, to those who wait.

use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

use super::priority::{Priority, prior};

/// Who has not come so long after the call is passed over until they do.
pub(super) const CLAIM_TIMEOUT: Duration = Duration::from_secs(1);

/// Someone who waits.
#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) waker: Waker,
    pub(super) weight: usize,
    pub(super) past_breaker: bool,
    pub(super) priority: Option<Priority>,
    /// Where its ticket is among those to draw from.
    pub(super) index: usize,
    pub(super) since: Instant,
    pub(super) called: Option<Instant>,
    /// When it will come by itself.
    pub(super) comes: Instant,
}

impl Waiter {
    pub(super) fn value(&self, now: Instant) -> f64 {
        match &self.priority {
            // Someone asked for this one, and waits.
            _ if self.past_breaker => f64::INFINITY,
            Some(priority) => priority.value(now),
            None => prior(now.saturating_duration_since(self.since)),
        }
    }
}

/// Turns as they are handed out.
pub(super) struct Dispatch {
    pub(super) me: Option<u64>,
    pub(super) now: Instant,
    pub(super) free: usize,
    pub(super) passing: usize,
    /// When mine is, if it is now.
    pub(super) mine: Option<Instant>,
    pub(super) ahead: usize,
    pub(super) called: Vec<u64>,
    pub(super) absent: Vec<u64>,
    /// When the first of those who were called will be passed over.
    pub(super) patience: Option<Instant>,
}

impl Dispatch {
    pub(super) fn is_over(&self, past_breaker: usize) -> bool {
        self.free == 0 || self.passing == 0 && past_breaker == 0
    }

    /// A turn for this one, if the gate lets it through.
    pub(super) fn offer(&mut self, ticket: u64, place: &mut Waiter, wake: &mut Vec<Waker>) {
        if self.passing == 0 && !place.past_breaker {
            return;
        }
        if Some(ticket) == self.me {
            self.mine = Some(self.now);
        } else {
            if place.called.is_none() {
                wake.push(place.waker.clone());
                self.called.push(ticket);
            }
            let until = place.called.get_or_insert(self.now).checked_add(CLAIM_TIMEOUT).unwrap_or(self.now);
            if until <= self.now {
                return self.absent.push(ticket);
            }
            self.patience = Some(self.patience.map_or(until, |first| first.min(until)));
        }
        self.ahead = self.ahead.saturating_add(1);
        self.free = self.free.saturating_sub(1);
        self.passing = self.passing.saturating_sub(usize::from(!place.past_breaker));
    }
}

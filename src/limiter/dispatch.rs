//! One round in which free permits are offered to waiters.

use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

use super::waiter::Waiter;

/// A waiter that does not claim its permit within this time after it was woken is passed over until it comes again.
pub(super) const CLAIM_TIMEOUT: Duration = Duration::from_secs(1);

pub(super) struct Dispatch {
    /// The waiter that is here now, if there is one.
    pub(super) current: Option<u64>,
    pub(super) now: Instant,
    /// Permits left that the rate limit and the bound on requests in flight allow.
    pub(super) free: usize,
    /// Permits left that the circuit breaker allows.
    pub(super) passing: usize,
    /// Set if the current waiter has a permit.
    pub(super) current_gets: bool,
    /// Permits offered so far.
    pub(super) offered: usize,
    /// Waiters woken in this round.
    pub(super) notified: Vec<u64>,
    /// Waiters that did not claim their permit in time.
    pub(super) absent: Vec<u64>,
    /// When the first of the woken waiters will be passed over.
    pub(super) claim_deadline: Option<Instant>,
}

impl Dispatch {
    pub(super) fn new(current: Option<u64>, now: Instant, free: usize, passing: usize) -> Self {
        let (notified, absent) = (Vec::new(), Vec::new());
        Self { current, now, free, passing, current_gets: false, offered: 0, notified, absent, claim_deadline: None }
    }

    /// Whether no permit is left. `past_breaker`: how many waiters may pass an open breaker.
    pub(super) fn is_over(&self, past_breaker: usize) -> bool {
        self.free == 0 || self.passing == 0 && past_breaker == 0
    }

    /// Offers a permit to this waiter, if the circuit breaker lets it pass.
    pub(super) fn offer(&mut self, ticket: u64, waiter: &mut Waiter, wake: &mut Vec<Waker>) {
        if self.passing == 0 && !waiter.past_breaker {
            return;
        }
        if Some(ticket) == self.current {
            self.current_gets = true;
        } else {
            if waiter.notified.is_none() {
                wake.push(waiter.waker.clone());
                self.notified.push(ticket);
            }
            let until = waiter.notified.get_or_insert(self.now).checked_add(CLAIM_TIMEOUT).unwrap_or(self.now);
            if until <= self.now {
                return self.absent.push(ticket);
            }
            self.claim_deadline = Some(self.claim_deadline.map_or(until, |first| first.min(until)));
        }
        self.offered = self.offered.saturating_add(1);
        self.free = self.free.saturating_sub(1);
        self.passing = self.passing.saturating_sub(usize::from(!waiter.past_breaker));
    }
}

//! May a request go now, and if not, when? The rate limit, the requests in flight and the circuit breaker together. Pure:
//! the caller gives the time.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::circuit_breaker::CircuitBreaker;
use super::client_limits::ClientLimits;
use super::in_flight::InFlight;
use super::rate_limit::RateLimit;
use super::rate_limiter::RateLimiter;
use super::refusal::{Cooldown, Refusal};
use super::retry_budget::RetryBudget;
use super::waiter::Class;
use crate::error::Error;

/// The settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LimiterConfig {
    pub(crate) rate_limit: Option<RateLimit>,
    pub(crate) max_in_flight: usize,
    /// How long a request counts as in flight at most: its future may not be polled any more.
    pub(crate) lease: Duration,
}

/// How a request ended.
#[derive(Clone, Debug)]
pub(crate) enum Release {
    /// The gateway answered with a record.
    Answered,
    /// It failed, but the gateway does not ask for fewer requests.
    Failed,
    /// The gateway asks for no requests for this long.
    Refused(Duration, Arc<Refusal>),
    /// It was dropped before its end.
    Abandoned,
}

impl Release {
    /// `error`: with the id of the task that was asked about.
    pub(crate) fn refused(error: Error, cooldown: Duration) -> Self {
        Self::Refused(cooldown, Arc::new(Refusal { error, answered_at: SystemTime::now() }))
    }
}

/// A request that is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) lease: u64,
    pub(super) at: Instant,
}

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct Limits {
    rate: Option<RateLimiter>,
    in_flight: InFlight,
    breaker: CircuitBreaker,
    retries: RetryBudget,
    lease: Duration,
}

impl Limits {
    pub(super) fn new(config: LimiterConfig) -> Self {
        Self {
            rate: config.rate_limit.map(|limit| RateLimiter::at_start(limit, Instant::now())),
            in_flight: InFlight::new(config.max_in_flight, config.lease),
            breaker: CircuitBreaker::new(),
            retries: RetryBudget::new(),
            lease: config.lease,
        }
    }

    /// Whether a request may go at a time that is known to the millisecond, and not only when another one ends.
    pub(super) const fn is_timed(&self) -> bool {
        self.rate.is_some() || !self.breaker.is_closed()
    }

    /// How many requests of this class may go now.
    pub(super) fn allows(&mut self, class: Class, now: Instant) -> usize {
        match class {
            Class::Urgent => self.free(now),
            Class::Normal => self.free(now).min(self.passing(now)),
            Class::Retry => self.free(now).min(self.passing(now)).min(self.retries(now)),
        }
    }

    /// How many requests the circuit breaker lets pass now.
    pub(super) fn passing(&mut self, now: Instant) -> usize {
        self.breaker.allows(now)
    }

    /// How many failed polls may be repeated early now.
    pub(super) fn retries(&mut self, now: Instant) -> usize {
        self.retries.tokens(now)
    }

    /// How many requests the rate limit and the bound on requests in flight allow now, whatever the breaker says.
    pub(super) fn free(&mut self, now: Instant) -> usize {
        let allowed = self.rate.as_mut().map_or(usize::MAX, |rate| rate.free(now));
        allowed.min(self.in_flight.free(now))
    }

    /// When the request of this class with `ahead` others before it may go, `repeats` of them early repeats, and whether that
    /// is sure: it may be sooner if it depends on requests in flight.
    pub(super) fn opens(&mut self, class: Class, ahead: usize, repeats: usize, now: Instant) -> (Instant, bool) {
        let (mut opens, mut sure) = (self.rate_opens(ahead, now), true);
        if self.in_flight.free(now) <= ahead {
            let room = self.in_flight.opens(now).or_else(|| now.checked_add(self.lease));
            (opens, sure) = (opens.max(room.unwrap_or(now)), false);
        }
        if class != Class::Urgent {
            let (passes, is_sure) = self.breaker.opens(ahead, now);
            (opens, sure) = (opens.max(passes), sure && is_sure);
        }
        if class == Class::Retry {
            opens = opens.max(self.retries.next_token(repeats, now));
        }
        (opens, sure)
    }

    /// When the rate limit lets that request go: not before, whatever is answered.
    pub(super) fn rate_opens(&mut self, ahead: usize, now: Instant) -> Instant {
        self.rate.as_mut().map_or(now, |rate| rate.opens(ahead, now))
    }

    /// A request goes now; returns its lease. `behind`: how many requests wait behind it in the same `WatchAll`.
    pub(super) fn take(&mut self, class: Class, now: Instant, behind: usize) -> u64 {
        let lease = self.in_flight.take(now);
        if let Some(rate) = &mut self.rate {
            rate.take(now);
        }
        if class != Class::Urgent {
            self.breaker.pass(lease, now, self.lease, behind);
        }
        if class == Class::Retry {
            self.retries.take(now);
        }
        lease
    }

    /// Takes a token for an early repeat of a failed poll, if there is one.
    pub(super) fn take_retry(&mut self, now: Instant) -> bool {
        self.retries.take(now)
    }

    /// A request is over. `now` is called only where the time matters, and rarely does. `waiting`: how many requests wait.
    /// Returns whether a cooldown begins with it, or becomes longer.
    pub(super) fn release(
        &mut self,
        sent: Sent,
        release: &Release,
        now: &impl Fn() -> Instant,
        waiting: impl FnOnce() -> usize,
    ) -> bool {
        let Sent { lease, at } = sent;
        let mut is_held_back = false;
        match release {
            Release::Answered => {
                self.in_flight.answered();
                self.retries.good_answer();
                self.breaker.answered(lease, at, true, now, waiting);
            }
            Release::Failed => self.breaker.answered(lease, at, false, now, waiting),
            Release::Refused(cooldown, refusal) => {
                self.in_flight.refused(at, now());
                is_held_back = self.breaker.trip(now(), *cooldown, Arc::clone(refusal));
            }
            Release::Abandoned => self.breaker.abandoned(lease),
        }
        self.in_flight.release(lease);
        is_held_back
    }

    /// Ends a cooldown, if there is one.
    pub(super) fn resume(&mut self, now: Instant, waiting: usize) -> bool {
        self.breaker.recover(now, waiting)
    }

    pub(super) fn cooldown(&self, now: Instant) -> Option<Cooldown> {
        self.breaker.cooldown(now)
    }

    pub(super) fn held_back_number(&self, now: Instant) -> Option<u32> {
        self.breaker.held_back_number(now)
    }

    /// What the limits stand at. `waiting`: how many requests wait.
    pub(super) fn report(&mut self, waiting: usize, now: Instant) -> ClientLimits {
        self.breaker.allows(now); // a recovery may be over
        self.in_flight.free(now); // leases may have expired
        ClientLimits {
            breaker: self.breaker.state(),
            cooldown: self.breaker.cooldown(now),
            in_flight: self.in_flight.count(),
            in_flight_allowed: self.in_flight.allowed(now),
            waiting,
            rate_limit_left: self.rate.as_mut().map(|rate| rate.free(now)),
            retries_left: self.retries.tokens(now),
            rate_limit: self.rate.as_ref().map(RateLimiter::limit),
        }
    }
}

//! May a request go now, and if not, when? The rate limit, the requests in flight and the circuit breaker together. Pure:
//! the caller gives the time.

use std::time::Duration;

use tokio::time::Instant;

use super::circuit_breaker::CircuitBreaker;
use super::in_flight::InFlight;
use super::rate_limit::RateLimit;
use super::rate_limiter::RateLimiter;

/// The resolution of tokio's timer.
const TICK: Duration = Duration::from_millis(1);

/// The settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LimiterConfig {
    pub(crate) rate_limit: Option<RateLimit>,
    pub(crate) max_in_flight: usize,
    /// How long a request counts as in flight at most: its future may not be polled any more.
    pub(crate) lease: Duration,
}

/// How a permit comes back.
#[derive(Clone, Copy, Debug)]
pub(super) enum Release {
    /// The gateway answered, or the request failed.
    Completed,
    /// The gateway asks for no requests for this long.
    Throttled(Duration),
    /// The request was dropped before its end.
    Abandoned,
}

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct Limits {
    rate: Option<RateLimiter>,
    in_flight: InFlight,
    breaker: CircuitBreaker,
    lease: Duration,
}

impl Limits {
    pub(super) fn new(config: LimiterConfig) -> Self {
        Self {
            rate: config.rate_limit.map(RateLimiter::new),
            in_flight: InFlight::new(config.max_in_flight, config.lease),
            breaker: CircuitBreaker::Closed,
            lease: config.lease,
        }
    }

    /// How many requests the rate limit and the bound on requests in flight allow now, whatever the breaker says.
    pub(super) fn free(&mut self, now: Instant) -> usize {
        let allowed = self.rate.as_mut().map_or(usize::MAX, |rate| rate.free(now));
        allowed.min(self.in_flight.free(now))
    }

    /// How many requests the circuit breaker lets pass now.
    pub(super) fn passing(&mut self, now: Instant) -> usize {
        self.breaker.allows(now)
    }

    /// Whether one final poll may go now although the breaker is open.
    pub(super) fn allows_final_poll(&mut self, now: Instant) -> bool {
        self.free(now) > 0 && self.breaker.allows_final_poll(now)
    }

    /// When the request with `ahead` others before it may go. Where that cannot be known, because it depends on requests in
    /// flight, a time at which all of them are over.
    pub(super) fn opens(&mut self, ahead: usize, past_breaker: bool, now: Instant) -> Instant {
        let allowed = self.rate.as_mut().map_or(now, |rate| rate.opens(ahead, now));
        let (passed, sure) = if past_breaker { (now, true) } else { self.breaker.opens(ahead, now) };
        let room = self.in_flight.opens(ahead, now);
        let opens = allowed.max(passed).max(room.unwrap_or(now)).max(now.checked_add(TICK).unwrap_or(now));
        if sure && room.is_some() { opens } else { opens.checked_add(self.lease).unwrap_or(opens) }
    }

    /// A request goes now; returns its lease. `behind`: how many requests wait behind it in the same `WatchAll`.
    pub(super) fn take(&mut self, now: Instant, past_breaker: bool, behind: usize) -> u64 {
        let lease = self.in_flight.take(now);
        if let Some(rate) = &mut self.rate {
            rate.take(now);
        }
        if !past_breaker {
            self.breaker.pass(lease, now, self.lease, behind);
        }
        lease
    }

    /// A request is over. `now` is called only where the time matters, and rarely does. `waiting`: how many requests wait.
    pub(super) fn release(
        &mut self,
        lease: u64,
        release: Release,
        now: &impl Fn() -> Instant,
        waiting: impl FnOnce() -> usize,
    ) {
        self.in_flight.release(lease);
        match release {
            Release::Completed => self.breaker.completed(lease, now, waiting),
            Release::Throttled(cooldown) => self.breaker.trip(now(), cooldown),
            Release::Abandoned => self.breaker.abandoned(lease),
        }
    }
}

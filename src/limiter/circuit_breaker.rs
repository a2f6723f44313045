//! The circuit breaker: one answer that asks for fewer requests (429, maintenance) stops all requests of the client. When
//! the cooldown is over, one request probes the gateway. If it is not refused, the rest follow one by one.

use std::mem;
use std::time::Duration;

use tokio::time::Instant;

use super::pacer::Pacer;

/// After the probe the waiting requests follow within this time, or within the cooldown if that is shorter.
const MAX_RECOVERY: Duration = Duration::from_secs(10);
/// The largest gap between two requests that follow the probe.
const MAX_GAP: Duration = Duration::from_millis(100);

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) enum CircuitBreaker {
    /// Requests pass.
    Closed,
    /// No request passes before the cooldown is over; then one does, as a probe.
    Open(Open),
    /// The probe is in flight.
    HalfOpen(Open, Probe),
    /// The probe was answered: requests pass one by one.
    Recovering(Recovering),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    until: Instant,
    cooldown: Duration,
    /// Whether one watch has made its final poll in spite of the cooldown.
    final_poll_used: bool,
}

/// The request that finds out whether the gateway answers again.
#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct Probe {
    lease: u64,
    /// When another probe may go, because this one may not be polled any more.
    expires: Instant,
    /// How many requests wait behind it in the same `WatchAll`.
    behind: usize,
}

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct Recovering {
    until: Instant,
    pacer: Pacer,
}

impl CircuitBreaker {
    /// How many requests may pass now.
    pub(super) fn allows(&mut self, now: Instant) -> usize {
        match self {
            Self::Closed => usize::MAX,
            Self::Open(Open { until, .. }) => usize::from(*until <= now),
            Self::HalfOpen(_, Probe { expires, .. }) => usize::from(*expires <= now),
            Self::Recovering(Recovering { until, .. }) if *until <= now => {
                *self = Self::Closed;
                usize::MAX
            }
            Self::Recovering(Recovering { pacer, .. }) => pacer.allows(now),
        }
    }

    /// A request passes that was allowed to.
    pub(super) fn pass(&mut self, lease: u64, now: Instant, lasts: Duration, behind: usize) {
        match self {
            Self::Closed => {}
            Self::Open(open) | Self::HalfOpen(open, _) => {
                let expires = now.checked_add(lasts).unwrap_or(now);
                *self = Self::HalfOpen(*open, Probe { lease, expires, behind });
            }
            Self::Recovering(Recovering { pacer, .. }) => pacer.pass(now),
        }
    }

    /// When the request with `ahead` others before it may pass, and whether that is sure or depends on the probe.
    pub(super) fn opens(&self, ahead: usize, now: Instant) -> (Instant, bool) {
        match self {
            Self::Closed => (now, true),
            Self::Open(Open { until, .. }) => (*until, ahead == 0),
            Self::HalfOpen(_, Probe { expires, .. }) => (*expires, ahead == 0),
            Self::Recovering(Recovering { until, pacer }) => (pacer.opens(ahead).min(*until), true),
        }
    }

    /// Whether a watch may make its final poll although no request passes: one of all watches, once per cooldown.
    pub(super) fn allows_final_poll(&mut self, now: Instant) -> bool {
        let blocked = self.allows(now) == 0;
        match self {
            Self::Open(open) | Self::HalfOpen(open, _) if blocked => !mem::replace(&mut open.final_poll_used, true),
            _ => false,
        }
    }

    /// The gateway asks for fewer requests.
    pub(super) fn trip(&mut self, now: Instant, cooldown: Duration) {
        let mut until = now.checked_add(cooldown).unwrap_or(now);
        let mut final_poll_used = false;
        if let Self::Open(open) | Self::HalfOpen(open, _) = self {
            // Other requests that were in flight bring the same refusal.
            until = until.max(open.until);
            final_poll_used = open.final_poll_used && open.until > now;
        }
        *self = Self::Open(Open { until, cooldown, final_poll_used });
    }

    /// A request was answered, and not refused. `waiting`: how many requests follow if it was the probe.
    pub(super) fn completed(&mut self, lease: u64, now: impl FnOnce() -> Instant, waiting: impl FnOnce() -> usize) {
        let Self::HalfOpen(Open { cooldown, .. }, probe) = self else { return };
        if probe.lease != lease {
            return;
        }
        // Twice as fast as needed, so that requests that come meanwhile find room.
        let slots = u32::try_from(waiting().max(probe.behind)).unwrap_or(u32::MAX).saturating_mul(2);
        let recovery = MAX_RECOVERY.min(*cooldown);
        let Some(gap) = recovery.checked_div(slots) else { return *self = Self::Closed };
        let (now, gap) = (now(), gap.min(MAX_GAP));
        let after = |time: Duration| now.checked_add(time).unwrap_or(now);
        *self = Self::Recovering(Recovering { until: after(recovery), pacer: Pacer::new(gap, after(gap)) });
    }

    /// A request was dropped without an answer. If it was the probe, another may go.
    pub(super) fn abandoned(&mut self, lease: u64) {
        if let Self::HalfOpen(open, probe) = self {
            if probe.lease == lease {
                *self = Self::Open(*open);
            }
        }
    }
}

//! The circuit breaker: one answer that asks for fewer requests (429, maintenance) stops the requests of the client. When the
//! cooldown is over, one request probes the gateway. If it is not refused, the rest follow one by one. A good answer to any
//! request that went after the refusal ends the cooldown as well.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::breaker_state::BreakerState;
use super::pacer::Pacer;
use super::refusal::{Cooldown, Refusal};

/// After the probe the waiting requests follow within this time, or within the cooldown if that is shorter.
const MAX_RECOVERY: Duration = Duration::from_secs(10);
/// The largest gap between two requests that follow the probe.
const MAX_GAP: Duration = Duration::from_millis(100);
/// A refusal that makes the cooldown longer by less than this is no news.
const MIN_NEWS: Duration = Duration::from_secs(1);

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct CircuitBreaker {
    state: State,
    /// How many refusals have begun a cooldown, or made it longer.
    refusals: u32,
}

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
enum State {
    /// Requests pass.
    Closed,
    /// No request passes before the cooldown is over; then one does, as a probe.
    Open(Open),
    /// The probe is in flight.
    HalfOpen(Open, Probe),
    /// The gateway answers again: requests pass one by one.
    Recovering(Recovering),
}

#[derive(Clone, Debug)]
struct Open {
    /// When the last refusal came: an answer to an older request says nothing about it.
    refused_at: Instant,
    until: Instant,
    /// The same as it was at the last news.
    known_until: Instant,
    cooldown: Duration,
    refusal: Arc<Refusal>,
}

/// The request that finds out whether the gateway answers again.
#[derive(Clone, Copy, Debug)]
struct Probe {
    lease: u64,
    /// When another probe may go, because this one may not be polled any more.
    expires: Instant,
    /// How many requests wait behind it in the same `WatchAll`.
    behind: usize,
}

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
struct Recovering {
    until: Instant,
    pacer: Pacer,
}

impl CircuitBreaker {
    pub(super) const fn new() -> Self {
        Self { state: State::Closed, refusals: 0 }
    }

    pub(super) const fn state(&self) -> BreakerState {
        match self.state {
            State::Closed => BreakerState::Closed,
            State::Open(_) => BreakerState::Open,
            State::HalfOpen(..) => BreakerState::HalfOpen,
            State::Recovering(_) => BreakerState::Recovering,
        }
    }

    pub(super) const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// How many requests may pass now.
    pub(super) fn allows(&mut self, now: Instant) -> usize {
        match &self.state {
            State::Closed => usize::MAX,
            State::Open(Open { until, .. }) => usize::from(*until <= now),
            State::HalfOpen(_, Probe { expires, .. }) => usize::from(*expires <= now),
            State::Recovering(Recovering { until, .. }) if *until <= now => {
                self.state = State::Closed;
                usize::MAX
            }
            State::Recovering(Recovering { pacer, .. }) => pacer.allows(now),
        }
    }

    /// A request passes that was allowed to.
    pub(super) fn pass(&mut self, lease: u64, now: Instant, lasts: Duration, behind: usize) {
        match &mut self.state {
            State::Closed => {}
            State::Open(open) | State::HalfOpen(open, _) => {
                let expires = now.checked_add(lasts).unwrap_or(now);
                self.state = State::HalfOpen(open.clone(), Probe { lease, expires, behind });
            }
            State::Recovering(Recovering { pacer, .. }) => pacer.pass(now),
        }
    }

    /// When the request with `ahead` others before it may pass, and whether that is sure: the answer to a probe comes sooner.
    pub(super) fn opens(&self, ahead: usize, now: Instant) -> (Instant, bool) {
        match &self.state {
            State::Closed => (now, true),
            State::Open(Open { until, .. }) => (*until, ahead == 0),
            State::HalfOpen(_, Probe { expires, .. }) => (*expires, false),
            State::Recovering(Recovering { until, pacer }) => (pacer.opens(ahead).min(*until), true),
        }
    }

    /// Why and for how long requests are held back, if they are.
    pub(super) fn cooldown(&self, now: Instant) -> Option<Cooldown> {
        let open = self.held_back(now)?;
        let Refusal { error, answered_at } = Refusal::clone(&open.refusal);
        Some(Cooldown {
            error,
            answered_at,
            remaining: open.until.saturating_duration_since(now),
            number: self.refusals,
        })
    }

    /// The number of that refusal.
    pub(super) fn held_back_number(&self, now: Instant) -> Option<u32> {
        self.held_back(now).map(|_| self.refusals)
    }

    /// The cooldown, if its time is not over.
    fn held_back(&self, now: Instant) -> Option<&Open> {
        match &self.state {
            State::Open(open) | State::HalfOpen(open, _) => Some(open).filter(|open| open.until > now),
            State::Closed | State::Recovering(_) => None,
        }
    }

    /// The gateway asks for fewer requests. Returns whether that is news.
    pub(super) fn trip(&mut self, now: Instant, cooldown: Duration, refusal: Arc<Refusal>) -> bool {
        let until = now.checked_add(cooldown).unwrap_or(now);
        let mut open = Open { refused_at: now, until, known_until: until, cooldown, refusal };
        let mut is_news = true;
        if let State::Open(before) | State::HalfOpen(before, _) = &self.state {
            // Other requests that were in flight bring the same refusal.
            is_news = before.until <= now || until.saturating_duration_since(before.known_until) >= MIN_NEWS;
            if !is_news {
                (open.refusal, open.known_until) = (Arc::clone(&before.refusal), before.known_until);
            }
            open.until = until.max(before.until);
        }
        self.refusals = self.refusals.wrapping_add(u32::from(is_news));
        self.state = State::Open(open);
        is_news
    }

    /// A request that went at `sent` was answered, and not refused. `waiting`: how many requests wait.
    pub(super) fn answered(
        &mut self,
        lease: u64,
        sent: Instant,
        is_good: bool,
        now: impl FnOnce() -> Instant,
        waiting: impl FnOnce() -> usize,
    ) {
        let (ends, behind) = match &self.state {
            State::Closed | State::Recovering(_) => return,
            State::Open(open) => (is_good && sent > open.refused_at, 0),
            State::HalfOpen(open, probe) => (probe.lease == lease || is_good && sent > open.refused_at, probe.behind),
        };
        if ends {
            self.recover(now(), waiting().max(behind));
        }
    }

    /// Ends the cooldown, if there is one. `waiting` requests follow one by one. Returns whether its time was not over.
    pub(super) fn recover(&mut self, now: Instant, waiting: usize) -> bool {
        let (State::Open(open) | State::HalfOpen(open, _)) = &self.state else { return false };
        let is_held_back = open.until > now;
        // Twice as fast as needed, so that requests that come meanwhile find room.
        let slots = u32::try_from(waiting).unwrap_or(u32::MAX).saturating_mul(2);
        let recovery = MAX_RECOVERY.min(open.cooldown);
        self.state = match recovery.checked_div(slots) {
            None => State::Closed,
            Some(gap) => {
                let gap = gap.min(MAX_GAP);
                let after = |time: Duration| now.checked_add(time).unwrap_or(now);
                State::Recovering(Recovering { until: after(recovery), pacer: Pacer::new(gap, after(gap)) })
            }
        };
        is_held_back
    }

    /// A request was dropped without an answer. If it was the probe, another may go.
    pub(super) fn abandoned(&mut self, lease: u64) {
        if let State::HalfOpen(open, probe) = &self.state {
            if probe.lease == lease {
                self.state = State::Open(open.clone());
            }
        }
    }
}

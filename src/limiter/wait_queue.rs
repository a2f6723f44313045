//! The queue for a turn, and what decides who is next. Pure: it is told the time, and says whom to wake.
//!
//! A turn is never given to someone who is not there: those whose turn it is are called, and take it when they come. So
//! a request goes out in the moment that is counted, and whoever stays away is passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

use super::Limits;
use super::circuit_breaker::CircuitBreaker;
use super::dispatch::{CLAIM_TIMEOUT, Dispatch, Waiter};
use super::in_flight::InFlight;
use super::priority::{Priority, Sampler};
use super::rate_limiter::RateLimiter;
use super::stagger::Stagger;

/// tokio's timer counts in these.
const TICK: Duration = Duration::from_millis(1);

/// How a permit comes back.
#[derive(Clone, Copy, Debug)]
pub(super) enum Release {
    Completed,
    /// The gateway asks everybody to rest for so long.
    Throttled(Duration),
    /// Nobody waited for the answer.
    Abandoned,
}

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct WaitQueue {
    pub(super) crowd: Stagger,
    /// To be woken, and to be dropped, once the desk is free again: a waker may drop a task, and with it a place here.
    pub(super) wake: Vec<Waker>,
    pub(super) retired: Vec<Waker>,
    rate: Option<RateLimiter>,
    in_flight: InFlight,
    breaker: CircuitBreaker,
    /// By ticket: whoever came first is first.
    waiters: BTreeMap<u64, Waiter>,
    next_ticket: u64,
    /// All in the queue, in any order, to draw from.
    tickets: Vec<u64>,
    /// Those who were called, and have not come yet.
    called: BTreeSet<u64>,
    /// How many in the queue have a rank, and whom to look at if there are any.
    ranked: usize,
    sampler: Sampler,
    /// Those in the queue that stand for more than one, as a fleet does.
    weighted: BTreeSet<u64>,
    /// How many in the queue are not held up by a closed gate.
    past_breaker: usize,
    lease: Duration,
}

/// Who comes for a turn: for how many requests, one after the other, and whether a closed gate holds it up.
pub(super) struct AcquireRequest<'a> {
    pub(super) ticket: u64,
    pub(super) waker: &'a Waker,
    pub(super) weight: usize,
    pub(super) past_breaker: bool,
    pub(super) priority: Option<&'a Priority>,
}

impl WaitQueue {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            crowd: Stagger::new(),
            wake: Vec::new(),
            retired: Vec::new(),
            rate: limits.budget.map(RateLimiter::new),
            in_flight: InFlight::new(limits.in_flight, limits.lease),
            breaker: CircuitBreaker::Open,
            waiters: BTreeMap::new(),
            next_ticket: 0,
            tickets: Vec::new(),
            called: BTreeSet::new(),
            ranked: 0,
            sampler: Sampler::new(),
            weighted: BTreeSet::new(),
            past_breaker: 0,
            lease: limits.lease,
        }
    }

    /// The first of so many tickets, the next ones in a row.
    pub(super) fn issue(&mut self, count: usize) -> u64 {
        let first = self.next_ticket;
        self.next_ticket = first.saturating_add(count as u64);
        first
    }

    /// A lease at once, if nobody else waits.
    pub(super) fn enter(&mut self, now: Instant) -> Option<u64> {
        let free = self.waiters.is_empty() && self.free(now) > 0 && self.breaker.allows(now) > 0;
        free.then(|| self.take(now, false, 1))
    }

    pub(super) fn try_acquire_final(&mut self, now: Instant) -> Option<u64> {
        let free = self.free(now) > 0 && self.breaker.try_acquire_final(now);
        free.then(|| self.take(now, true, 1))
    }

    /// Someone comes for a turn, for the first time or again: the lease, or when to come again.
    pub(super) fn poll_acquire(&mut self, request: &AcquireRequest<'_>, now: Instant) -> Result<u64, Instant> {
        let &AcquireRequest { ticket, waker, weight, past_breaker, priority } = request;
        let was_called = self.called.remove(&ticket);
        if let Some(place) = self.waiters.get_mut(&ticket) {
            (place.weight, place.called, place.comes) = (weight, None, now);
            if !place.waker.will_wake(waker) {
                self.retired.push(mem::replace(&mut place.waker, waker.clone()));
            }
        } else {
            let place = Waiter {
                waker: waker.clone(),
                weight,
                past_breaker,
                priority: None,
                index: self.tickets.len(),
                since: now,
                called: None,
                comes: now,
            };
            self.tickets.push(ticket);
            self.waiters.insert(ticket, place);
            self.past_breaker = self.past_breaker.saturating_add(usize::from(past_breaker));
        }
        self.priority(ticket, priority);
        if weight > 1 {
            self.weighted.insert(ticket);
        }
        let comes = match self.notify_eligible(Some((ticket, was_called)), now) {
            Some(at) if at <= now => {
                self.remove(ticket);
                self.sampler.count();
                let lease = self.take(now, past_breaker, weight);
                self.notify_eligible(None, now);
                return Ok(lease);
            }
            Some(at) => at,
            None => self.estimate(ticket, past_breaker, now),
        };
        if let Some(place) = self.waiters.get_mut(&ticket) {
            place.comes = comes;
        }
        Err(comes)
    }

    /// Someone will not come any more.
    pub(super) fn cancel(&mut self, ticket: u64, now: Instant) {
        self.remove(ticket);
        self.notify_eligible(None, now);
    }

    /// A request is over. `now` is asked only where the time matters, which mostly it does not.
    pub(super) fn give_back(&mut self, lease: u64, back: Release, now: impl Fn() -> Instant) {
        self.in_flight.give_back(lease);
        match back {
            Release::Completed => {
                let waiting = || self.waiters.values().map(|place| place.weight).fold(0, usize::saturating_add);
                self.breaker.with_response(lease, &now, waiting);
            }
            Release::Throttled(period) => self.breaker.close(now(), period),
            Release::Abandoned => self.breaker.lost(lease),
        }
        if !self.waiters.is_empty() {
            self.notify_eligible(None, now());
        }
    }

    fn priority(&mut self, ticket: u64, priority: Option<&Priority>) {
        let Some(place) = self.waiters.get_mut(&ticket) else { return };
        self.ranked = self.ranked.saturating_sub(usize::from(place.priority.is_some()));
        self.ranked = self.ranked.saturating_add(usize::from(priority.is_some()));
        place.priority = priority.cloned();
    }

    /// Calls all whose turn it is. Says when it is that of `me`, who is here, and was called or came by itself: now, or later if
    /// it is the next.
    fn notify_eligible(&mut self, me: Option<(u64, bool)>, now: Instant) -> Option<Instant> {
        let (free, passing) = (self.free(now), self.breaker.allows(now));
        let (me, was_called) = me.map_or((None, None), |(me, was_called)| (Some(me), was_called.then_some(me)));
        let mut round = Dispatch {
            me,
            now,
            free,
            passing,
            mine: None,
            ahead: 0,
            called: Vec::new(),
            absent: Vec::new(),
            patience: None,
        };
        let best = self.best(was_called, free.min(passing), now);
        let Self { waiters, wake, past_breaker, .. } = self;
        let in_order = if best.is_none() { waiters.len() } else { 0 };
        for (ticket, place) in waiters.iter_mut().take(in_order) {
            if round.is_over(*past_breaker) {
                break;
            }
            round.offer(*ticket, place, wake);
        }
        for ticket in best.into_iter().flatten() {
            let Some(place) = waiters.get_mut(&ticket) else { continue };
            if round.is_over(*past_breaker) {
                break;
            }
            round.offer(ticket, place, wake);
        }
        let Dispatch { passing, mine, ahead, called, absent, patience, .. } = round;
        self.called.extend(called);
        for ticket in absent {
            self.remove(ticket);
        }
        let next = self.tell_next(me, ahead, patience, false, now);
        let next_past_gate =
            if passing == 0 && self.past_breaker > 0 { self.tell_next(me, ahead, patience, true, now) } else { None };
        mine.or(next).or(next_past_gate)
    }

    /// Whose so many turns are, if they are not simply the first ones': of those who were called, and of those to whom they are
    /// worth most.
    fn best(&mut self, came: Option<u64>, turns: usize, now: Instant) -> Option<BTreeSet<u64>> {
        if self.ranked == 0 || turns == 0 || self.waiters.len() <= turns {
            return None;
        }
        let mut best: BTreeSet<u64> = came.into_iter().chain(self.called.iter().copied()).collect();
        while best.len() < turns {
            best.insert(self.next_best(&best, now)?);
        }
        Some(best)
    }

    /// Of those who are not among the first.
    fn next_best(&mut self, first: &BTreeSet<u64>, now: Instant) -> Option<u64> {
        let Self { waiters, sampler, weighted, tickets, .. } = self;
        let is_left = |ticket: &u64| !first.contains(ticket);
        let longest = || waiters.keys().copied().find(is_left);
        if sampler.is_fifo() {
            return longest();
        }
        let sample = sampler.sample(tickets.len()).filter_map(|place| tickets.get(place));
        // Fleets are worth what the best of theirs is, and so are always looked at.
        let left = sample.chain(weighted.iter()).filter(|ticket| is_left(ticket));
        let value = left.filter_map(|ticket| Some((waiters.get(ticket)?.value(now), *ticket)));
        let best = value.max_by(|(a, first), (b, second)| a.total_cmp(b).then(second.cmp(first)));
        best.map(|(_, ticket)| ticket).or_else(longest)
    }

    /// The first whose turn is still to come may be the first only since just now, and then it comes too late by itself.
    /// Says when its turn is, if it is `me`.
    fn tell_next(
        &mut self,
        me: Option<u64>,
        ahead: usize,
        patience: Option<Instant>,
        past_breaker: bool,
        now: Instant,
    ) -> Option<Instant> {
        // Who should have come by itself long ago is away.
        let is_here = |place: &Waiter| place.comes.checked_add(CLAIM_TIMEOUT).is_none_or(|until| until > now);
        let is_next =
            |place: &Waiter| place.called.is_none() && (place.past_breaker || !past_breaker) && is_here(place);
        let (&ticket, place) = self.waiters.iter().find(|(_, place)| is_next(place))?;
        let (comes, passes) = (place.comes, place.past_breaker);
        let right = self.opens(ahead, passes, now);
        let right = patience.map_or(right, |patience| right.min(patience));
        if Some(ticket) == me {
            return Some(right);
        }
        if comes > right {
            let place = self.waiters.get_mut(&ticket)?;
            place.comes = right;
            self.wake.push(place.waker.clone());
        }
        None
    }

    /// When it is the turn of this ticket, or later if some before it give up.
    fn estimate(&mut self, ticket: u64, past_breaker: bool, now: Instant) -> Instant {
        let first = self.waiters.first_key_value().map_or(ticket, |(first, _)| *first);
        let mut priority = usize::try_from(ticket.saturating_sub(first)).unwrap_or(usize::MAX);
        if past_breaker {
            // At a closed gate it overtakes all others.
            priority = priority.min(self.past_breaker.saturating_sub(1));
        }
        self.opens(priority, past_breaker, now)
    }

    /// When it is the turn of someone before whom `priority` others go; if that cannot be told, for it depends on requests in
    /// flight, then so late that all of them are over.
    fn opens(&mut self, priority: usize, past_breaker: bool, now: Instant) -> Instant {
        let allowed = self.rate.as_mut().map_or(now, |rate| rate.opens(priority, now));
        let (passed, sure) = if past_breaker { (now, true) } else { self.breaker.opens(priority, now) };
        let room = self.in_flight.opens(priority, now);
        let opens = allowed.max(passed).max(room.unwrap_or(now)).max(now.checked_add(TICK).unwrap_or(now));
        if sure && room.is_some() { opens } else { opens.checked_add(self.lease).unwrap_or(opens) }
    }

    /// How many may go out now, whatever the gate says.
    fn free(&mut self, now: Instant) -> usize {
        let allowed = self.rate.as_mut().map_or(usize::MAX, |rate| rate.free(now));
        allowed.min(self.in_flight.free(now))
    }

    fn take(&mut self, now: Instant, past_breaker: bool, weight: usize) -> u64 {
        let lease = self.in_flight.take(now);
        if let Some(rate) = &mut self.rate {
            rate.take(now);
        }
        if !past_breaker {
            self.breaker.pass(lease, now, self.lease, weight.saturating_sub(1));
        }
        lease
    }

    fn remove(&mut self, ticket: u64) {
        self.called.remove(&ticket);
        self.weighted.remove(&ticket);
        if let Some(place) = self.waiters.remove(&ticket) {
            self.ranked = self.ranked.saturating_sub(usize::from(place.priority.is_some()));
            self.past_breaker = self.past_breaker.saturating_sub(usize::from(place.past_breaker));
            self.retired.push(place.waker);
            self.tickets.swap_remove(place.index);
            let moved = self.tickets.get(place.index);
            if let Some(moved) = moved.and_then(|ticket| self.waiters.get_mut(ticket)) {
                moved.index = place.index;
            }
        }
    }
}

//! Which waiter is next. Pure: the caller gives the time, and wakes the wakers that it is given.
//!
//! A permit is never assigned to a waiter that is not there: waiters are woken, and claim their permit when they come. So a
//! request goes out in the moment in which it is counted, and a waiter that stays away is passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::task::Waker;

use tokio::time::Instant;

use super::dispatch::{CLAIM_TIMEOUT, Dispatch};
use super::limits::Limits;
use super::priority::{Priority, Sampler};
use super::waiter::{AcquireRequest, Waiter};

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct WaitQueue {
    /// Wakers to wake, and wakers to drop, once the lock is free: dropping a waker may drop a task, and with it a waiter.
    pub(super) wake: Vec<Waker>,
    pub(super) retired: Vec<Waker>,
    /// By ticket: the waiter that came first is first.
    waiters: BTreeMap<u64, Waiter>,
    next_ticket: u64,
    /// All waiters, in any order, to draw samples from.
    tickets: Vec<u64>,
    /// Waiters that were woken and have not come yet.
    notified: BTreeSet<u64>,
    /// How many waiters have a priority.
    prioritized: usize,
    sampler: Sampler,
    /// Waiters that stand for more than one request, as a `WatchAll` does.
    weighted: BTreeSet<u64>,
    /// How many waiters may pass an open circuit breaker.
    past_breaker: usize,
}

impl WaitQueue {
    pub(super) fn new() -> Self {
        Self {
            wake: Vec::new(),
            retired: Vec::new(),
            waiters: BTreeMap::new(),
            next_ticket: 0,
            tickets: Vec::new(),
            notified: BTreeSet::new(),
            prioritized: 0,
            sampler: Sampler::new(),
            weighted: BTreeSet::new(),
            past_breaker: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    /// For how many requests the waiters wait.
    pub(super) fn total_weight(&self) -> usize {
        self.waiters.values().map(|waiter| waiter.weight).fold(0, usize::saturating_add)
    }

    /// The first of `count` tickets in a row.
    pub(super) fn issue(&mut self, count: usize) -> u64 {
        let first = self.next_ticket;
        self.next_ticket = first.saturating_add(count as u64);
        first
    }

    /// A waiter comes for a permit: the lease of its request, or when it should come again.
    pub(super) fn poll_acquire(
        &mut self,
        request: &AcquireRequest<'_>,
        limits: &mut Limits,
        now: Instant,
    ) -> Result<u64, Instant> {
        let &AcquireRequest { ticket, weight, past_breaker, .. } = request;
        let was_notified = self.notified.remove(&ticket);
        self.enter(request, now);
        let returns_at = match self.notify_eligible(Some((ticket, was_notified)), limits, now) {
            Some(at) if at <= now => {
                self.remove(ticket);
                self.sampler.count();
                let lease = limits.take(now, past_breaker, weight.saturating_sub(1));
                self.notify_eligible(None, limits, now);
                return Ok(lease);
            }
            Some(at) => at,
            None => self.estimate(ticket, past_breaker, limits, now),
        };
        if let Some(waiter) = self.waiters.get_mut(&ticket) {
            waiter.returns_at = returns_at;
        }
        Err(returns_at)
    }

    /// A waiter does not want a permit any more.
    pub(super) fn cancel(&mut self, ticket: u64, limits: &mut Limits, now: Instant) {
        self.remove(ticket);
        self.notify_eligible(None, limits, now);
    }

    /// Adds the waiter, or brings it up to date.
    fn enter(&mut self, request: &AcquireRequest<'_>, now: Instant) {
        let &AcquireRequest { ticket, waker, weight, past_breaker, priority } = request;
        if let Some(waiter) = self.waiters.get_mut(&ticket) {
            (waiter.weight, waiter.notified, waiter.returns_at) = (weight, None, now);
            if !waiter.waker.will_wake(waker) {
                self.retired.push(mem::replace(&mut waiter.waker, waker.clone()));
            }
        } else {
            let waiter = Waiter {
                waker: waker.clone(),
                weight,
                past_breaker,
                priority: None,
                index: self.tickets.len(),
                since: now,
                notified: None,
                returns_at: now,
            };
            self.tickets.push(ticket);
            self.waiters.insert(ticket, waiter);
            self.past_breaker = self.past_breaker.saturating_add(usize::from(past_breaker));
        }
        self.set_priority(ticket, priority);
        if weight > 1 {
            self.weighted.insert(ticket);
        }
    }

    fn set_priority(&mut self, ticket: u64, priority: Option<&Priority>) {
        let Some(waiter) = self.waiters.get_mut(&ticket) else { return };
        self.prioritized = self.prioritized.saturating_sub(usize::from(waiter.priority.is_some()));
        self.prioritized = self.prioritized.saturating_add(usize::from(priority.is_some()));
        waiter.priority = priority.cloned();
    }

    /// Wakes all waiters for which there is a permit. `current`: a waiter that is here now, and whether it was woken. Returns
    /// when there is a permit for it: now, or later if it is the next one.
    pub(super) fn notify_eligible(
        &mut self,
        current: Option<(u64, bool)>,
        limits: &mut Limits,
        now: Instant,
    ) -> Option<Instant> {
        let (free, passing) = (limits.free(now), limits.passing(now));
        let (current, woken) =
            current.map_or((None, None), |(current, woken)| (Some(current), woken.then_some(current)));
        let mut dispatch = Dispatch::new(current, now, free, passing);
        let best = self.best(woken, free.min(passing), now);
        let Self { waiters, wake, past_breaker, .. } = self;
        let in_order = if best.is_none() { waiters.len() } else { 0 };
        for (ticket, waiter) in waiters.iter_mut().take(in_order) {
            if dispatch.is_over(*past_breaker) {
                break;
            }
            dispatch.offer(*ticket, waiter, wake);
        }
        for ticket in best.into_iter().flatten() {
            let Some(waiter) = waiters.get_mut(&ticket) else { continue };
            if dispatch.is_over(*past_breaker) {
                break;
            }
            dispatch.offer(ticket, waiter, wake);
        }
        self.notified.extend(dispatch.notified.iter().copied());
        for ticket in &dispatch.absent {
            self.remove(*ticket);
        }
        let next = self.wake_next(&dispatch, false, limits);
        let next_past_breaker =
            if dispatch.passing == 0 && self.past_breaker > 0 { self.wake_next(&dispatch, true, limits) } else { None };
        dispatch.current_gets.then_some(now).or(next).or(next_past_breaker)
    }

    /// The waiters that get the permits, if they are not simply the first ones: the waiters that were woken, then those to
    /// which a permit is worth most.
    fn best(&mut self, woken: Option<u64>, permits: usize, now: Instant) -> Option<BTreeSet<u64>> {
        if self.prioritized == 0 || permits == 0 || self.waiters.len() <= permits {
            return None;
        }
        let mut best: BTreeSet<u64> = woken.into_iter().chain(self.notified.iter().copied()).collect();
        while best.len() < permits {
            best.insert(self.next_best(&best, now)?);
        }
        Some(best)
    }

    fn next_best(&mut self, chosen: &BTreeSet<u64>, now: Instant) -> Option<u64> {
        let Self { waiters, sampler, weighted, tickets, .. } = self;
        let is_left = |ticket: &u64| !chosen.contains(ticket);
        let oldest = || waiters.keys().copied().find(is_left);
        if sampler.is_fifo() {
            return oldest();
        }
        let sample = sampler.sample(tickets.len()).filter_map(|index| tickets.get(index));
        // A `WatchAll` has the value of its best task, and so is always compared.
        let left = sample.chain(weighted.iter()).filter(|ticket| is_left(ticket));
        let values = left.filter_map(|ticket| Some((waiters.get(ticket)?.value(now), *ticket)));
        let best = values.max_by(|(a, first), (b, second)| a.total_cmp(b).then(second.cmp(first)));
        best.map(|(_, ticket)| ticket).or_else(oldest)
    }

    /// The first waiter without a permit may be the first only since just now: then its own timer brings it back too late,
    /// and it is woken. Returns when there is a permit for it, if it is the current waiter.
    fn wake_next(&mut self, dispatch: &Dispatch, past_breaker: bool, limits: &mut Limits) -> Option<Instant> {
        let now = dispatch.now;
        // A waiter whose own timer fired long ago, and that did not come, is away.
        let is_here = |waiter: &Waiter| waiter.returns_at.checked_add(CLAIM_TIMEOUT).is_none_or(|until| until > now);
        let is_next =
            |waiter: &Waiter| waiter.notified.is_none() && (waiter.past_breaker || !past_breaker) && is_here(waiter);
        let (&ticket, waiter) = self.waiters.iter().find(|(_, waiter)| is_next(waiter))?;
        let (returns_at, passes) = (waiter.returns_at, waiter.past_breaker);
        let opens = limits.opens(dispatch.offered, passes, now);
        let opens = dispatch.claim_deadline.map_or(opens, |deadline| opens.min(deadline));
        if Some(ticket) == dispatch.current {
            return Some(opens);
        }
        if returns_at > opens {
            let waiter = self.waiters.get_mut(&ticket)?;
            waiter.returns_at = opens;
            self.wake.push(waiter.waker.clone());
        }
        None
    }

    /// When there is a permit for this ticket; later if waiters before it give up.
    fn estimate(&mut self, ticket: u64, past_breaker: bool, limits: &mut Limits, now: Instant) -> Instant {
        let first = self.waiters.first_key_value().map_or(ticket, |(first, _)| *first);
        let mut ahead = usize::try_from(ticket.saturating_sub(first)).unwrap_or(usize::MAX);
        if past_breaker {
            // While the breaker is open, it overtakes all others.
            ahead = ahead.min(self.past_breaker.saturating_sub(1));
        }
        limits.opens(ahead, past_breaker, now)
    }

    fn remove(&mut self, ticket: u64) {
        self.notified.remove(&ticket);
        self.weighted.remove(&ticket);
        if let Some(waiter) = self.waiters.remove(&ticket) {
            self.prioritized = self.prioritized.saturating_sub(usize::from(waiter.priority.is_some()));
            self.past_breaker = self.past_breaker.saturating_sub(usize::from(waiter.past_breaker));
            self.retired.push(waiter.waker);
            self.tickets.swap_remove(waiter.index);
            let moved = self.tickets.get(waiter.index);
            if let Some(moved) = moved.and_then(|ticket| self.waiters.get_mut(ticket)) {
                moved.index = waiter.index;
            }
        }
    }
}

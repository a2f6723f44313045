//! Which waiter is next. Pure: the caller gives the time, and wakes the wakers that it is given.
//!
//! A permit is never assigned to a waiter, which may not be polled any more. A free permit *calls* the next waiter: it is woken,
//! and has a short time to come and take the permit. So a request goes out in the moment in which it is counted, and
//! nobody waits for a waiter that is away, except for that short time, once.
//!
//! - A waiter whose own timer has passed and that did not come is away: it is passed over without a call.
//! - A waiter that is away keeps its ticket: when it comes, it is in the queue again, at its old place.
//! - One waiter, the [`Leader`], looks after the time for all.
//! - No visit takes more than a bounded number of steps, however many waiters there are.

use std::mem;
use std::time::Duration;

use tokio::time::Instant;

use super::calls::Calls;
use super::leader::Leader;
use super::limits::Limits;
use super::tickets::Tickets;
use super::visit::Visit;
use super::waiter::{AcquireRequest, Class, Presence, Waiter};
use super::waiters::{Key, Waiters};
use super::wakers::Wakers;
use crate::clock::{Began, Epoch};

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct WaitQueue {
    /// Wakers to wake, and wakers to drop, once the lock is free: dropping a waker may drop a task, and with it a waiter.
    pub(super) wake: Wakers,
    pub(super) retired: Wakers,
    waiters: Waiters,
    pub(super) tickets: Tickets,
    calls: Calls,
    leader: Leader,
    /// The other requests of the waiter that got the last permit, and comes again at once.
    remaining_weight: usize,
    epoch: Epoch,
}

/// A permit that a waiter gets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grant {
    /// Of its request.
    pub(super) lease: u64,
    /// How long it has waited.
    pub(super) waited: Duration,
}

impl WaitQueue {
    pub(super) fn new() -> Self {
        let epoch = Epoch::now();
        Self {
            wake: Wakers::default(),
            retired: Wakers::default(),
            waiters: Waiters::new(epoch),
            calls: Calls::new(),
            leader: Leader::new(epoch),
            remaining_weight: 0,
            tickets: Tickets::new(),
            epoch,
        }
    }

    pub(super) fn ticket(&self, key: Key) -> Option<u64> {
        self.waiters.get(key).map(|waiter| waiter.ticket)
    }

    /// The number of waiters in the queue.
    pub(super) fn len(&self) -> usize {
        self.waiters.len()
    }

    /// For how many requests they wait.
    pub(super) const fn weight(&self) -> usize {
        self.waiters.weight()
    }

    /// The same, with those whose waiter is on its way back into the queue.
    pub(super) const fn waiting(&self) -> usize {
        self.weight().saturating_add(self.remaining_weight)
    }

    /// Whether a request that comes now may pass all waiters: none of them waits for this permit.
    pub(super) fn lets_pass(&self, permits: usize) -> bool {
        let waiting = self.waiters.len_of(Class::Urgent).saturating_add(self.waiters.len_of(Class::Normal));
        waiting == 0 && permits > self.calls.all_expected()
    }

    /// A permit was taken past the queue.
    pub(super) const fn note_taken(&mut self) {
        self.calls.taken();
    }

    /// A waiter comes for a permit: gets one, or learns when it should come again. `place`: where it is in the queue.
    ///
    /// A waiter for more than one request that gets a permit must come again at once, or call [`dispatch`](Self::dispatch).
    pub(super) fn poll_acquire(
        &mut self,
        place: &mut Option<Key>,
        request: &AcquireRequest<'_>,
        limits: &mut Limits,
        now: Instant,
    ) -> Result<Grant, Instant> {
        self.remaining_weight = 0;
        let mut visit = self.visit(now);
        let is_new = place.is_none();
        let (key, was_called) = self.come(*place, request, &visit);
        *place = Some(key);
        let has_permit = was_called && limits.allows(request.class, now) > 0;
        if has_permit || self.offer(Some(key), limits, &mut visit) {
            *place = None;
            return Ok(self.grant(key, limits, &mut visit));
        }
        Err(self.stay(key, is_new, limits, &visit))
    }

    /// A waiter does not want a permit any more.
    pub(super) fn cancel(&mut self, key: Key, limits: &mut Limits, now: Instant) {
        self.remove(key);
        self.dispatch(limits, now);
    }

    /// Calls the waiters for which there are permits.
    pub(super) fn dispatch(&mut self, limits: &mut Limits, now: Instant) {
        self.remaining_weight = 0;
        if self.waiters.len() > 0 {
            let mut visit = self.visit(now);
            self.offer(None, limits, &mut visit);
            self.wake_leader(limits, &visit);
        }
    }

    fn visit(&self, now: Instant) -> Visit {
        Visit::new(now, self.epoch)
    }

    /// Adds the waiter, or brings it up to date. Returns whether it was called, and comes in time.
    fn come(&mut self, place: Option<Key>, request: &AcquireRequest<'_>, visit: &Visit) -> (Key, bool) {
        let &AcquireRequest { ticket, waker, weight, class, priority } = request;
        let weight = u32::try_from(weight).unwrap_or(u32::MAX);
        // A place with another ticket is another place.
        let place = place.filter(|key| {
            let stays =
                self.waiters.get(*key).is_some_and(|waiter| ticket.is_none_or(|ticket| waiter.ticket == ticket));
            if !stays {
                self.remove(*key);
            }
            stays
        });
        let Some((key, waiter)) = place.and_then(|key| Some((key, self.waiters.get_mut(key)?))) else {
            let ticket = ticket.unwrap_or_else(|| self.tickets.issue(1));
            let (waker, priority, at) = (waker.clone(), priority.cloned(), visit.at);
            let presence = Presence::Away; // until it is in the queue
            let waiter =
                Waiter { waker, priority, ticket, since: Began::at(visit.at), at, weight, index: 0, class, presence };
            let key = self.waiters.add(waiter);
            self.waiters.enqueue(key);
            return (key, false);
        };
        if !waiter.waker.will_wake(waker) {
            self.retired.push(mem::replace(&mut waiter.waker, waker.clone()));
        }
        let (presence, called, called_as) = (waiter.presence, waiter.at, waiter.class);
        waiter.at = visit.at;
        match presence {
            Presence::Waiting => {
                if waiter.weight == weight && waiter.class == class && priority.is_none() {
                    return (key, false);
                }
                self.waiters.dequeue(key);
            }
            Presence::Called => {
                self.calls.end(called_as);
                self.calls.note_latency(called, visit.at);
                self.calls.taken(); // somebody comes
            }
            Presence::Away => self.calls.note_latency(called, visit.at),
        }
        self.waiters.update(key, weight, class, priority);
        self.waiters.enqueue(key);
        (key, presence == Presence::Called)
    }

    /// Calls the waiters for which there are permits. Returns whether there is one for `current`, which is here now.
    fn offer(&mut self, current: Option<Key>, limits: &mut Limits, visit: &mut Visit) -> bool {
        if limits.free(visit.now) == 0 {
            return false; // mostly
        }
        self.lapse(visit);
        while visit.steps > 0 {
            let Some(key) = self.next(limits, visit) else { break };
            if current == Some(key) {
                return true;
            }
            visit.steps = visit.steps.saturating_sub(1);
            let due = self.waiters.get(key).map_or(i64::MAX, |waiter| waiter.at);
            if self.calls.is_late(due, visit.at) {
                self.put_away(key);
            } else {
                self.call(key, visit);
            }
        }
        let class = current.and_then(|key| self.waiters.get(key)).map(|waiter| waiter.class);
        class.is_some_and(|class| self.calls.may_overtake(visit.at) && limits.allows(class, visit.now) > 0)
    }

    /// The next waiter for which there is a permit.
    fn next(&mut self, limits: &mut Limits, visit: &mut Visit) -> Option<Key> {
        let [urgent, normal, retry] = Class::ALL;
        let left = |permits: usize, expected: usize| self.calls.to_call(permits).saturating_sub(expected);
        // A call for a permit of one class takes it from the others as well.
        let all = self.calls.all_expected();
        let free = left(limits.free(visit.now), all);
        if free == 0 {
            return None;
        }
        let passing = left(limits.passing(visit.now), all.saturating_sub(self.calls.expected(urgent))).min(free);
        let has_retries = self.waiters.len_of(retry) > 0;
        let tokens = if has_retries { left(limits.retries(visit.now), self.calls.expected(retry)) } else { 0 };
        let permits = [free, passing, tokens.min(passing)];
        let eligible = |class: Class| permits.get(class as usize).is_some_and(|permits| *permits > 0);
        let most =
            if self.waiters.len_of(urgent).saturating_add(self.waiters.len_of(normal)) > 0 { free } else { tokens };
        self.waiters.next(eligible, most, visit.now, &mut visit.steps)
    }

    fn call(&mut self, key: Key, visit: &Visit) {
        self.waiters.dequeue(key);
        self.leader.dismiss(key);
        let Some(waiter) = self.waiters.get_mut(key) else { return };
        (waiter.presence, waiter.at) = (Presence::Called, visit.at);
        self.wake.push(waiter.waker.clone());
        self.calls.call(key, waiter.class, visit.at);
    }

    /// Called waiters that did not come in time are away.
    fn lapse(&mut self, visit: &mut Visit) {
        while let Some((key, called)) = self.calls.front().filter(|_| visit.steps > 0) {
            let is_out = |waiter: &&mut Waiter| waiter.presence == Presence::Called && waiter.at == called;
            let waiter = self.waiters.get_mut(key).filter(is_out);
            if waiter.is_some() && called.saturating_add(self.calls.claim_time()) > visit.at {
                break;
            }
            if let Some(waiter) = waiter {
                waiter.presence = Presence::Away;
                self.calls.lapsed(waiter.class, called);
            }
            self.calls.pop_front();
            visit.steps = visit.steps.saturating_sub(1);
        }
    }

    fn put_away(&mut self, key: Key) {
        self.waiters.dequeue(key);
        self.leader.dismiss(key);
        if let Some(waiter) = self.waiters.get_mut(key) {
            waiter.presence = Presence::Away;
        }
    }

    /// The waiter gets a permit, and leaves. The next ones are called, unless it comes again at once.
    fn grant(&mut self, key: Key, limits: &mut Limits, visit: &mut Visit) -> Grant {
        let has_waited = self.waiters.get(key).map_or(Duration::ZERO, |waiter| waiter.waited(visit.at));
        let waiter = self.remove(key);
        let (class, weight) = waiter.map_or((Class::Normal, 1), |waiter| waiter);
        self.calls.taken();
        self.waiters.sampler.count();
        self.remaining_weight = weight.saturating_sub(1);
        let lease = limits.take(class, visit.now, self.remaining_weight);
        if weight <= 1 && self.waiters.len() > 0 {
            self.offer(None, limits, visit);
            self.wake_leader(limits, visit);
        }
        Grant { lease, waited: has_waited }
    }

    /// The waiter waits on. Returns when it should come again.
    fn stay(&mut self, key: Key, is_new: bool, limits: &mut Limits, visit: &Visit) -> Instant {
        let Self { waiters, calls, leader, .. } = self;
        let comes = if leader.is_other(key) && leader.is_there(waiters, calls, limits, visit) {
            leader.next_heartbeat(key, is_new, waiters, limits, visit)
        } else {
            if let Some(late) = leader.late(calls, visit).filter(|late| *late != key) {
                self.put_away(late);
            }
            self.leader.appoint(key, &self.waiters, &self.calls, limits, visit)
        };
        if let Some(waiter) = self.waiters.get_mut(key) {
            waiter.at = comes;
        }
        self.epoch.instant(comes).unwrap_or(visit.now)
    }

    /// Wakes a waiter to lead, if none does.
    fn wake_leader(&mut self, limits: &mut Limits, visit: &Visit) {
        let Self { waiters, calls, leader, .. } = self;
        if leader.is_there(waiters, calls, limits, visit) {
            return;
        }
        if let Some(late) = leader.late(calls, visit) {
            self.put_away(late);
        }
        let Self { waiters, calls, leader, wake, .. } = self;
        if let Some(waiter) = leader.choose(waiters, calls, visit).and_then(|key| waiters.get(key)) {
            wake.push(waiter.waker.clone());
        }
    }

    /// Removes a waiter. Returns its class and its weight.
    fn remove(&mut self, key: Key) -> Option<(Class, usize)> {
        self.leader.dismiss(key);
        let Waiter { waker, class, weight, presence, .. } = self.waiters.remove(key)?;
        if presence == Presence::Called {
            self.calls.end(class);
        }
        self.retired.push(waker);
        Some((class, weight as usize))
    }
}

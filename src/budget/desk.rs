//! The queue for a turn, and what decides who is next. Pure: it is told the time, and says whom to wake.
//!
//! A turn is never given to someone who is not there: those whose turn it is are called, and take it when they come. So
//! a request goes out in the moment that is counted, and whoever stays away is passed over.

use std::collections::BTreeMap;
use std::mem;
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

use super::Limits;
use super::allowance::Allowance;
use super::crowd::Crowd;
use super::gate::Gate;
use super::leases::Leases;

/// Who has not come so long after the call is passed over until they do.
const PATIENCE: Duration = Duration::from_secs(1);
/// tokio's timer counts in these.
const TICK: Duration = Duration::from_millis(1);

/// How a permit comes back.
#[derive(Clone, Copy, Debug)]
pub(super) enum Back {
    Answered,
    /// The gateway asks everybody to rest for so long.
    Refused(Duration),
    /// Nobody waited for the answer.
    Lost,
}

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) crowd: Crowd,
    /// To be woken, and to be dropped, once the desk is free again: a waker may drop a task, and with it a place here.
    pub(super) wake: Vec<Waker>,
    pub(super) retired: Vec<Waker>,
    allowance: Option<Allowance>,
    leases: Leases,
    gate: Gate,
    /// By ticket: whoever came first is first.
    queue: BTreeMap<u64, Place>,
    next_ticket: u64,
    /// How many in the queue are not held up by a closed gate.
    past_gate: usize,
    lease: Duration,
}

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
struct Place {
    waker: Waker,
    weight: usize,
    past_gate: bool,
    called: Option<Instant>,
    /// When it will come by itself.
    comes: Instant,
}

/// Who comes for a turn: for how many requests, one after the other, and whether a closed gate holds it up.
pub(super) struct Visitor<'a> {
    pub(super) ticket: u64,
    pub(super) waker: &'a Waker,
    pub(super) weight: usize,
    pub(super) past_gate: bool,
}

impl Desk {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            crowd: Crowd::new(),
            wake: Vec::new(),
            retired: Vec::new(),
            allowance: limits.budget.map(Allowance::new),
            leases: Leases::new(limits.in_flight, limits.lease),
            gate: Gate::Open,
            queue: BTreeMap::new(),
            next_ticket: 0,
            past_gate: 0,
            lease: limits.lease,
        }
    }

    /// The first of so many tickets, the next ones in a row.
    pub(super) fn draw(&mut self, count: usize) -> u64 {
        let first = self.next_ticket;
        self.next_ticket = first.saturating_add(count as u64);
        first
    }

    /// A lease at once, if nobody else waits.
    pub(super) fn enter(&mut self, now: Instant) -> Option<u64> {
        let free = self.queue.is_empty() && self.free(now) > 0 && self.gate.allows(now) > 0;
        free.then(|| self.take(now, false, 1))
    }

    pub(super) fn last_look(&mut self, now: Instant) -> Option<u64> {
        let free = self.free(now) > 0 && self.gate.last_look(now);
        free.then(|| self.take(now, true, 1))
    }

    /// Someone comes for a turn, for the first time or again: the lease, or when to come again.
    pub(super) fn come(&mut self, visitor: &Visitor<'_>, now: Instant) -> Result<u64, Instant> {
        let &Visitor { ticket, waker, weight, past_gate } = visitor;
        if let Some(place) = self.queue.get_mut(&ticket) {
            (place.weight, place.called) = (weight, None);
            if !place.waker.will_wake(waker) {
                self.retired.push(mem::replace(&mut place.waker, waker.clone()));
            }
        } else {
            let place = Place { waker: waker.clone(), weight, past_gate, called: None, comes: now };
            self.queue.insert(ticket, place);
            self.past_gate = self.past_gate.saturating_add(usize::from(past_gate));
        }
        let comes = match self.call(Some(ticket), now) {
            Some(at) if at <= now => {
                self.remove(ticket);
                let lease = self.take(now, past_gate, weight);
                self.call(None, now);
                return Ok(lease);
            }
            Some(at) => at,
            None => self.estimate(ticket, past_gate, now),
        };
        if let Some(place) = self.queue.get_mut(&ticket) {
            place.comes = comes;
        }
        Err(comes)
    }

    /// Someone will not come any more.
    pub(super) fn leave(&mut self, ticket: u64, now: Instant) {
        self.remove(ticket);
        self.call(None, now);
    }

    /// A request is over. `now` is asked only where the time matters, which mostly it does not.
    pub(super) fn give_back(&mut self, lease: u64, back: Back, now: impl Fn() -> Instant) {
        self.leases.give_back(lease);
        match back {
            Back::Answered => {
                let waiting = || self.queue.values().map(|place| place.weight).fold(0, usize::saturating_add);
                self.gate.answered(lease, &now, waiting);
            }
            Back::Refused(period) => self.gate.close(now(), period),
            Back::Lost => self.gate.lost(lease),
        }
        if !self.queue.is_empty() {
            self.call(None, now());
        }
    }

    /// Calls all whose turn it is. Says when it is that of `me`, who is here: now, or later if it is the next.
    fn call(&mut self, me: Option<u64>, now: Instant) -> Option<Instant> {
        let (mut free, mut passing) = (self.free(now), self.gate.allows(now));
        let Self { queue, wake, .. } = self;
        let (mut mine, mut ahead, mut absent) = (None, 0_usize, Vec::new());
        // When the first of those who were called will be passed over.
        let mut patience: Option<Instant> = None;
        for (ticket, place) in queue {
            let held_up = passing == 0 && !place.past_gate;
            if free == 0 || held_up && self.past_gate == 0 {
                break;
            }
            if held_up {
                continue;
            }
            if Some(*ticket) == me {
                mine = Some(now);
            } else {
                if place.called.is_none() {
                    wake.push(place.waker.clone());
                }
                let until = place.called.get_or_insert(now).checked_add(PATIENCE).unwrap_or(now);
                if until <= now {
                    absent.push(*ticket);
                    continue;
                }
                patience = Some(patience.map_or(until, |first| first.min(until)));
            }
            ahead = ahead.saturating_add(1);
            free = free.saturating_sub(1);
            passing = passing.saturating_sub(usize::from(!place.past_gate));
        }
        for ticket in absent {
            self.remove(ticket);
        }
        let next = self.tell_next(me, ahead, patience, false, now);
        let next_past_gate =
            if passing == 0 && self.past_gate > 0 { self.tell_next(me, ahead, patience, true, now) } else { None };
        mine.or(next).or(next_past_gate)
    }

    /// The first whose turn is still to come may be the first only since just now, and then it comes too late by itself.
    /// Says when its turn is, if it is `me`.
    fn tell_next(
        &mut self,
        me: Option<u64>,
        ahead: usize,
        patience: Option<Instant>,
        past_gate: bool,
        now: Instant,
    ) -> Option<Instant> {
        let is_next = |place: &Place| place.called.is_none() && (place.past_gate || !past_gate);
        let (&ticket, place) = self.queue.iter().find(|(_, place)| is_next(place))?;
        let (comes, passes) = (place.comes, place.past_gate);
        let right = self.opens(ahead, passes, now);
        let right = patience.map_or(right, |patience| right.min(patience));
        if Some(ticket) == me {
            return Some(right);
        }
        if comes > right {
            let place = self.queue.get_mut(&ticket)?;
            place.comes = right;
            self.wake.push(place.waker.clone());
        }
        None
    }

    /// When it is the turn of this ticket, or later if some before it give up.
    fn estimate(&mut self, ticket: u64, past_gate: bool, now: Instant) -> Instant {
        let first = self.queue.first_key_value().map_or(ticket, |(first, _)| *first);
        let mut rank = usize::try_from(ticket.saturating_sub(first)).unwrap_or(usize::MAX);
        if past_gate {
            // At a closed gate it overtakes all others.
            rank = rank.min(self.past_gate.saturating_sub(1));
        }
        self.opens(rank, past_gate, now)
    }

    /// When it is the turn of someone before whom `rank` others go; if that cannot be told, for it depends on requests in
    /// flight, then so late that all of them are over.
    fn opens(&mut self, rank: usize, past_gate: bool, now: Instant) -> Instant {
        let allowed = self.allowance.as_mut().map_or(now, |allowance| allowance.opens(rank, now));
        let (passed, sure) = if past_gate { (now, true) } else { self.gate.opens(rank, now) };
        let room = self.leases.opens(rank, now);
        let opens = allowed.max(passed).max(room.unwrap_or(now)).max(now.checked_add(TICK).unwrap_or(now));
        if sure && room.is_some() { opens } else { opens.checked_add(self.lease).unwrap_or(opens) }
    }

    /// How many may go out now, whatever the gate says.
    fn free(&mut self, now: Instant) -> usize {
        let allowed = self.allowance.as_mut().map_or(usize::MAX, |allowance| allowance.free(now));
        allowed.min(self.leases.free(now))
    }

    fn take(&mut self, now: Instant, past_gate: bool, weight: usize) -> u64 {
        let lease = self.leases.take(now);
        if let Some(allowance) = &mut self.allowance {
            allowance.take(now);
        }
        if !past_gate {
            self.gate.pass(lease, now, self.lease, weight.saturating_sub(1));
        }
        lease
    }

    fn remove(&mut self, ticket: u64) {
        if let Some(place) = self.queue.remove(&ticket) {
            self.past_gate = self.past_gate.saturating_sub(usize::from(place.past_gate));
            self.retired.push(place.waker);
        }
    }
}

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
use super::allowance::Allowance;
use super::crowd::Crowd;
use super::gate::Gate;
use super::leases::Leases;
use super::rank::{Draw, Rank};
use super::round::{PATIENCE, Place, Round};

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
    /// All in the queue, in any order, to draw from.
    tickets: Vec<u64>,
    /// Those who were called, and have not come yet.
    called: BTreeSet<u64>,
    /// How many in the queue have a rank, and whom to look at if there are any.
    ranked: usize,
    draw: Draw,
    /// Those in the queue that stand for more than one, as a fleet does.
    fleets: BTreeSet<u64>,
    /// How many in the queue are not held up by a closed gate.
    past_gate: usize,
    lease: Duration,
}

/// Who comes for a turn: for how many requests, one after the other, and whether a closed gate holds it up.
pub(super) struct Visitor<'a> {
    pub(super) ticket: u64,
    pub(super) waker: &'a Waker,
    pub(super) weight: usize,
    pub(super) past_gate: bool,
    pub(super) rank: Option<&'a Rank>,
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
            tickets: Vec::new(),
            called: BTreeSet::new(),
            ranked: 0,
            draw: Draw::new(),
            fleets: BTreeSet::new(),
            past_gate: 0,
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
        let free = self.queue.is_empty() && self.free(now) > 0 && self.gate.allows(now) > 0;
        free.then(|| self.take(now, false, 1))
    }

    pub(super) fn last_look(&mut self, now: Instant) -> Option<u64> {
        let free = self.free(now) > 0 && self.gate.last_look(now);
        free.then(|| self.take(now, true, 1))
    }

    /// Someone comes for a turn, for the first time or again: the lease, or when to come again.
    pub(super) fn come(&mut self, visitor: &Visitor<'_>, now: Instant) -> Result<u64, Instant> {
        let &Visitor { ticket, waker, weight, past_gate, rank } = visitor;
        let was_called = self.called.remove(&ticket);
        if let Some(place) = self.queue.get_mut(&ticket) {
            (place.weight, place.called, place.comes) = (weight, None, now);
            if !place.waker.will_wake(waker) {
                self.retired.push(mem::replace(&mut place.waker, waker.clone()));
            }
        } else {
            let place = Place {
                waker: waker.clone(),
                weight,
                past_gate,
                rank: None,
                index: self.tickets.len(),
                since: now,
                called: None,
                comes: now,
            };
            self.tickets.push(ticket);
            self.queue.insert(ticket, place);
            self.past_gate = self.past_gate.saturating_add(usize::from(past_gate));
        }
        self.rank(ticket, rank);
        if weight > 1 {
            self.fleets.insert(ticket);
        }
        let comes = match self.call(Some((ticket, was_called)), now) {
            Some(at) if at <= now => {
                self.remove(ticket);
                self.draw.count();
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

    fn rank(&mut self, ticket: u64, rank: Option<&Rank>) {
        let Some(place) = self.queue.get_mut(&ticket) else { return };
        self.ranked = self.ranked.saturating_sub(usize::from(place.rank.is_some()));
        self.ranked = self.ranked.saturating_add(usize::from(rank.is_some()));
        place.rank = rank.cloned();
    }

    /// Calls all whose turn it is. Says when it is that of `me`, who is here, and was called or came by itself: now, or later if
    /// it is the next.
    fn call(&mut self, me: Option<(u64, bool)>, now: Instant) -> Option<Instant> {
        let (free, passing) = (self.free(now), self.gate.allows(now));
        let (me, was_called) = me.map_or((None, None), |(me, was_called)| (Some(me), was_called.then_some(me)));
        let mut round = Round {
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
        let Self { queue, wake, past_gate, .. } = self;
        let in_order = if best.is_none() { queue.len() } else { 0 };
        for (ticket, place) in queue.iter_mut().take(in_order) {
            if round.is_over(*past_gate) {
                break;
            }
            round.hand_out(*ticket, place, wake);
        }
        for ticket in best.into_iter().flatten() {
            let Some(place) = queue.get_mut(&ticket) else { continue };
            if round.is_over(*past_gate) {
                break;
            }
            round.hand_out(ticket, place, wake);
        }
        let Round { passing, mine, ahead, called, absent, patience, .. } = round;
        self.called.extend(called);
        for ticket in absent {
            self.remove(ticket);
        }
        let next = self.tell_next(me, ahead, patience, false, now);
        let next_past_gate =
            if passing == 0 && self.past_gate > 0 { self.tell_next(me, ahead, patience, true, now) } else { None };
        mine.or(next).or(next_past_gate)
    }

    /// Whose so many turns are, if they are not simply the first ones': of those who were called, and of those to whom they are
    /// worth most.
    fn best(&mut self, came: Option<u64>, turns: usize, now: Instant) -> Option<BTreeSet<u64>> {
        if self.ranked == 0 || turns == 0 || self.queue.len() <= turns {
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
        let Self { queue, draw, fleets, tickets, .. } = self;
        let is_left = |ticket: &u64| !first.contains(ticket);
        let longest = || queue.keys().copied().find(is_left);
        if draw.is_fair() {
            return longest();
        }
        let sample = draw.sample(tickets.len()).filter_map(|place| tickets.get(place));
        // Fleets are worth what the best of theirs is, and so are always looked at.
        let left = sample.chain(fleets.iter()).filter(|ticket| is_left(ticket));
        let worth = left.filter_map(|ticket| Some((queue.get(ticket)?.worth(now), *ticket)));
        let best = worth.max_by(|(a, first), (b, second)| a.total_cmp(b).then(second.cmp(first)));
        best.map(|(_, ticket)| ticket).or_else(longest)
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
        // Who should have come by itself long ago is away.
        let is_here = |place: &Place| place.comes.checked_add(PATIENCE).is_none_or(|until| until > now);
        let is_next = |place: &Place| place.called.is_none() && (place.past_gate || !past_gate) && is_here(place);
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
        self.called.remove(&ticket);
        self.fleets.remove(&ticket);
        if let Some(place) = self.queue.remove(&ticket) {
            self.ranked = self.ranked.saturating_sub(usize::from(place.rank.is_some()));
            self.past_gate = self.past_gate.saturating_sub(usize::from(place.past_gate));
            self.retired.push(place.waker);
            self.tickets.swap_remove(place.index);
            let moved = self.tickets.get(place.index);
            if let Some(moved) = moved.and_then(|ticket| self.queue.get_mut(ticket)) {
                moved.index = place.index;
            }
        }
    }
}

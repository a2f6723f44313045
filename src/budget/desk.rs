//! The queue for a turn, and what decides who is next. Pure: it is told the time, and says whom to wake.
//!
//! A turn is never given to someone who is not there: those whose turn it is are called, and take it when they come. So
//! a request goes out in the moment that is counted, and whoever stays away holds nobody up.

use std::collections::BTreeMap;
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

use super::Limits;
use super::crowd::Crowd;
use super::gate::Gate;
use super::leases::Leases;
use super::window::Window;

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

#[derive(Debug)]
pub(super) struct Desk {
    pub(super) crowd: Crowd,
    window: Option<Window>,
    leases: Leases,
    gate: Gate,
    /// By ticket: whoever came first is first.
    queue: BTreeMap<u64, Place>,
    next_ticket: u64,
    /// How many in the queue are not held up by a closed gate.
    past_gate: usize,
    lease: Duration,
}

#[derive(Debug)]
struct Place {
    waker: Waker,
    weight: usize,
    past_gate: bool,
    called: Option<Instant>,
    /// When it will come by itself.
    comes: Instant,
}

impl Desk {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            crowd: Crowd::new(),
            window: limits.budget.map(Window::new),
            leases: Leases::new(limits.in_flight, limits.lease),
            gate: Gate::Open,
            queue: BTreeMap::new(),
            next_ticket: 0,
            past_gate: 0,
            lease: limits.lease,
        }
    }

    /// A lease at once, if nobody else waits.
    pub(super) fn enter(&mut self, now: Instant) -> Option<u64> {
        let free = self.queue.is_empty() && self.free(now) > 0 && self.gate.allows(now) > 0;
        free.then(|| self.take(now, false))
    }

    pub(super) fn last_look(&mut self, now: Instant) -> Option<u64> {
        let free = self.free(now) > 0 && self.gate.last_look(now);
        free.then(|| self.take(now, true))
    }

    /// Someone comes for a turn, for the first time or again: the lease, or when to come again.
    pub(super) fn come(
        &mut self,
        ticket: &mut Option<u64>,
        waker: &Waker,
        weight: usize,
        past_gate: bool,
        now: Instant,
    ) -> (Result<u64, Instant>, Vec<Waker>) {
        let me = *ticket.get_or_insert(self.next_ticket);
        self.next_ticket = self.next_ticket.max(me.saturating_add(1));
        if let Some(place) = self.queue.get_mut(&me) {
            place.waker.clone_from(waker);
            place.weight = weight;
        } else {
            let place = Place { waker: waker.clone(), weight, past_gate, called: None, comes: now };
            self.queue.insert(me, place);
            self.past_gate = self.past_gate.saturating_add(usize::from(past_gate));
        }
        let (mine, wakers) = self.call(Some(me), now);
        if mine {
            self.remove(me);
            *ticket = None;
            return (Ok(self.take(now, past_gate)), wakers);
        }
        let comes = self.estimate(me, past_gate, now);
        if let Some(place) = self.queue.get_mut(&me) {
            (place.called, place.comes) = (None, comes);
        }
        (Err(comes), wakers)
    }

    /// Someone will not come any more.
    pub(super) fn leave(&mut self, ticket: u64, now: Instant) -> Vec<Waker> {
        self.remove(ticket);
        self.call(None, now).1
    }

    /// A request is over. `now` is asked only where the time matters, which mostly it does not.
    pub(super) fn give_back(&mut self, lease: u64, back: Back, now: impl Fn() -> Instant) -> Vec<Waker> {
        self.leases.give_back(lease);
        match back {
            Back::Answered => {
                let waiting = || self.queue.values().map(|place| place.weight).fold(0, usize::saturating_add);
                self.gate.answered(lease, &now, waiting);
            }
            Back::Refused(period) => self.gate.close(now(), period),
            Back::Lost => self.gate.lost(lease),
        }
        if self.queue.is_empty() { Vec::new() } else { self.call(None, now()).1 }
    }

    /// Calls all whose turn it is, and says whether it is that of `me`, who is here.
    fn call(&mut self, me: Option<u64>, now: Instant) -> (bool, Vec<Waker>) {
        let (mut free, mut passing) = (self.free_in_queue(now), self.gate.allows(now));
        let (mut mine, mut wakers, mut absent) = (false, Vec::new(), Vec::new());
        let mut rank = 0_usize;
        for (ticket, place) in &mut self.queue {
            let held_up = passing == 0 && !place.past_gate;
            if free == 0 || held_up && self.past_gate == 0 {
                break;
            }
            if held_up {
                continue;
            }
            if Some(*ticket) == me {
                mine = true;
                if place.called.is_some() {
                    return (true, Vec::new()); // all others whose turn it is have been called with it
                }
            } else if place.called.is_some_and(|called| now.saturating_duration_since(called) >= PATIENCE) {
                absent.push(*ticket);
                continue;
            } else if place.called.is_none() {
                place.called = Some(now);
                wakers.push(place.waker.clone());
            }
            rank = rank.saturating_add(1);
            free = free.saturating_sub(1);
            passing = passing.saturating_sub(usize::from(!place.past_gate));
        }
        for ticket in absent {
            self.remove(ticket);
        }
        wakers.extend(self.set_next_right(me, rank, passing > 0, now));
        (mine, wakers)
    }

    /// The first whose turn is still to come may be first only since just now: then it comes too late by itself.
    fn set_next_right(&mut self, me: Option<u64>, rank: usize, open: bool, now: Instant) -> Option<Waker> {
        let overtakes = !open && self.past_gate > 0;
        let is_next = |place: &Place| place.called.is_none() && (place.past_gate || !overtakes);
        let (&ticket, &Place { past_gate, comes, .. }) = self.queue.iter().find(|(_, place)| is_next(place))?;
        if Some(ticket) == me {
            return None; // is here, and sets its own time
        }
        let right = self.opens(rank, past_gate, now);
        if comes <= right {
            return None;
        }
        let place = self.queue.get_mut(&ticket)?;
        place.comes = right;
        Some(place.waker.clone())
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
        let budgeted = self.window.as_mut().map_or(now, |window| window.opens(rank, now));
        let (passed, sure) = if past_gate { (now, true) } else { self.gate.opens(rank, now) };
        let sure = sure && self.leases.free(now) > rank;
        let opens = budgeted.max(passed).max(now.checked_add(TICK).unwrap_or(now));
        if sure { opens } else { opens.checked_add(self.lease).unwrap_or(opens) }
    }

    /// How many may go out now, whatever the gate says.
    fn free(&mut self, now: Instant) -> usize {
        let budgeted = self.window.as_mut().map_or(usize::MAX, |window| window.free(now));
        budgeted.min(self.leases.free(now))
    }

    /// The same, of those who wait.
    fn free_in_queue(&mut self, now: Instant) -> usize {
        let budgeted = self.window.as_mut().map_or(usize::MAX, |window| window.free_in_queue(now));
        budgeted.min(self.leases.free(now))
    }

    fn take(&mut self, now: Instant, past_gate: bool) -> u64 {
        let lease = self.leases.take(now);
        if let Some(window) = &mut self.window {
            window.take(now);
        }
        if !past_gate {
            self.gate.pass(lease, now);
        }
        lease
    }

    fn remove(&mut self, ticket: u64) {
        if let Some(place) = self.queue.remove(&ticket) {
            self.past_gate = self.past_gate.saturating_sub(usize::from(place.past_gate));
        }
    }
}

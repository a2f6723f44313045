//! The tasks of a `WatchAll` that wait for permits of one class, and their place in the client's queue: one waiter for all of
//! them.

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use super::ready_queue::ReadyQueue;
use super::task_slots::{Key, TaskSlots};
use crate::client_core::ClientCore;
use crate::lazy_sleep::LazySleep;
use crate::limiter::{Acquire, Acquired, Class, Permit, PermitRequest, Priority};

pub(super) struct Lane {
    core: Arc<ClientCore>,
    class: Class,
    ready: ReadyQueue,
    acquire: Acquire,
    /// Made when it is needed first: permits are seldom scarce.
    timer: LazySleep,
    /// The number of the refusal for which all requests are held back, as far as is known.
    refusal: Option<u32>,
    /// For which ticket, and when, the priority was looked up last.
    ranked: Option<(Option<u64>, Instant)>,
}

impl Lane {
    pub(super) fn new(core: Arc<ClientCore>, class: Class) -> Self {
        let acquire = core.acquire();
        Self {
            core,
            class,
            ready: ReadyQueue::new(class),
            acquire,
            timer: LazySleep::default(),
            refusal: None,
            ranked: None,
        }
    }

    pub(super) const fn class(&self) -> Class {
        self.class
    }

    pub(super) fn push(&mut self, key: Key, slots: &TaskSlots) {
        self.ready.push(key, slots);
    }

    pub(super) fn is_empty(&mut self, slots: &TaskSlots) -> bool {
        self.ready.first(slots).is_none()
    }

    /// A permit, and the task that gets it.
    pub(super) fn poll_permit(&mut self, cx: &mut Context<'_>, slots: &TaskSlots) -> Poll<Option<(Permit, Key)>> {
        if self.is_empty(slots) {
            self.leave();
            return Poll::Ready(None);
        }
        // An early repeat needs a token as well.
        let free = if self.class == Class::Retry { None } else { self.core.try_acquire() };
        if let Some(permit) = free {
            return Poll::Ready(self.ready.pop_first(slots).map(|key| (permit, key)));
        }
        self.ready.take_tickets(|count| self.core.limiter.issue(count));
        let ticket = self.ready.first(slots).and_then(|(_, ticket)| ticket);
        let priority = self.refresh_priority(ticket, slots);
        let (weight, class) = (self.ready.len().min(slots.len()), self.class);
        let Self { ready, acquire, timer, refusal, .. } = self;
        let mut timer = timer.timer(Instant::now());
        loop {
            let (priority, known_refusal) = (priority.as_ref(), *refusal);
            let request = PermitRequest { ticket, weight, class, priority, until: None, known_refusal };
            match ready!(acquire.poll(timer.as_mut(), cx, &request)) {
                Some(Acquired::Permit(permit)) => {
                    (*refusal, self.ranked) = (None, None);
                    let best = ready.best(slots, Instant::now());
                    return Poll::Ready(ready.pop(best, slots).map(|key| (permit, key)));
                }
                Some(Acquired::HeldBack(number)) => {
                    *refusal = Some(number);
                    ready.rewind();
                }
                None => {}
            }
        }
    }

    /// Permits are scarce: it matters which task is next. What its poll is worth is looked up now and then, because it takes
    /// time. `None`: as before, or nothing.
    fn refresh_priority(&mut self, ticket: Option<u64>, slots: &TaskSlots) -> Option<Priority> {
        const INTERVAL: Duration = Duration::from_millis(50);
        let now = Instant::now();
        let is_fresh = |(of, at): (Option<u64>, Instant)| of == ticket && now.saturating_duration_since(at) < INTERVAL;
        if self.ranked.is_some_and(is_fresh) {
            return None;
        }
        self.ranked = Some((ticket, now));
        self.ready.best_priority(slots, now)
    }

    /// The next task whose watch does not know yet that all requests are held back.
    pub(super) fn next_held_back(&mut self, slots: &TaskSlots) -> Option<Key> {
        let number = self.refusal?;
        loop {
            let (key, slot) = self.ready.next_unseen(slots)?;
            if slot.watch.known_refusal() != Some(number) {
                return Some(key);
            }
        }
    }

    /// No more permits are taken now: others get them.
    pub(super) fn pause(&mut self) {
        self.acquire.pause();
    }

    /// Leaves the client's queue, until it is polled again.
    pub(super) fn leave(&mut self) {
        self.acquire.leave();
    }
}

//! The tasks of a `WatchAll` that wait for permits of one class, and their place in the client's queue: one waiter for all of
//! them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::time::Instant;

use super::ready_queue::ReadyQueue;
use super::task_slots::{Key, TaskSlots};
use crate::client_core::ClientCore;
use crate::limiter::{Acquire, Acquired, Class, Permit, PermitRequest};

pub(super) struct Lane {
    core: Arc<ClientCore>,
    class: Class,
    ready: ReadyQueue,
    /// Made when it is needed first: permits are seldom scarce.
    acquire: Option<Pin<Box<Acquire>>>,
}

/// What a lane waits for.
pub(super) enum Next {
    /// A permit, and the task that gets it.
    Permit(Permit, Key),
    /// All requests are held back, for a refusal with this number.
    HeldBack(u32),
    /// No task waits.
    Nothing,
}

impl Lane {
    pub(super) fn new(core: Arc<ClientCore>, class: Class) -> Self {
        Self { core, class, ready: ReadyQueue::new(class), acquire: None }
    }

    pub(super) fn push(&mut self, key: Key, slots: &TaskSlots) {
        self.ready.push(key, slots);
    }

    /// `known_refusal`: the number of the last refusal that is known.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>, slots: &TaskSlots, known_refusal: Option<u32>) -> Poll<Next> {
        if self.ready.first(slots).is_none() {
            self.leave();
            return Poll::Ready(Next::Nothing);
        }
        if let Some(permit) = self.core.try_acquire() {
            return Poll::Ready(self.ready.pop_first(slots).map_or(Next::Nothing, |key| Next::Permit(permit, key)));
        }
        // Permits are scarce: it matters which task is next.
        let Self { core, class, ready, acquire } = self;
        ready.take_tickets(|count| core.limiter.issue(count));
        let ticket = ready.first(slots).and_then(|(_, ticket)| ticket);
        let best = ready.best(slots, Instant::now());
        let priority = best.and_then(|(_, key)| slots.slot(key)?.watch.priority());
        let weight = ready.len().min(slots.len());
        let class = *class;
        let request = PermitRequest { ticket, weight, class, priority: priority.as_ref(), until: None, known_refusal };
        let acquire = acquire.get_or_insert_with(|| Box::pin(core.acquire()));
        loop {
            match ready!(acquire.as_mut().poll(cx, &request)) {
                Some(Acquired::Permit(permit)) => {
                    let next = ready.pop(best, slots).map(|key| Next::Permit(permit, key));
                    return Poll::Ready(next.unwrap_or(Next::Nothing));
                }
                Some(Acquired::HeldBack(number)) => return Poll::Ready(Next::HeldBack(number)),
                None => {}
            }
        }
    }

    /// Leaves the client's queue, until it is polled again.
    pub(super) fn leave(&mut self) {
        if let Some(acquire) = &mut self.acquire {
            acquire.as_mut().leave();
        }
    }
}

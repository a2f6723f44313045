//! What a `WatchAll` does between two events: which tasks start, wait for a permit, are polled, and what came of it.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::Instant;

use super::coalescing_timer::CoalescingTimer;
use super::in_flight::InFlightPolls;
use super::pending_polls::PendingPolls;
use super::ready_queue::ReadyQueue;
use super::task_slots::{Key, Slot, Stage, TaskSlots};
use crate::client_core::{ClientCore, PollOutcome};
use crate::event::StatusEvent;
use crate::final_poll::PermitWait;
use crate::limiter::{Acquire, Permit};
use crate::notify::Inbox;
use crate::task::TaskId;
use crate::task_watch::TaskWatch;

/// With this number of outcomes not yielded yet, no more requests are sent.
const MAX_OUTCOMES: usize = 256;

pub(super) struct Driver {
    core: Arc<ClientCore>,
    slots: TaskSlots,
    /// Pushed since the last poll of the stream. As in all these lists, some have left meanwhile.
    fresh: Vec<Key>,
    ready: ReadyQueue,
    /// The place in the client's queue, one for all tasks that wait for a permit.
    acquire: Acquire,
    inbox: Inbox,
    pending: PendingPolls,
    in_flight: InFlightPolls,
    /// Not yielded yet.
    outcomes: VecDeque<(Key, PollOutcome)>,
    /// Empty between two polls, to be filled again.
    due: Vec<Key>,
    timer: CoalescingTimer,
    draining: bool,
}

impl Driver {
    pub(super) fn new(core: Arc<ClientCore>) -> Self {
        let (acquire, inbox) = (core.acquire(), Inbox::new(core.registry.clone()));
        Self {
            core,
            slots: TaskSlots::new(),
            fresh: Vec::new(),
            ready: ReadyQueue::new(),
            acquire,
            inbox,
            pending: PendingPolls::default(),
            in_flight: InFlightPolls::new(),
            outcomes: VecDeque::new(),
            due: Vec::new(),
            timer: CoalescingTimer::default(),
            draining: false,
        }
    }

    pub(super) fn core(&self) -> &Arc<ClientCore> {
        &self.core
    }

    pub(super) fn slots(&self) -> &TaskSlots {
        &self.slots
    }

    pub(super) fn requests_in_flight(&self) -> usize {
        self.in_flight.len()
    }

    pub(super) const fn is_draining(&self) -> bool {
        self.draining
    }

    /// `false`: the task is there already.
    pub(super) fn push(&mut self, task_id: TaskId) -> bool {
        let key = self.slots.add(TaskWatch::new(Arc::clone(&self.core), task_id));
        if self.slots.is_mostly_stale(self.fresh.len()) {
            self.fresh.retain(|fresh| self.slots.slot(*fresh).is_some());
        }
        self.fresh.extend(key);
        key.is_some()
    }

    /// `false`: the task is not there.
    pub(super) fn remove(&mut self, task_id: &str) -> bool {
        let Some(key) = self.slots.find(task_id) else { return false };
        if self.dismiss(key).is_some_and(|slot| slot.stage == Stage::InFlight) {
            self.in_flight.abort(key);
        }
        true
    }

    pub(super) fn drain(&mut self) {
        self.draining = true;
        self.acquire.cancel();
        self.close();
    }

    /// No more notifications come.
    pub(super) fn close(&mut self) {
        self.inbox.close(self.slots.ids());
    }

    /// Whether no event comes any more, unless a task is pushed.
    pub(super) fn is_over(&self) -> bool {
        self.slots.len() == 0 || self.draining && self.outcomes.is_empty() && self.in_flight.len() == 0
    }

    /// Does all that can be done now, and returns the next event, if there is one.
    pub(super) fn advance(&mut self, cx: &mut Context<'_>) -> Option<(TaskId, StatusEvent)> {
        if !self.draining {
            self.start_fresh(cx);
            self.take_notifications(cx);
            self.wake_due(cx);
            self.send_ready(cx);
        }
        while let Poll::Ready(Some(outcome)) = self.in_flight.poll_next(cx) {
            self.outcomes.push_back(outcome);
        }
        self.next_event()
    }

    /// Ready when a task is due.
    pub(super) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let due = if self.draining { None } else { self.slots.next_due() };
        let Some(due) = due.and_then(|due| self.core.epoch.instant(due)) else { return Poll::Pending };
        self.timer.poll(cx, due)
    }

    /// The tasks pushed since the last poll start now, all at the same time.
    fn start_fresh(&mut self, cx: &mut Context<'_>) {
        for key in mem::take(&mut self.fresh) {
            let Some(slot) = self.slots.slot_mut(key) else { continue };
            let not_before = self.inbox.subscribe(slot.watch.id());
            match slot.watch.start() {
                Some(first) => self.schedule(key, first),
                None => self.queue(key, Instant::now(), cx),
            }
            if let Some(not_before) = not_before {
                self.bring_forward(key, not_before);
            }
        }
    }

    fn schedule(&mut self, key: Key, next: Instant) {
        self.slots.set_due(key, Stage::Scheduled, Some(self.core.epoch.nanos(next)));
    }

    fn take_notifications(&mut self, cx: &Context<'_>) {
        for (id, not_before) in self.inbox.collect(cx.waker()) {
            if let Some(key) = self.slots.find(id.as_str()) {
                self.bring_forward(key, not_before);
            }
        }
    }

    /// The task was notified: an extra poll comes before the schedule's own.
    fn bring_forward(&mut self, key: Key, not_before: Instant) {
        let Some(slot) = self.slots.slot_mut(key) else { return };
        match slot.stage {
            Stage::Scheduled => {
                let not_before = slot.watch.allowed_from(not_before);
                let due = slot.due().and_then(|due| self.core.epoch.instant(due));
                if let Some(due) = due.filter(|due| *due > not_before) {
                    slot.watch.poll_early(due);
                    self.slots.set_due(key, Stage::Scheduled, Some(self.core.epoch.nanos(not_before)));
                }
            }
            Stage::InFlight => self.pending.insert(key, not_before),
            // It is polled as soon as it may be.
            Stage::Queued | Stage::FinalQueued => {}
        }
    }

    fn queue(&mut self, key: Key, now: Instant, cx: &mut Context<'_>) {
        let Some(slot) = self.slots.slot(key) else { return };
        if let Some(outcome) = slot.watch.validate() {
            return self.settle(key, outcome);
        }
        let wait = slot.watch.permit_wait(now);
        self.wait(key, wait, cx);
        self.ready.push(key, &self.slots);
    }

    fn wait(&mut self, key: Key, wait: PermitWait, cx: &mut Context<'_>) {
        let until = wait.until().map(|until| self.core.epoch.nanos(until));
        match wait {
            PermitWait::Queued { .. } => self.slots.set_due(key, Stage::Queued, until),
            PermitWait::Final { .. } => {
                self.slots.set_due(key, Stage::FinalQueued, until);
                if let Some(permit) = self.core.try_acquire_final() {
                    self.send(key, permit, cx);
                }
            }
        }
    }

    fn settle(&mut self, key: Key, outcome: PollOutcome) {
        self.slots.set_due(key, Stage::InFlight, None);
        self.outcomes.push_back((key, outcome));
    }

    /// Moves on all tasks whose pause, or whose wait for a permit, is over.
    fn wake_due(&mut self, cx: &mut Context<'_>) {
        let now = Instant::now();
        let mut due = mem::take(&mut self.due);
        if self.slots.take_due(self.core.epoch.nanos(now), &mut due) {
            self.timer.fired(now);
        }
        for key in due.drain(..) {
            let Some(slot) = self.slots.slot(key) else { continue };
            let wait = slot.permit_wait(self.core.epoch).map(|wait| wait.after(now, self.core.gateway.timeout()));
            match wait {
                None => self.queue(key, now, cx),
                Some(Some(wait)) => self.wait(key, wait, cx),
                Some(None) => self.settle(key, PollOutcome::NotPolled),
            }
        }
        self.due = due;
    }

    /// Sends as many requests as may go now, unless the consumer is far behind with the outcomes of the last ones.
    fn send_ready(&mut self, cx: &mut Context<'_>) {
        while self.ready.first(&self.slots).is_some() {
            if self.outcomes.len() >= MAX_OUTCOMES {
                return;
            }
            let Some((permit, key)) = self.poll_permit(cx) else { return };
            self.send(key, permit, cx);
        }
        self.acquire.cancel(); // no task waits for a permit any more
    }

    /// A permit, and the task that gets it.
    fn poll_permit(&mut self, cx: &mut Context<'_>) -> Option<(Permit, Key)> {
        if let Some(permit) = self.core.try_acquire() {
            return Some((permit, self.ready.pop_first(&self.slots)?));
        }
        // Permits are scarce: it matters which task is next.
        self.ready.take_tickets(|count| self.core.limiter.issue(count));
        let (_, ticket) = self.ready.first(&self.slots)?;
        let best = self.ready.best(&self.slots, Instant::now());
        self.acquire.set_priority(best.and_then(|(_, key)| self.slots.slot(key)?.watch.priority()));
        match self.acquire.poll(cx, ticket, self.ready.len().min(self.slots.len())) {
            Poll::Ready(permit) => Some((permit, self.ready.pop(best, &self.slots)?)),
            Poll::Pending => None,
        }
    }

    /// Sends the request at once: it is counted as sent now.
    fn send(&mut self, key: Key, permit: Permit, cx: &mut Context<'_>) {
        let Some(slot) = self.slots.slot(key) else { return };
        let (now, timeout) = (permit.acquired_at(), self.core.gateway.timeout());
        let timeout = slot.permit_wait(self.core.epoch).map_or(timeout, |wait| wait.time_for_request(now, timeout));
        if slot.watch.is_extra(now) {
            self.inbox.sent(slot.watch.id());
        }
        let mut poll = slot.watch.poll(permit, timeout);
        match poll.as_mut().poll(cx) {
            Poll::Ready(outcome) => self.settle(key, outcome),
            Poll::Pending => {
                self.slots.set_due(key, Stage::InFlight, None);
                self.in_flight.push(key, poll);
            }
        }
    }

    fn next_event(&mut self) -> Option<(TaskId, StatusEvent)> {
        loop {
            let (key, outcome) = self.outcomes.pop_front()?;
            // The task may have left meanwhile.
            let Some(slot) = self.slots.slot_mut(key) else { continue };
            let (event, next) = slot.watch.on_response(outcome);
            let id = slot.watch.id().clone();
            let notified = self.pending.remove(key);
            match next {
                Some(next) => {
                    self.schedule(key, next);
                    if let Some(not_before) = notified {
                        self.bring_forward(key, not_before);
                    }
                }
                None => drop(self.dismiss(key)),
            }
            return Some((id, event));
        }
    }

    /// The task leaves.
    fn dismiss(&mut self, key: Key) -> Option<Slot> {
        self.pending.remove(key);
        let slot = self.slots.remove(key)?;
        self.inbox.unsubscribe(slot.watch.id());
        Some(slot)
    }
}

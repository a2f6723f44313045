//! What a `WatchAll` does between two events: which tasks start, wait for a permit, are polled, and what came of it.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::coalescing_timer::CoalescingTimer;
use super::cores::Cores;
use super::in_flight::InFlightPolls;
use super::lanes::Lanes;
use super::pending_polls::PendingPolls;
use super::step_budget::{REQUEST_STEPS, STEPS, StepBudget};
use super::summary::TaskSummary;
use super::task_slots::{Key, Slot, Stage, TaskSlots};
use crate::checkpoint::Checkpoint;
use crate::client_core::{ClientCore, PollOutcome};
use crate::clock::Began;
use crate::event::StatusEvent;
use crate::limiter::{Class, Permit};
use crate::notify::Inbox;
use crate::poll_state::PermitWait;
use crate::schedule::Schedule;
use crate::task::TaskId;
use crate::task_watch::TaskWatch;

/// With this number of news not yielded yet, the consumer comes first. If all of them are of tasks that have left, they spend
/// the budget of a turn, so that another turn follows.
const MAX_NEWS: usize = STEPS as usize;

/// What is new of a task.
enum News {
    Response(PollOutcome),
    /// All watches of the client hold back.
    HeldBack,
    /// It had ended before it was pushed.
    Ended(Box<StatusEvent>),
}

pub(super) struct Driver {
    core: Arc<ClientCore>,
    /// Before the slots, so that each poll is dropped before its watch: observers see its end first.
    in_flight: InFlightPolls,
    cores: Cores,
    slots: TaskSlots,
    /// Pushed since the last poll of the stream. As in all these lists, some have left meanwhile.
    fresh: VecDeque<Key>,
    /// Tasks that wait for a permit.
    lanes: Lanes,
    inbox: Inbox,
    pending: PendingPolls,
    /// Not yielded yet.
    news: VecDeque<(Key, News)>,
    /// Empty between two polls, to be filled again.
    due: Vec<Key>,
    timer: CoalescingTimer,
    draining: bool,
}

impl Driver {
    pub(super) fn new(core: Arc<ClientCore>) -> Self {
        let inbox = Inbox::new(core.registry.clone());
        Self {
            lanes: Lanes::new(&core),
            cores: Cores::default(),
            core,
            slots: TaskSlots::new(),
            fresh: VecDeque::new(),
            inbox,
            pending: PendingPolls::default(),
            in_flight: InFlightPolls::new(),
            news: VecDeque::new(),
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
        self.add(TaskWatch::new(Arc::clone(&self.core), task_id))
    }

    pub(super) fn push_with(&mut self, task_id: TaskId, schedule: Schedule) -> bool {
        if self.slots.find(task_id.as_str()).is_some() {
            return false;
        }
        let core = self.cores.with_schedule(&self.core, schedule);
        self.add(TaskWatch::new(core, task_id))
    }

    pub(super) fn push_checkpoint(&mut self, checkpoint: &Checkpoint) -> bool {
        if self.slots.find(checkpoint.task_id().as_str()).is_some() {
            return false;
        }
        let schedule = self.core.schedule_of(checkpoint);
        let core = self.cores.with_schedule(&self.core, schedule);
        let watch = TaskWatch::resumed(core, checkpoint);
        let Some(end) = self.core.end_of(checkpoint) else { return self.add(watch) };
        let key = self.slots.add(watch);
        self.news.extend(key.map(|key| (key, News::Ended(Box::new(end)))));
        key.is_some()
    }

    pub(super) fn checkpoints(&self) -> impl Iterator<Item = Checkpoint> {
        let now = Instant::now();
        self.slots.watches().map(move |watch| watch.checkpoint(now))
    }

    fn add(&mut self, watch: TaskWatch) -> bool {
        let key = self.slots.add(watch);
        if self.slots.is_mostly_stale(self.fresh.len()) {
            self.fresh.retain(|fresh| self.slots.slot(*fresh).is_some());
        }
        self.fresh.extend(key);
        key.is_some()
    }

    /// `false`: the task is not there.
    pub(super) fn remove(&mut self, task_id: &str) -> bool {
        let Some(key) = self.slots.find(task_id) else { return false };
        if let Some(Slot { stage: Stage::InFlight(poll), .. }) = self.dismiss(key) {
            self.in_flight.abort(poll);
        }
        true
    }

    pub(super) fn summary(&self, task_id: &str) -> Option<TaskSummary> {
        Some(TaskSummary::of(self.slots.slot(self.slots.find(task_id)?)?, Instant::now()))
    }

    pub(super) fn drain(&mut self) {
        self.draining = true;
        self.lanes.leave();
        self.close();
    }

    /// No more notifications come.
    pub(super) fn close(&mut self) {
        self.inbox.close(self.slots.ids());
    }

    /// Whether no event comes any more, unless a task is pushed.
    pub(super) fn is_over(&self) -> bool {
        self.slots.len() == 0 || self.draining && self.news.is_empty() && self.in_flight.len() == 0
    }

    /// Does what can be done now, and returns the next event, if there is one. When the budget is spent, there may be more to do.
    pub(super) fn advance(&mut self, cx: &mut Context<'_>, budget: &mut StepBudget) -> Option<(TaskId, StatusEvent)> {
        if budget.is_spent() {
            return None;
        }
        if self.news.len() < MAX_NEWS {
            while let Poll::Ready((key, outcome)) = self.in_flight.poll_next(cx, budget) {
                self.settle(key, outcome);
            }
            if !self.draining {
                self.start_fresh(budget);
                self.take_notifications(cx, budget);
                self.wake_due(budget);
                self.send_ready(cx, budget);
                self.note_held_back(budget);
            }
        }
        self.next_event(budget)
    }

    /// Ready when a task is due, unless the budget is spent.
    pub(super) fn poll_due(&mut self, cx: &mut Context<'_>, budget: &mut StepBudget) -> Poll<()> {
        let due = if self.draining { None } else { self.slots.next_due(budget) };
        let Some(due) = due.and_then(|due| self.core.epoch.instant(due)) else { return Poll::Pending };
        self.timer.poll(cx, due)
    }

    /// The tasks pushed since the last poll start now, before anything is sent, so that they start together.
    fn start_fresh(&mut self, budget: &mut StepBudget) {
        while !budget.is_spent() {
            let Some(key) = self.fresh.pop_front() else { break };
            if self.fresh.is_empty() {
                self.fresh = VecDeque::new(); // many may have started together
            }
            budget.spend(1);
            let Some(slot) = self.slots.slot_mut(key) else { continue };
            let not_before = self.inbox.subscribe(slot.watch.id());
            match slot.watch.start() {
                Some(first) => self.schedule(key, first),
                None => self.queue(key, Instant::now()),
            }
            if let Some(not_before) = not_before {
                self.bring_forward(key, not_before);
            }
        }
    }

    fn schedule(&mut self, key: Key, next: Instant) {
        self.slots.set_due(key, Stage::Scheduled, Some(self.core.epoch.nanos(next)));
    }

    fn take_notifications(&mut self, cx: &Context<'_>, budget: &mut StepBudget) {
        while !budget.is_spent() {
            let Some((id, not_before)) = self.inbox.pop(cx.waker()) else { break };
            budget.spend(1);
            if let Some(key) = self.slots.find(id.as_str()) {
                self.bring_forward(key, not_before);
            }
        }
    }

    /// The task was notified: an extra poll comes before the schedule's own.
    fn bring_forward(&mut self, key: Key, not_before: Instant) {
        let Some(slot) = self.slots.slot_mut(key) else { return };
        match slot.stage {
            // There is a reason to ask, so an early repeat is no repeat any more.
            Stage::Scheduled | Stage::RetryQueued => {
                let not_before = slot.watch.allowed_from(not_before);
                let due = slot.due().and_then(|due| self.core.epoch.instant(due));
                if let Some(due) = slot.watch.held_until().or(due).filter(|due| *due > not_before) {
                    slot.watch.poll_early(due);
                    self.slots.set_due(key, Stage::Scheduled, Some(self.core.epoch.nanos(not_before)));
                }
            }
            Stage::InFlight(_) | Stage::Settled => self.pending.insert(key, not_before),
            // It is polled as soon as it may be.
            Stage::Queued | Stage::FinalQueued => {}
        }
    }

    /// The task is due, or its wait for a permit goes on in another way.
    fn queue(&mut self, key: Key, now: Instant) {
        let Some(slot) = self.slots.slot_mut(key) else { return };
        if let Some(outcome) = slot.watch.validate() {
            return self.settle(key, outcome);
        }
        let Some(PermitWait { class, until }) = slot.watch.permit_wait(now) else {
            return self.settle(key, PollOutcome::NotPolled);
        };
        let until = until.and_then(|until| slot.watch.instant(until)).map(|until| self.core.epoch.nanos(until));
        let stage = match class {
            Class::Retry => Stage::RetryQueued,
            Class::Normal => Stage::Queued,
            Class::Urgent => Stage::FinalQueued,
        };
        if slot.queued().is_none() {
            slot.waits_since = Began::at(self.core.epoch.nanos(now)); // else it waits on
        }
        self.slots.set_due(key, stage, until);
        self.lanes.push(class, key, &self.slots);
    }

    fn settle(&mut self, key: Key, outcome: PollOutcome) {
        self.slots.set_due(key, Stage::Settled, None);
        self.news.push_back((key, News::Response(outcome)));
    }

    /// Moves on all tasks whose pause, or whose wait for a permit, is over.
    fn wake_due(&mut self, budget: &mut StepBudget) {
        let now = Instant::now();
        let mut due = mem::take(&mut self.due);
        self.slots.take_due(self.core.epoch.nanos(now), &mut due, budget);
        if !due.is_empty() {
            self.timer.fired(now);
        }
        for key in due.drain(..) {
            self.queue(key, now);
        }
        self.due = due;
    }

    /// Sends as many requests as may go now, but takes only half of the free permits in one turn: nobody knows when the consumer
    /// lets this stream go on.
    fn send_ready(&mut self, cx: &mut Context<'_>, budget: &mut StepBudget) {
        let mut left = None;
        while !budget.is_spent() && self.news.len() < MAX_NEWS && left != Some(0) {
            let Some((permit, key)) = self.lanes.poll_permit(cx, &self.slots) else { return };
            budget.spend(REQUEST_STEPS);
            self.send(key, permit);
            left = Some(left.map_or_else(|| self.core.limiter.free() / 2, |left: usize| left.saturating_sub(1)));
        }
        self.lanes.pause();
        if left == Some(0) && self.news.is_empty() && !self.lanes.is_empty(&self.slots) {
            budget.end_turn();
        }
    }

    /// While all requests are held back, each task that would be polled says so.
    fn note_held_back(&mut self, budget: &mut StepBudget) {
        while !budget.is_spent() && self.news.len() < MAX_NEWS {
            let Some(key) = self.lanes.next_held_back(&self.slots) else { break };
            budget.spend(1);
            self.news.push_back((key, News::HeldBack));
        }
    }

    /// Sends the request at once: it is counted as sent now.
    fn send(&mut self, key: Key, permit: Permit) {
        let Some(slot) = self.slots.slot_mut(key) else { return };
        let now = permit.acquired_at();
        let permit = permit.after(slot.waited(now));
        let wait = slot.watch.permit_wait(now);
        let timeout = wait.map_or(Duration::ZERO, |wait| slot.watch.time_for_request(wait, now));
        if slot.watch.is_extra(now) {
            self.inbox.sent(slot.watch.id());
        }
        let poll = slot.watch.poll(permit, timeout);
        match self.in_flight.begin(key, poll) {
            Ok(outcome) => self.settle(key, outcome),
            Err(index) => self.slots.set_due(key, Stage::InFlight(index), None),
        }
    }

    fn next_event(&mut self, budget: &mut StepBudget) -> Option<(TaskId, StatusEvent)> {
        loop {
            let (key, news) = self.news.pop_front()?;
            budget.spend(1);
            // The task may have left meanwhile.
            let Some(slot) = self.slots.slot_mut(key) else { continue };
            let id = slot.watch.id().clone();
            let outcome = match news {
                News::Response(outcome) => outcome,
                News::Ended(end) => {
                    drop(self.dismiss(key));
                    return Some((id, *end));
                }
                // Its request may have gone meanwhile.
                News::HeldBack if matches!(slot.queued(), Some(Class::Normal | Class::Retry)) => {
                    match self.core.limiter.cooldown() {
                        // Once for each refusal, and not at the deadline, when the final poll comes.
                        Some(cooldown)
                            if slot.watch.known_refusal() != Some(cooldown.number)
                                && slot.due().is_none_or(|due| due > self.core.epoch.nanos(Instant::now())) =>
                        {
                            return Some((id, slot.watch.on_held_back(cooldown)));
                        }
                        _ => continue,
                    }
                }
                News::HeldBack => continue,
            };
            let (event, next) = slot.watch.on_response(outcome);
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

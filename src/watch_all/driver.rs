//! What a fleet does between two events: who starts, who waits for a turn, who asks, and what came of it.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::stream::StreamExt;
use tokio::time::Instant;

use super::WatchAll;
use super::task_slots::{Key, Stage};
use crate::event::StatusEvent;
use crate::gateway::{Answer, PollFuture};
use crate::limiter::Permit;
use crate::notify::NextPoll;
use crate::task::TaskId;
use crate::task_watch::not_polled;

/// So many answers that were not told yet.
const FAR_BEHIND: usize = 256;

impl WatchAll {
    /// Those pushed since the last poll start now, all at the same time.
    pub(super) fn start_fresh(&mut self, cx: &mut Context<'_>) {
        for key in mem::take(&mut self.fresh) {
            let Some(slot) = self.slots.slot_mut(key) else { continue };
            let called = self.inbox.list(slot.run.id());
            match slot.run.start() {
                Some(first) => self.slots.set_due(key, Stage::Scheduled, Some(self.shared.nanos(first))),
                None => self.wait_for_turn(key, Instant::now(), cx),
            }
            if let Some(at) = called {
                self.notify(key, at);
            }
        }
    }

    fn wait_for_turn(&mut self, key: Key, now: Instant, cx: &mut Context<'_>) {
        let Some(slot) = self.slots.slot(key) else { return };
        if let Some(error) = slot.run.validate() {
            return self.answer(key, Err(error));
        }
        match slot.run.deadline() {
            Some(deadline) if deadline <= now => self.overdue(key, now, cx),
            deadline => {
                let due = deadline.map(|deadline| self.shared.nanos(deadline));
                self.slots.set_due(key, Stage::Queued, due);
            }
        }
        self.queue.join(key, &self.slots);
    }

    /// Its last look is due: through a closed gate, if nobody else was let through for that, or else when it is its turn,
    /// for which it waits no longer than for an answer.
    fn overdue(&mut self, key: Key, since: Instant, cx: &mut Context<'_>) {
        let (over, look) = (since.checked_add(self.shared.gateway.timeout()), self.shared.try_acquire_final());
        self.slots.set_due(key, Stage::FinalQueued, over.map(|over| self.shared.nanos(over)));
        if let Some(permit) = look {
            self.send(key, permit, cx);
        }
    }

    fn answer(&mut self, key: Key, answer: Answer) {
        self.slots.set_due(key, Stage::InFlight, None);
        self.answers.push_back((key, answer));
    }

    /// Moves on all whose pause, or whose time to wait for a turn, is over.
    pub(super) fn wake_due(&mut self, cx: &mut Context<'_>) {
        let now = Instant::now();
        let mut due = mem::take(&mut self.due);
        if self.slots.take_due(self.shared.nanos(now), &mut due) {
            self.timer.cooldown(now);
        }
        for key in due.drain(..) {
            match self.slots.slot(key).map(|slot| slot.stage) {
                Some(Stage::Scheduled | Stage::CoolingDown) => self.wait_for_turn(key, now, cx),
                Some(Stage::Queued) => self.overdue(key, now, cx),
                Some(Stage::FinalQueued) => self.answer(key, Err(not_polled())),
                Some(Stage::InFlight) | None => {}
            }
        }
        self.due = due;
    }

    /// Sends as many requests as may go out now, unless the consumer is far behind with what came of the last ones.
    pub(super) fn send_waiting(&mut self, cx: &mut Context<'_>) {
        while self.queue.first(&self.slots).is_some() {
            if self.answers.len() >= FAR_BEHIND {
                return;
            }
            let Some((permit, key)) = self.acquire(cx) else { return };
            self.send(key, permit, cx);
        }
        self.acquire.cancel(); // there is nobody left to wait for one
    }

    /// A turn, and who of those who wait is to have it.
    fn acquire(&mut self, cx: &mut Context<'_>) -> Option<(Permit, Key)> {
        if let Some(permit) = self.shared.try_acquire() {
            return Some((permit, self.queue.take_first(&self.slots)?));
        }
        // Turns are short: it matters who goes first.
        self.queue.take_places(|count| self.shared.gateway.limiter().issue(count));
        let (_, ticket) = self.queue.first(&self.slots)?;
        let best = self.queue.best(&self.slots, Instant::now());
        self.acquire.priority(best.and_then(|(_, key)| self.slots.slot(key)?.run.priority()));
        match self.acquire.poll(cx, ticket, self.queue.len().min(self.slots.len())) {
            Poll::Ready(permit) => Some((permit, self.queue.take(best, &self.slots)?)),
            Poll::Pending => None,
        }
    }

    /// Sends the request at once: the moment in which it is counted is now.
    fn send(&mut self, key: Key, permit: Permit, cx: &mut Context<'_>) {
        let Some(slot) = self.slots.slot(key) else { return };
        let mut timeout = self.shared.gateway.timeout();
        if slot.stage == Stage::FinalQueued {
            let over = slot.due().and_then(|over| self.shared.instant(over));
            timeout = over.map_or(timeout, |over| over.saturating_duration_since(Instant::now()));
        }
        if self.calls.sent(key, Instant::now()) {
            self.inbox.asked(slot.run.id());
        }
        let mut asking = slot.run.ask(permit, timeout);
        match asking.as_mut().poll(cx) {
            Poll::Ready(answer) => self.answer(key, answer),
            Poll::Pending => {
                self.slots.set_due(key, Stage::InFlight, None);
                self.in_flight.push(Flight { key, asking: Some(asking) });
            }
        }
    }

    /// What those in flight have brought by now.
    pub(super) fn collect_answers(&mut self, cx: &mut Context<'_>) {
        if self.given_up.saturating_mul(2) > self.in_flight.len() {
            let flights = mem::take(&mut self.in_flight).into_iter();
            self.in_flight = flights.filter(|flight| flight.asking.is_some()).collect();
            self.given_up = 0;
        }
        while let Poll::Ready(Some((key, answer))) = self.in_flight.poll_next_unpin(cx) {
            match answer {
                Some(answer) => self.answers.push_back((key, answer)),
                None => self.given_up = self.given_up.saturating_sub(1),
            }
        }
    }

    /// An answer to a task that has left meanwhile is none.
    pub(super) fn next_event(&mut self) -> Option<(TaskId, StatusEvent)> {
        loop {
            let (key, answer) = self.answers.pop_front()?;
            let event = self.on_response(key, answer);
            if event.is_some() {
                return event;
            }
        }
    }

    fn on_response(&mut self, key: Key, answer: Answer) -> Option<(TaskId, StatusEvent)> {
        let run = &mut self.slots.slot_mut(key)?.run;
        let call = self.calls.get(key);
        let (scheduled_at, notify) = call.map_or((None, None), |call| (call.scheduled_at, call.notify.take()));
        let (decision, next) = run.on_response(answer, scheduled_at);
        let id = run.id().clone();
        match next {
            Some(NextPoll { until, firm }) => {
                let stage = if firm { Stage::CoolingDown } else { Stage::Scheduled };
                self.slots.set_due(key, stage, Some(self.shared.nanos(until)));
                if let Some(notify) = notify {
                    self.notify(key, notify);
                }
            }
            None => drop(self.dismiss(key)),
        }
        Some((id, decision.event))
    }
}

/// A request about the task in this slot.
pub(super) struct Flight {
    pub(super) key: Key,
    /// None if it was given up.
    pub(super) asking: Option<PollFuture>,
}

impl Future for Flight {
    type Output = (Key, Option<Answer>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = match &mut self.asking {
            Some(asking) => Some(ready!(asking.as_mut().poll(cx))),
            None => None,
        };
        Poll::Ready((self.key, answer))
    }
}

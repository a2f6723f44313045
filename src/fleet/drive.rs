//! What a fleet does between two events: who starts, who waits for a turn, who asks, and what came of it.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::stream::StreamExt;
use tokio::time::Instant;

use super::WatchAll;
use super::roster::{Key, Stage};
use crate::bell::Pause;
use crate::budget::Permit;
use crate::event::StatusEvent;
use crate::run::no_turn;
use crate::task::TaskId;
use crate::transport::{Answer, Asking};

/// So many answers that were not told yet.
const FAR_BEHIND: usize = 256;

impl WatchAll {
    /// Those pushed since the last poll start now, all at the same time.
    pub(super) fn start_fresh(&mut self, cx: &mut Context<'_>) {
        for key in mem::take(&mut self.fresh) {
            let Some(slot) = self.roster.slot_mut(key) else { continue };
            let called = self.post.list(slot.run.id());
            match slot.run.start() {
                Some(first) => self.roster.set_due(key, Stage::Pausing, Some(self.shared.nanos(first))),
                None => self.wait_for_turn(key, Instant::now(), cx),
            }
            if let Some(at) = called {
                self.ring(key, at);
            }
        }
    }

    fn wait_for_turn(&mut self, key: Key, now: Instant, cx: &mut Context<'_>) {
        let Some(slot) = self.roster.slot(key) else { return };
        if let Some(error) = slot.run.objection() {
            return self.answer(key, Err(error));
        }
        match slot.run.deadline() {
            Some(deadline) if deadline <= now => self.overdue(key, now, cx),
            deadline => {
                let due = deadline.map(|deadline| self.shared.nanos(deadline));
                self.roster.set_due(key, Stage::Waiting, due);
            }
        }
        self.queue.join(key, &self.roster);
    }

    /// Its last look is due: through a closed gate, if nobody else was let through for that, or else when it is its turn,
    /// for which it waits no longer than for an answer.
    fn overdue(&mut self, key: Key, since: Instant, cx: &mut Context<'_>) {
        let (over, look) = (since.checked_add(self.shared.line.timeout()), self.shared.last_look());
        self.roster.set_due(key, Stage::Overdue, over.map(|over| self.shared.nanos(over)));
        if let Some(permit) = look {
            self.send(key, permit, cx);
        }
    }

    fn answer(&mut self, key: Key, answer: Answer) {
        self.roster.set_due(key, Stage::InFlight, None);
        self.answers.push_back((key, answer));
    }

    /// Moves on all whose pause, or whose time to wait for a turn, is over.
    pub(super) fn wake_due(&mut self, cx: &mut Context<'_>) {
        let now = Instant::now();
        let mut due = mem::take(&mut self.due);
        if self.roster.take_due(self.shared.nanos(now), &mut due) {
            self.alarm.rest(now);
        }
        for key in due.drain(..) {
            match self.roster.slot(key).map(|slot| slot.stage) {
                Some(Stage::Pausing | Stage::Resting) => self.wait_for_turn(key, now, cx),
                Some(Stage::Waiting) => self.overdue(key, now, cx),
                Some(Stage::Overdue) => self.answer(key, Err(no_turn())),
                Some(Stage::InFlight) | None => {}
            }
        }
        self.due = due;
    }

    /// Sends as many requests as may go out now, unless the consumer is far behind with what came of the last ones.
    pub(super) fn send_waiting(&mut self, cx: &mut Context<'_>) {
        while self.queue.first(&self.roster).is_some() {
            if self.answers.len() >= FAR_BEHIND {
                return;
            }
            let Some((permit, key)) = self.turn(cx) else { return };
            self.send(key, permit, cx);
        }
        self.turn.leave(); // there is nobody left to wait for one
    }

    /// A turn, and who of those who wait is to have it.
    fn turn(&mut self, cx: &mut Context<'_>) -> Option<(Permit, Key)> {
        if let Some(permit) = self.shared.try_enter() {
            return Some((permit, self.queue.take_first(&self.roster)?));
        }
        // Turns are short: it matters who goes first.
        self.queue.take_places(|count| self.shared.line.turnstile().issue(count));
        let (_, ticket) = self.queue.first(&self.roster)?;
        let best = self.queue.best(&self.roster, Instant::now());
        self.turn.rank(best.and_then(|(_, key)| self.roster.slot(key)?.run.rank()));
        match self.turn.poll(cx, ticket, self.queue.len().min(self.roster.len())) {
            Poll::Ready(permit) => Some((permit, self.queue.take(best, &self.roster)?)),
            Poll::Pending => None,
        }
    }

    /// Sends the request at once: the moment in which it is counted is now.
    fn send(&mut self, key: Key, permit: Permit, cx: &mut Context<'_>) {
        let Some(slot) = self.roster.slot(key) else { return };
        let mut timeout = self.shared.line.timeout();
        if slot.stage == Stage::Overdue {
            let over = slot.due().and_then(|over| self.shared.instant(over));
            timeout = over.map_or(timeout, |over| over.saturating_duration_since(Instant::now()));
        }
        if self.calls.heard(key, Instant::now()) {
            self.post.asked(slot.run.id());
        }
        let mut asking = slot.run.ask(permit, timeout);
        match asking.as_mut().poll(cx) {
            Poll::Ready(answer) => self.answer(key, answer),
            Poll::Pending => {
                self.roster.set_due(key, Stage::InFlight, None);
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
            let event = self.judge(key, answer);
            if event.is_some() {
                return event;
            }
        }
    }

    fn judge(&mut self, key: Key, answer: Answer) -> Option<(TaskId, StatusEvent)> {
        let run = &mut self.roster.slot_mut(key)?.run;
        let call = self.calls.get(key);
        let (planned, ring) = call.map_or((None, None), |call| (call.planned, call.ring.take()));
        let (verdict, next) = run.judge(answer, planned);
        let id = run.id().clone();
        match next {
            Some(Pause { until, firm }) => {
                let stage = if firm { Stage::Resting } else { Stage::Pausing };
                self.roster.set_due(key, stage, Some(self.shared.nanos(until)));
                if let Some(ring) = ring {
                    self.ring(key, ring);
                }
            }
            None => drop(self.dismiss(key)),
        }
        Some((id, verdict.event))
    }
}

/// A request about the task in this slot.
pub(super) struct Flight {
    pub(super) key: Key,
    /// None if it was given up.
    pub(super) asking: Option<Asking>,
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

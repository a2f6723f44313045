//! Many tasks in one stream, in a few dozen bytes each.

mod agenda;
mod alarm;
mod roster;

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::Stream;
use futures::stream::{FusedStream, FuturesUnordered, StreamExt};
use tokio::time::Instant;

use crate::budget::{Permit, Turn};
use crate::error::Error;
use crate::event::StatusEvent;
use crate::run::{Run, Shared, no_turn};
use crate::task::{Task, TaskId};
use crate::transport::Asking;
use alarm::Alarm;
use roster::{Key, Roster, Slot, Stage};

/// Many tasks, watched in one [`Stream`] of their events. Made by [`Client::watch_all`](crate::Client::watch_all).
///
/// Each task has its own events, schedule, backoff and deadline, and they are the same as in a [`Watch`](crate::Watch) of
/// its own: any number of [`Generating`](StatusEvent::Generating) and [`PollFailed`](StatusEvent::PollFailed), then one
/// [`Done`](StatusEvent::Done) or [`GaveUp`](StatusEvent::GaveUp), with which the task leaves. A slow or failing task
/// delays no other. With more than 16 that start together, the pause after the first answer is shortened, for each task
/// by another part of it, so that their later polls spread evenly over the interval.
///
/// The stream ends when all tasks have left; after a [`push`](Self::push) it goes on. Tasks come and go while it runs:
///
/// ```no_run
/// # async fn run(client: luma_watch::Client, mut orders: tokio::sync::mpsc::Receiver<String>) {
/// use futures::StreamExt;
///
/// let mut all = client.watch_all(["774d9a7dd608a0e49293903095e45a4c"]);
/// loop {
///     tokio::select! {
///         Some(id) = orders.recv() => drop(all.push(id)),
///         Some((id, event)) = all.next() => println!("{id}: {event:?}"),
///         else => break, // no more orders, and no task left
///     }
/// }
/// # }
/// ```
///
/// # Cancel safety
/// Dropping a future that polls the stream (`next()` in a `select!`) loses nothing. Dropping the stream stops it: requests
/// in flight are aborted and no other follows.
///
/// # Panics
/// Polled outside a tokio runtime with its timer and I/O enabled, or after the runtime that polled it before was shut
/// down.
#[must_use = "a stream does nothing unless it is polled"]
pub struct WatchAll {
    shared: Arc<Shared>,
    roster: Roster,
    /// Pushed since the stream was polled last.
    fresh: Vec<Key>,
    /// Due, the first first; some have left meanwhile.
    waiting: VecDeque<Key>,
    turn: Turn,
    /// Whose time is over before it was their turn, and who are to be told so.
    unasked: Vec<Key>,
    /// Empty between two polls, to be filled again.
    due: Vec<(i64, Key)>,
    in_flight: FuturesUnordered<Flight>,
    alarm: Alarm,
    draining: bool,
}

impl WatchAll {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let turn = shared.line.turnstile().turn(shared.rules.schedule.rest());
        Self {
            shared,
            roster: Roster::new(),
            fresh: Vec::new(),
            waiting: VecDeque::new(),
            turn,
            unasked: Vec::new(),
            due: Vec::new(),
            in_flight: FuturesUnordered::new(),
            alarm: Alarm::default(),
            draining: false,
        }
    }

    /// Watches one more task, from the next poll of the stream on. `false`: it is there already.
    pub fn push(&mut self, task_id: impl Into<TaskId>) -> bool {
        let key = self.roster.add(Run::new(Arc::clone(&self.shared), task_id.into()));
        self.fresh.extend(key);
        key.is_some()
    }

    /// Stops watching a task, before its end: a request about it is aborted, and no more events of it come. `false`: it
    /// is not there, or not any more.
    pub fn remove(&mut self, task_id: impl AsRef<str>) -> bool {
        let Some(key) = self.roster.find(task_id.as_ref()) else { return false };
        if self.roster.remove(key).is_some_and(|slot| slot.stage == Stage::InFlight) {
            let others = std::mem::take(&mut self.in_flight).into_iter().filter(|flight| flight.key != key);
            self.in_flight = others.collect();
        }
        self.fresh.retain(|fresh| *fresh != key);
        self.unasked.retain(|unasked| *unasked != key);
        true
    }

    /// How many tasks have not ended yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.roster.len()
    }

    /// Whether all tasks have ended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sends no more requests: the stream yields what those in flight bring, and ends. [`stop`](Self::stop) then gives
    /// back the tasks that have not ended.
    ///
    /// ```no_run
    /// # async fn run(mut all: luma_watch::WatchAll) {
    /// use futures::StreamExt;
    ///
    /// all.drain();
    /// while let Some((id, event)) = all.next().await {
    ///     println!("{id}: {event:?}");
    /// }
    /// let unfinished = all.stop();
    /// # }
    /// ```
    pub fn drain(&mut self) {
        self.draining = true;
        self.turn.leave();
    }

    /// Whether it was told to [`drain`](Self::drain).
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining
    }

    /// Stops watching, and gives back the tasks that have not ended, in no particular order. Requests in flight are
    /// aborted; to let them finish, [`drain`](Self::drain) first.
    ///
    /// The tasks themselves go on, and are billed: watch the same ids again, now or later.
    pub fn stop(&mut self) -> Vec<TaskId> {
        let stopped = std::mem::replace(self, Self::new(Arc::clone(&self.shared)));
        stopped.roster.into_ids()
    }

    /// Those pushed since the last poll start now, all at the same time.
    fn start_fresh(&mut self) {
        for key in std::mem::take(&mut self.fresh) {
            let Some(slot) = self.roster.slot_mut(key) else { continue };
            match slot.run.start() {
                Some(first) => self.roster.set_due(key, Stage::Pausing, Some(self.shared.nanos(first))),
                None => self.wait_for_turn(key),
            }
        }
    }

    fn wait_for_turn(&mut self, key: Key) {
        let deadline = self.roster.slot(key).and_then(|slot| slot.run.deadline());
        let due = deadline.map(|deadline| self.shared.nanos(deadline));
        self.roster.set_due(key, Stage::Waiting, due);
        self.waiting.push_back(key);
    }

    /// Moves on all whose pause, or whose time to wait for a turn, is over.
    fn wake_due(&mut self) {
        let now = Instant::now();
        let mut due = std::mem::take(&mut self.due);
        // Again, for the next thing that someone waits for may be due by now too.
        while self.roster.take_due(self.shared.nanos(now), &mut due) {
            self.alarm.rest(now);
            for (_, key) in due.drain(..) {
                match self.roster.slot(key).map(|slot| slot.stage) {
                    Some(Stage::Pausing) => self.wait_for_turn(key),
                    Some(Stage::Waiting) => self.look_at_last(key, now),
                    Some(Stage::Overdue) => self.unasked.push(key),
                    Some(Stage::InFlight) | None => {}
                }
            }
        }
        self.due = due;
    }

    /// Its time is over, and it still waits for its turn.
    fn look_at_last(&mut self, key: Key, now: Instant) {
        let Shared { line, rules, .. } = &*self.shared;
        if let Some(permit) = line.turnstile().last_look(rules.schedule.rest()) {
            self.send(key, permit);
        } else {
            let over = now.checked_add(line.timeout()).map(|over| self.shared.nanos(over));
            self.roster.set_due(key, Stage::Overdue, over);
        }
    }

    /// Sends as many requests as may go out now.
    fn send_waiting(&mut self, cx: &mut Context<'_>) {
        while let Some(key) = self.waiting.front().copied() {
            let waits = |slot: &Slot| matches!(slot.stage, Stage::Waiting | Stage::Overdue);
            if !self.roster.slot(key).is_some_and(waits) {
                self.waiting.pop_front();
                continue;
            }
            let Some(permit) = self.permit(cx) else { return };
            self.waiting.pop_front();
            self.send(key, permit);
        }
        self.turn.leave(); // there is nobody left to wait for one
    }

    fn permit(&mut self, cx: &mut Context<'_>) -> Option<Permit> {
        let rest = self.shared.rules.schedule.rest();
        if let Some(permit) = self.shared.line.turnstile().try_enter(rest) {
            return Some(permit);
        }
        match self.turn.poll(cx, self.waiting.len()) {
            Poll::Ready(permit) => Some(permit),
            Poll::Pending => None,
        }
    }

    fn send(&mut self, key: Key, permit: Permit) {
        self.roster.set_due(key, Stage::InFlight, None);
        if let Some(slot) = self.roster.slot(key) {
            self.in_flight.push(Flight { key, asking: slot.run.ask(permit) });
        }
    }

    fn judge(&mut self, key: Key, answer: Result<Task, Error>) -> Option<(TaskId, StatusEvent)> {
        let run = &mut self.roster.slot_mut(key)?.run;
        let (verdict, next) = run.judge(answer);
        let id = run.id().clone();
        match next {
            Some(next) => self.roster.set_due(key, Stage::Pausing, Some(self.shared.nanos(next))),
            None => drop(self.roster.remove(key)),
        }
        Some((id, verdict.event))
    }
}

impl Stream for WatchAll {
    type Item = (TaskId, StatusEvent);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if !this.draining {
                this.start_fresh();
                this.wake_due();
                if let Some(key) = this.unasked.pop() {
                    return Poll::Ready(this.judge(key, Err(no_turn())));
                }
                this.send_waiting(cx);
            }
            if let Poll::Ready(Some((key, answer))) = this.in_flight.poll_next_unpin(cx) {
                return Poll::Ready(this.judge(key, answer));
            }
            if this.is_terminated() {
                return Poll::Ready(None);
            }
            let due = if this.draining { None } else { this.roster.next_due() };
            let Some(due) = due.and_then(|due| this.shared.instant(due)) else { return Poll::Pending };
            ready!(this.alarm.poll(cx, due));
        }
    }
}

impl FusedStream for WatchAll {
    fn is_terminated(&self) -> bool {
        self.is_empty() || self.draining && self.in_flight.is_empty()
    }
}

/// A request about the task in this slot.
struct Flight {
    key: Key,
    asking: Asking,
}

impl Future for Flight {
    type Output = (Key, Result<Task, Error>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(self.asking.as_mut().poll(cx));
        Poll::Ready((self.key, answer))
    }
}

impl<I: Into<TaskId>> Extend<I> for WatchAll {
    fn extend<T: IntoIterator<Item = I>>(&mut self, task_ids: T) {
        for id in task_ids {
            self.push(id);
        }
    }
}

impl fmt::Debug for WatchAll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchAll")
            .field("tasks", &self.len())
            .field("in_flight", &self.in_flight.len())
            .finish_non_exhaustive()
    }
}

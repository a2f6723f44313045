//! Many tasks in one stream, in a few dozen bytes each.

mod coalescing_timer;
mod driver;
mod pending_polls;
mod ready_queue;
mod task_slots;
mod timer_queue;

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use futures::Stream;
use futures::stream::{FusedStream, FuturesUnordered};

use crate::event::StatusEvent;
use crate::gateway::Answer;
use crate::limiter::Acquire;
use crate::notify::Inbox;
use crate::task::TaskId;
use crate::task_watch::{Shared, TaskWatch};
use coalescing_timer::CoalescingTimer;
use driver::Flight;
use pending_polls::Calls;
use ready_queue::Queue;
use task_slots::{Key, Stage, TaskSlots};

/// Many tasks, watched in one [`Stream`] of their events. Made by [`Client::watch_all`](crate::Client::watch_all).
///
/// Each task has its own events, schedule, backoff and deadline, and they are the same as in a [`Watch`](crate::Watch) of
/// its own: any number of [`Generating`](StatusEvent::Generating) and [`PollFailed`](StatusEvent::PollFailed), then one
/// [`Done`](StatusEvent::Done) or [`GaveUp`](StatusEvent::GaveUp), with which the task leaves. A slow or failing task
/// delays no other. With more than 16 that start together, pauses are shortened, for each task by another part, so that
/// their later polls spread evenly over the interval.
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
///         Some(id) = orders.recv() => { all.push(id); }
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
    slots: TaskSlots,
    /// Pushed since the stream was polled last; some have left meanwhile, as of all these lists.
    fresh: Vec<Key>,
    /// Due.
    queue: Queue,
    /// One of them at a time stands in the queue for all.
    acquire: Acquire,
    /// Who is rung for.
    inbox: Inbox,
    calls: Calls,
    in_flight: FuturesUnordered<Flight>,
    /// Of those in flight, how many were given up.
    given_up: usize,
    /// Not told yet.
    answers: VecDeque<(Key, Answer)>,
    /// Empty between two polls, to be filled again.
    due: Vec<Key>,
    /// Of who polled last, and waits for the next event.
    waker: Option<Waker>,
    timer: CoalescingTimer,
    draining: bool,
}

impl WatchAll {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let (acquire, inbox) = (shared.acquire(), Inbox::new(shared.registry.clone()));
        Self {
            shared,
            slots: TaskSlots::new(),
            fresh: Vec::new(),
            queue: Queue::new(),
            acquire,
            inbox,
            calls: Calls::default(),
            in_flight: FuturesUnordered::new(),
            given_up: 0,
            answers: VecDeque::new(),
            due: Vec::new(),
            waker: None,
            timer: CoalescingTimer::default(),
            draining: false,
        }
    }

    /// Watches one more task, from the next poll of the stream on. `false`: it is there already.
    ///
    /// After [`drain`](Self::drain) it is not asked about any more, and comes back from [`stop`](Self::stop).
    pub fn push(&mut self, task_id: impl Into<TaskId>) -> bool {
        let key = self.slots.add(TaskWatch::new(Arc::clone(&self.shared), task_id.into()));
        if self.slots.is_mostly_stale(self.fresh.len()) {
            self.fresh.retain(|fresh| self.slots.slot(*fresh).is_some());
        }
        self.fresh.extend(key);
        self.wake();
        key.is_some()
    }

    /// Stops watching a task, before its end: a request about it is aborted, and no more events of it come. `false`: it
    /// is not there, or not any more.
    pub fn remove(&mut self, task_id: impl AsRef<str>) -> bool {
        let Some(key) = self.slots.find(task_id.as_ref()) else { return false };
        if self.dismiss(key).is_some_and(|slot| slot.stage == Stage::InFlight) {
            for flight in self.in_flight.iter_mut().filter(|flight| flight.key == key) {
                flight.asking = None;
                self.given_up = self.given_up.saturating_add(1);
            }
        }
        self.wake();
        true
    }

    /// How many tasks are still watched.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sends no more requests: the stream yields what those in flight bring, and ends. [`stop`](Self::stop) then gives
    /// back the tasks still watched.
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
        self.acquire.cancel();
        self.inbox.close(self.slots.ids());
        self.wake();
    }

    /// Whether it was told to [`drain`](Self::drain).
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining
    }

    /// Stops watching, and gives back the tasks that were still watched, in no particular order. Requests in flight are
    /// aborted; to let them finish, [`drain`](Self::drain) first.
    ///
    /// The tasks themselves go on, and are billed: watch the same ids again, now or later. Those that were given up on
    /// ([`GaveUp`](StatusEvent::GaveUp)) had left before.
    pub fn stop(&mut self) -> Vec<TaskId> {
        let mut stopped = std::mem::replace(self, Self::new(Arc::clone(&self.shared)));
        stopped.wake();
        stopped.slots.ids().cloned().collect()
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Stream for WatchAll {
    type Item = (TaskId, StatusEvent);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if !this.draining {
                this.start_fresh(cx);
                this.take_calls(cx);
                this.wake_due(cx);
                this.send_waiting(cx);
            }
            this.collect_answers(cx);
            if let Some(event) = this.next_event() {
                return Poll::Ready(Some(event));
            }
            if this.is_terminated() {
                return Poll::Ready(None);
            }
            if this.waker.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
                this.waker = Some(cx.waker().clone());
            }
            let due = if this.draining { None } else { this.slots.next_due() };
            let Some(due) = due.and_then(|due| this.shared.instant(due)) else { return Poll::Pending };
            ready!(this.timer.poll(cx, due));
        }
    }
}

impl FusedStream for WatchAll {
    fn is_terminated(&self) -> bool {
        self.is_empty() || self.draining && self.answers.is_empty() && self.in_flight.len() <= self.given_up
    }
}

impl<I: Into<TaskId>> Extend<I> for WatchAll {
    fn extend<T: IntoIterator<Item = I>>(&mut self, task_ids: T) {
        for id in task_ids {
            self.push(id);
        }
    }
}

impl Drop for WatchAll {
    fn drop(&mut self) {
        self.inbox.close(self.slots.ids());
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

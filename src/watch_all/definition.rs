//! `WatchAll`: the stream, and how it is steered and ended.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use futures::Stream;
use futures::stream::FusedStream;
use tokio::task::yield_now;

use super::driver::Driver;
use super::handle::{Command, Commands, WatchAllHandle};
use super::step_budget::StepBudget;
use crate::client_core::ClientCore;
use crate::event::StatusEvent;
use crate::task::TaskId;

/// Many tasks, watched in one [`Stream`] of their events. Made by [`Client::watch_all`](crate::Client::watch_all).
///
/// Each task has its own events, schedule, backoff and deadline, the same as in a [`Watch`](crate::Watch) of its own: any number
/// of [`Generating`](StatusEvent::Generating), [`PollFailed`](StatusEvent::PollFailed) and [`HeldBack`](StatusEvent::HeldBack),
/// then one [`Done`](StatusEvent::Done) or [`GaveUp`](StatusEvent::GaveUp), after which the task has left. A slow or failing
/// task delays no other. One poll of the stream does a bounded amount of work, and takes at most half of the permits that are
/// free, so that other tasks and watches have their turn. If more than 16 tasks start together, their pauses are shortened by
/// different parts, so that their later polls spread evenly over the interval. In the guide: [limits](crate::guide::limits),
/// [services](crate::guide::services).
///
/// The stream ends when all tasks have left and there is no [handle](Self::handle); after a [`push`](Self::push) it goes on. Tasks
/// can be added and removed while it runs, here by another task:
///
/// ```no_run
/// # async fn run(client: luma_watch::Client, mut orders: tokio::sync::mpsc::Receiver<String>) {
/// use futures::StreamExt;
///
/// let mut all = client.watch_all(["774d9a7dd608a0e49293903095e45a4c"]);
/// let handle = all.handle();
/// tokio::spawn(async move {
///     while let Some(id) = orders.recv().await {
///         if handle.push(id).is_err() {
///             break; // the stream is dropped
///         }
///     }
/// });
/// while let Some((id, event)) = all.next().await {
///     println!("{id}: {event:?}");
/// } // no more orders, and no task left
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
///
/// [`Stream`]: https://docs.rs/futures/0.3/futures/stream/trait.Stream.html
#[must_use = "a stream does nothing unless it is polled"]
pub struct WatchAll {
    pub(super) driver: Driver,
    pub(super) commands: Commands,
    pub(super) budget: StepBudget,
    /// Of the task that polled the stream last, and waits for the next event.
    pub(super) waker: Option<Waker>,
}

impl WatchAll {
    pub(crate) fn new(core: Arc<ClientCore>) -> Self {
        Self { driver: Driver::new(core), commands: Commands::default(), budget: StepBudget::new(), waker: None }
    }

    /// A handle to push, remove and drain from other tasks. As long as there is one, the stream does not end, unless it drains.
    /// See [`WatchAllHandle`] for an example, and [the guide](crate::guide::services) for the loop of a service.
    pub fn handle(&mut self) -> WatchAllHandle {
        // A new channel takes the place of one whose handles are gone, with what they asked for last.
        self.take_all_commands();
        let handle = self.commands.handle();
        self.wake();
        handle
    }

    /// Sends no more requests: the stream yields what those in flight bring, and ends. [`stop`](Self::stop) then returns the
    /// tasks that are still watched.
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
        self.driver.drain();
        self.wake();
    }

    /// Whether [`drain`](Self::drain) was called, and [`stop`](Self::stop) not since.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.driver.is_draining()
    }

    /// Stops watching, and returns the tasks that were still watched, in no particular order. Requests in flight are
    /// aborted; to let them finish, [`drain`](Self::drain) first.
    ///
    /// The tasks themselves go on, and are billed: watch the same ids again, now or later. Tasks that ended with
    /// [`GaveUp`](StatusEvent::GaveUp) have left before, and are not among them.
    ///
    /// ```
    /// # use luma_watch::simulator::{SimulatedTask, Simulator};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// # tokio::time::pause();
    /// # let simulator = Simulator::new();
    /// # let id = simulator.add(SimulatedTask::new());
    /// # let client = luma_watch::Client::builder("test-key").simulator(&simulator).build()?;
    /// let mut all = client.watch_all([&id]);
    /// assert_eq!(all.stop(), [id]);
    /// assert!(all.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn stop(&mut self) -> Vec<TaskId> {
        self.take_all_commands();
        let new = Driver::new(Arc::clone(self.driver.core()));
        let mut stopped = mem::replace(&mut self.driver, new);
        stopped.close();
        self.wake();
        stopped.slots().ids().cloned().collect()
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Push(id) => drop(self.driver.push(id)),
            Command::PushWith(id, schedule) => drop(self.driver.push_with(id, *schedule)),
            Command::Remove(id) => drop(self.driver.remove(id.as_str())),
            Command::Drain => self.driver.drain(),
        }
    }

    /// What they ask for meanwhile comes later: they may ask without an end.
    fn take_all_commands(&mut self) {
        for _ in 0..self.commands.len() {
            let Some(command) = self.commands.try_next() else { break };
            self.obey(command);
        }
    }

    /// Does what the handles ask for.
    fn take_commands(&mut self, cx: &mut Context<'_>) {
        while !self.budget.is_spent() {
            let Some(command) = self.commands.next(cx) else { break };
            self.budget.spend(1);
            self.obey(command);
        }
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<(TaskId, StatusEvent)>> {
        loop {
            self.take_commands(cx);
            if let Some(event) = self.driver.advance(cx, &mut self.budget) {
                return Poll::Ready(Some(event));
            }
            if self.is_terminated() {
                return Poll::Ready(None);
            }
            if self.waker.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
                self.waker = Some(cx.waker().clone());
            }
            let due = self.driver.poll_due(cx, &mut self.budget);
            if self.budget.is_spent() {
                // There may be more to do, after other tasks, I/O and timers. A waker that is woken here would come before those.
                let _pending = pin!(yield_now()).poll(cx);
                return Poll::Pending;
            }
            ready!(due);
        }
    }

    pub(super) fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Stream for WatchAll {
    type Item = (TaskId, StatusEvent);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let event = this.poll_event(cx);
        if !matches!(event, Poll::Ready(Some(_))) {
            this.budget = StepBudget::new();
        }
        event
    }
}

impl FusedStream for WatchAll {
    fn is_terminated(&self) -> bool {
        self.driver.is_over() && (self.driver.is_draining() || self.commands.is_over())
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
        self.driver.close();
    }
}

impl fmt::Debug for WatchAll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchAll")
            .field("tasks", &self.len())
            .field("in_flight", &self.driver.requests_in_flight())
            .finish_non_exhaustive()
    }
}

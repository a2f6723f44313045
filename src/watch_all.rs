//! Many tasks in one stream, in a few dozen bytes each.

mod coalescing_timer;
mod cores;
mod driver;
mod handle;
mod in_flight;
mod lane;
mod lanes;
mod pending_polls;
mod ready_queue;
mod step_budget;
mod summary;
mod task_slots;
mod timer_queue;

use std::borrow::Borrow;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use futures::Stream;
use futures::stream::FusedStream;
use tokio::task::yield_now;

use crate::checkpoint::Checkpoint;
use crate::client_core::ClientCore;
use crate::error::Error;
use crate::event::StatusEvent;
use crate::schedule::Schedule;
use crate::task::TaskId;
use driver::Driver;
pub use handle::WatchAllHandle;
use handle::{Command, Commands};
use step_budget::StepBudget;
pub use summary::TaskSummary;

/// Many tasks, watched in one [`Stream`] of their events. Made by [`Client::watch_all`](crate::Client::watch_all).
///
/// Each task has its own events, schedule, backoff and deadline, the same as in a [`Watch`](crate::Watch) of its own: any number
/// of [`Generating`](StatusEvent::Generating), [`PollFailed`](StatusEvent::PollFailed) and [`HeldBack`](StatusEvent::HeldBack),
/// then one [`Done`](StatusEvent::Done) or [`GaveUp`](StatusEvent::GaveUp), after which the task has left. A slow or failing
/// task delays no other. One poll of the stream does a bounded amount of work, and takes at most half of the permits that are
/// free, so that other tasks and watches have their turn. If more than 16 tasks start together, their pauses are shortened by
/// different parts, so that their later polls spread evenly over the interval.
///
/// The stream ends when all tasks have left and there is no [handle](Self::handle); after a [`push`](Self::push) it goes on. Tasks
/// can be added and removed while it runs, here by another task:
///
/// In the guide: [limits](crate::guide::limits), [services](crate::guide::services).
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
    driver: Driver,
    commands: Commands,
    budget: StepBudget,
    /// Of the task that polled the stream last, and waits for the next event.
    waker: Option<Waker>,
}

impl WatchAll {
    pub(crate) fn new(core: Arc<ClientCore>) -> Self {
        Self { driver: Driver::new(core), commands: Commands::default(), budget: StepBudget::new(), waker: None }
    }

    /// Watches one more task, from the next poll of the stream on. Returns `false` if the task is watched already.
    ///
    /// After [`drain`](Self::drain) a pushed task is not polled any more, and comes back from [`stop`](Self::stop).
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
    /// assert!(all.push("8f2b77a1c0de4f6f9f1c2a3b4c5d6e7f"));
    /// assert!(!all.push(&id), "it is watched already");
    /// assert_eq!(all.len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn push(&mut self, task_id: impl Into<TaskId>) -> bool {
        let added = self.driver.push(task_id.into());
        self.wake();
        added
    }

    /// The same with a schedule of its own for this task: another deadline, say, with its own final poll. Returns `false` if the
    /// task is watched already, with the schedule that it has.
    ///
    /// Tasks that are pushed one after the other with equal schedules share one copy of it.
    ///
    /// ```
    /// # use luma_watch::simulator::{SimulatedTask, Simulator};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// # tokio::time::pause();
    /// # let simulator = Simulator::new();
    /// # let ids = [simulator.add(SimulatedTask::new()), simulator.add(SimulatedTask::new())];
    /// # let client = luma_watch::Client::builder("test-key").simulator(&simulator).build()?;
    /// use std::time::Duration;
    ///
    /// let mut all = client.watch_all([&ids[0]]);
    /// let patient = client.schedule().clone().max_wait(Duration::from_secs(25 * 60));
    /// all.push_with(&ids[1], patient)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Schedule::validate`].
    pub fn push_with(&mut self, task_id: impl Into<TaskId>, schedule: Schedule) -> Result<bool, Error> {
        schedule.validate()?;
        let added = self.driver.push_with(task_id.into(), schedule);
        self.wake();
        Ok(added)
    }

    /// Goes on with a watch from its [checkpoint](Checkpoint), with the deadline that it had, as
    /// [`Client::resume`](crate::Client::resume). Returns `false` if the task is watched already.
    pub fn push_checkpoint(&mut self, checkpoint: impl Borrow<Checkpoint>) -> bool {
        let added = self.driver.push_checkpoint(checkpoint.borrow());
        self.wake();
        added
    }

    /// The tasks that are still watched as data, in no particular order: to go on with them in another process.
    ///
    /// ```
    /// # use luma_watch::simulator::{SimulatedTask, Simulator};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// # tokio::time::pause();
    /// # let simulator = Simulator::new();
    /// # let id = simulator.add(SimulatedTask::new());
    /// # let client = luma_watch::Client::builder("test-key").simulator(&simulator).build()?;
    /// let checkpoints: Vec<_> = client.watch_all([&id]).checkpoints().collect();
    /// let mut all = client.watch_all([""; 0]);
    /// for checkpoint in &checkpoints {
    ///     all.push_checkpoint(checkpoint);
    /// }
    /// assert!(all.contains(&id));
    /// # Ok(())
    /// # }
    /// ```
    pub fn checkpoints(&self) -> impl Iterator<Item = Checkpoint> {
        self.driver.checkpoints()
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

    /// Stops watching a task before its end: its request in flight is aborted, and no more events of it come. Returns `false`
    /// if the task is not watched, or not any more.
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
    /// assert!(all.remove(&id));
    /// assert!(all.is_empty() && !all.remove(&id));
    /// # Ok(())
    /// # }
    /// ```
    pub fn remove(&mut self, task_id: impl AsRef<str>) -> bool {
        let removed = self.driver.remove(task_id.as_ref());
        if removed {
            self.wake();
        }
        removed
    }

    /// The number of tasks that are still watched.
    #[must_use]
    pub fn len(&self) -> usize {
        self.driver.slots().len()
    }

    /// Whether no task is watched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tasks that are still watched, in no particular order.
    pub fn ids(&self) -> impl Iterator<Item = &TaskId> {
        self.driver.slots().ids()
    }

    /// Whether this task is still watched.
    #[must_use]
    pub fn contains(&self, task_id: impl AsRef<str>) -> bool {
        self.driver.slots().find(task_id.as_ref()).is_some()
    }

    /// What is known of a task that is still watched: for a page that shows it. The record itself is not kept between polls.
    ///
    /// ```
    /// # use luma_watch::simulator::{SimulatedTask, Simulator};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// # tokio::time::pause();
    /// # let simulator = Simulator::new();
    /// # let id = simulator.add(SimulatedTask::new());
    /// # let client = luma_watch::Client::builder("test-key").simulator(&simulator).build()?;
    /// use futures::StreamExt;
    /// use luma_watch::Status;
    ///
    /// let mut all = client.watch_all([&id]);
    /// all.next().await;
    /// let task = all.get(&id).expect("it is still watched");
    /// assert_eq!((task.status, task.polls), (Some(Status::Generating), 1));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn get(&self, task_id: impl AsRef<str>) -> Option<TaskSummary> {
        self.driver.summary(task_id.as_ref())
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

//! Checks, watches and waits.

use std::borrow::Borrow;
use std::sync::Arc;

use super::definition::Client;
use crate::checkpoint::Checkpoint;
use crate::error::Error;
use crate::gateway::PollRequest;
use crate::poll_once::{Step, poll_once};
use crate::task::{Task, TaskId};
use crate::task_watch::{TaskWatch, validate};
use crate::watch::{SharedWatch, Wait, Watch};
use crate::watch_all::WatchAll;

impl Client {
    /// Asks once for the task's record: for a page that shows the status of a task.
    ///
    /// It is not retried, with these exceptions: if a kept connection breaks at the moment of its use, the request is sent
    /// again at once; one redirect within the base URL's origin is followed; and a request whose key was refused is repeated
    /// once with a fresh key, if there is a [source](crate::ClientBuilder::api_key_from). It waits for the rate limit and for the bound
    /// on requests in flight, but not for a gateway that has asked the watches to hold back: its good answer lets them go on.
    ///
    /// ```
    /// # use luma_watch::simulator::{SimulatedTask, Simulator};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// # tokio::time::pause();
    /// # let simulator = Simulator::new();
    /// # let id = simulator.add(SimulatedTask::new());
    /// # let client = luma_watch::Client::builder("test-key").simulator(&simulator).build()?;
    /// let task = client.status(&id).await?;
    /// assert!(!task.status().is_terminal());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Why the record could not be read. A task that failed is no error here: its record says so.
    ///
    /// # Cancel safety
    /// Dropping the future aborts the request.
    ///
    /// # Panics
    /// Outside a tokio runtime with its timer and I/O enabled.
    pub async fn status(&self, task_id: impl Into<TaskId>) -> Result<Task, Error> {
        let id = task_id.into();
        let core = &self.core;
        if let Some(error) = validate(&id) {
            return Err(error.of_task(&id, None));
        }
        let permit = match core.try_acquire() {
            Some(permit) => permit,
            None => core.acquire_urgent().await,
        };
        let request = PollRequest { id: id.clone(), wants_age: false };
        match core.send(&request, permit, core.gateway.timeout()).await {
            Ok(response) => Ok(response.task),
            Err(error) => Err(error.of_task(&id, None)),
        }
    }

    /// Waits for a task's end and returns the task: the same as `watch(task_id).wait_until_done()`, see
    /// [`Watch::wait_until_done`].
    ///
    /// ```
    /// # use luma_watch::simulator::{SimulatedTask, Simulator};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// # tokio::time::pause();
    /// # let simulator = Simulator::new();
    /// # let id = simulator.add(SimulatedTask::new());
    /// # let client = luma_watch::Client::builder("test-key").simulator(&simulator).build()?;
    /// let task = client.wait_until_done(&id).await?;
    /// assert_eq!(task.result_urls().len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// Dropping the future aborts a request in flight, and no other follows.
    ///
    /// # Panics
    /// Outside a tokio runtime with its timer and I/O enabled.
    pub fn wait_until_done(&self, task_id: impl Into<TaskId>) -> Wait {
        self.watch(task_id).wait_until_done()
    }

    /// Watches a task: a stream of its events, up to its end. Nothing is sent before the stream is polled.
    ///
    /// With an empty id the first event is [`GaveUp`](crate::StatusEvent::GaveUp), and nothing is sent.
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
    ///
    /// let mut watch = client.watch(&id);
    /// let first = watch.next().await.expect("an event");
    /// assert_eq!(first.task().map(|task| task.id()), Some(&id));
    /// # Ok(())
    /// # }
    /// ```
    pub fn watch(&self, task_id: impl Into<TaskId>) -> Watch {
        Watch::new(Arc::clone(&self.core), task_id.into())
    }

    /// Joins the running shared watch of this task in this client and its clones, or starts one: one polling loop per task,
    /// however many ask for it. Nothing is sent before a reader is polled, or [driven](SharedWatch::drive).
    ///
    /// A watch that runs keeps the schedule of the client that started it, whatever the schedule of this one is. It stops when its
    /// last reader is dropped. A task that has ended
    /// is not polled again as long as there is a reader; after [`GaveUp`](crate::StatusEvent::GaveUp) a new watch starts.
    ///
    /// ```
    /// # use luma_watch::simulator::{SimulatedTask, Simulator};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// # tokio::time::pause();
    /// # let simulator = Simulator::new();
    /// # let id = simulator.add(SimulatedTask::new());
    /// # let client = luma_watch::Client::builder("test-key").simulator(&simulator).build()?;
    /// // Two requests of a service, about the same task.
    /// let (one, other) = tokio::join!(client.shared(&id), client.shared(&id));
    /// assert_eq!(one?, other?);
    /// assert_eq!(simulator.requests().len(), 11); // polled for both at once
    /// # Ok(())
    /// # }
    /// ```
    pub fn shared(&self, task_id: impl Into<TaskId>) -> SharedWatch {
        let id = task_id.into();
        SharedWatch::join(&self.shared, &id, || self.watch(&id))
    }

    /// Watches many tasks in one stream, in less than 250 bytes each (300 with a schedule that learns). Nothing is sent before
    /// the stream is polled; an id that comes twice is watched once. To begin without a task, name the type of the ids:
    /// `client.watch_all(Vec::<TaskId>::new())`.
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
    ///
    /// let ids = [simulator.add(SimulatedTask::new()), simulator.add(SimulatedTask::new())];
    /// let mut all = client.watch_all(&ids);
    /// while let Some((id, event)) = all.next().await {
    ///     if let Some(outcome) = event.outcome() {
    ///         println!("{id}: {:?}", outcome?.result_urls());
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn watch_all<I>(&self, task_ids: I) -> WatchAll
    where
        I: IntoIterator,
        I::Item: Into<TaskId>,
    {
        let mut all = WatchAll::new(Arc::clone(&self.core));
        all.extend(task_ids);
        all
    }

    /// Goes on with a watch from its [checkpoint](Checkpoint), after a restart or on another machine.
    ///
    /// It polls at once, unless the checkpoint knows of a `Retry-After` that still holds, and has the deadline that it had, by the wall clock. If the deadline
    /// has passed meanwhile, there is one more poll; if that finds no end either, it gives up as it would have. The schedule
    /// apart from `max_wait` is this client's. A checkpoint of a watch that has ended yields its last event, and sends nothing.
    ///
    /// A checkpoint of another gateway, by the host of the base URL, is refused: the first event is
    /// [`GaveUp`](crate::StatusEvent::GaveUp) with an error of the kind [`Config`](crate::ErrorKind::Config).
    ///
    /// See [`Checkpoint`] for an example, and [the guide](crate::guide::restarts).
    pub fn resume(&self, checkpoint: impl Borrow<Checkpoint>) -> Watch {
        let checkpoint = checkpoint.borrow();
        match self.core.end_of(checkpoint) {
            Some(end) => Watch::ended(Arc::clone(&self.core), checkpoint.clone(), end),
            None => Watch::of(TaskWatch::resumed(self.core.with_deadline_of(checkpoint), checkpoint)),
        }
    }

    /// Makes the next poll of a watch that lives as data between its polls: for job queues, cron and functions that run on
    /// demand.
    ///
    /// It decides as a [`Watch`] does: the events are the same, one for each step, and [`NextStep`](crate::NextStep) says when the
    /// next poll is. It does not wait: if the client holds back, its rate limit is used up, or it is too early, the step has no
    /// event, and says when to come again. Only the final poll at the deadline waits for its permit, for the request timeout at
    /// most.
    ///
    /// A backoff policy ([`Schedule::from_backoff`](crate::Schedule::from_backoff)) begins anew with each step, and the polls of steps are not spread.
    ///
    /// ```
    /// # use luma_watch::simulator::{SimulatedTask, Simulator};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// # tokio::time::pause();
    /// # let simulator = Simulator::new();
    /// # let id = simulator.add(SimulatedTask::new());
    /// # let client = luma_watch::Client::builder("test-key").simulator(&simulator).build()?;
    /// let mut checkpoint = client.watch(&id).checkpoint();
    /// loop {
    ///     let step = client.poll_once(&checkpoint).await;
    ///     match step.next {
    ///         Some(next) => {
    ///             // In a job queue: store the checkpoint in a job that is due after this time.
    ///             tokio::time::sleep(next.after).await;
    ///             checkpoint = next.checkpoint;
    ///         }
    ///         None => break println!("{:?}", step.event.and_then(|event| event.outcome())),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// Dropping the future aborts the request. The step can be made again.
    ///
    /// # Panics
    /// Outside a tokio runtime with its timer and I/O enabled.
    pub async fn poll_once(&self, checkpoint: impl Borrow<Checkpoint>) -> Step {
        poll_once(&self.core, checkpoint.borrow()).await
    }
}

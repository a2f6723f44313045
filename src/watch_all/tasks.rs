//! The tasks of a `WatchAll`: added, removed, and what is known of them.

use std::borrow::Borrow;

use super::definition::WatchAll;
use super::summary::TaskSummary;
use crate::checkpoint::Checkpoint;
use crate::error::Error;
use crate::schedule::Schedule;
use crate::task::TaskId;

impl WatchAll {
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
}

//! What an observer gets.

use std::fmt;
use std::time::Duration;

use crate::error::Error;
use crate::event::{StatusEvent, outcome_name};
use crate::limiter::{ClientLimits, Limiter};
use crate::task::{Task, TaskId};

/// A watch that starts, see [`Observer::watch_started`](crate::Observer::watch_started).
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct WatchStarted<'a> {
    /// The task that is watched.
    pub task_id: &'a TaskId,
}

/// A request that is sent, see [`Observer::poll_sent`](crate::Observer::poll_sent).
#[non_exhaustive]
#[derive(Clone, Copy)]
pub struct PollSent<'a> {
    /// The task that is asked about.
    pub task_id: &'a TaskId,
    /// How long it waited for a permit: for its turn under the client's limits. In steps of 10 ms. After a
    /// [`HeldBack`](crate::StatusEvent::HeldBack) event, a single watch counts anew.
    pub waited: Duration,
    pub(super) limiter: &'a Limiter,
}

/// A poll that is over, see [`Observer::poll_ended`](crate::Observer::poll_ended).
#[non_exhaustive]
#[derive(Clone, Copy)]
pub struct PollEnded<'a> {
    /// The task that was asked about.
    pub task_id: &'a TaskId,
    /// The record, or why the poll failed. `None`: it was dropped before an answer came.
    pub result: Option<Result<&'a Task, &'a Error>>,
    /// The HTTP status of the answer. `None` if there was no answer.
    pub http_status: Option<u16>,
    /// From the permit to the moment in which the watch was polled with the answer: longer than the answer took, if your program
    /// polls the watch late.
    pub latency: Duration,
    pub(super) limiter: &'a Limiter,
}

/// An event of a watch, see [`Observer::event`](crate::Observer::event).
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct WatchEvent<'a> {
    /// The task that is watched.
    pub task_id: &'a TaskId,
    /// The event that the watch yields next.
    pub event: &'a StatusEvent,
}

/// A watch that is over, see [`Observer::watch_ended`](crate::Observer::watch_ended).
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct WatchEnded<'a> {
    /// The task that was watched.
    pub task_id: &'a TaskId,
    /// What [`wait_until_done`](crate::Watch::wait_until_done) gives. `None`: the watch was dropped before.
    pub result: Option<Result<&'a Task, &'a Error>>,
    /// The number of polls that it made.
    pub polls: u32,
    /// The time since the first poll of its stream.
    pub elapsed: Duration,
    /// The time from the task's end to the answer that said so, both by the gateway's clock. `None` if the record or the answer
    /// does not tell, and for a task that is a day old.
    pub detection_delay: Option<Duration>,
}

impl PollSent<'_> {
    /// What the client's limits stand at now, as [`Client::limits`](crate::Client::limits) says it.
    #[must_use]
    pub fn limits(&self) -> ClientLimits {
        self.limiter.report()
    }
}

impl PollEnded<'_> {
    /// One word for logs and metrics: `answered`, `dropped`, or the [kind](crate::ErrorKind::as_str) of the error.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        match self.result {
            Some(Ok(_)) => "answered",
            Some(Err(error)) => error.kind().as_str(),
            None => "dropped",
        }
    }

    /// What the client's limits stand at now, as [`Client::limits`](crate::Client::limits) says it.
    #[must_use]
    pub fn limits(&self) -> ClientLimits {
        self.limiter.report()
    }
}

impl WatchEnded<'_> {
    /// One word for logs and metrics: `success`, `callback_failed` (a success too), the [kind](crate::ErrorKind::as_str) of the
    /// error, or `dropped`. The span of the watch has the same word in its field `outcome`.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        outcome_name(self.result)
    }
}

impl fmt::Debug for PollSent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { task_id, waited, limiter: _ } = self;
        f.debug_struct("PollSent").field("task_id", task_id).field("waited", waited).finish()
    }
}

impl fmt::Debug for PollEnded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { task_id, result, http_status, latency, limiter: _ } = self;
        let mut out = f.debug_struct("PollEnded");
        out.field("task_id", task_id).field("result", result).field("http_status", http_status);
        out.field("latency", latency).finish()
    }
}

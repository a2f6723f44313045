//! What each event says.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};
use crate::task::{Status, Task};

/// The task is not finished yet.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The record as just read.
    pub task: Task,
    /// The number of polls that the watch has made, this one included.
    pub polls: u32,
    /// The time since the first poll of the stream.
    #[serde(rename = "elapsed_ms", with = "crate::millis")]
    pub elapsed: Duration,
    /// The pause of the watch. The next request can be later: after the pause it waits for the client's limits, see
    /// [`ClientBuilder::rate_limit`](crate::ClientBuilder::rate_limit).
    #[serde(rename = "next_poll_in_ms", with = "crate::millis")]
    pub next_poll_in: Duration,
}

impl Progress {
    /// After one poll, at the begin of a watch, with no pause: for tests of your own code, which may set the other fields.
    ///
    /// ```
    /// # let task: luma_watch::Task = serde_json::from_str(r#"{"id":"774d9a7d","status":"GENERATING"}"#).unwrap();
    /// use luma_watch::{Progress, StatusEvent};
    /// use std::time::Duration;
    ///
    /// let mut progress = Progress::new(task);
    /// progress.next_poll_in = Duration::from_secs(30);
    /// let event = StatusEvent::Generating(progress);
    /// assert!(!event.is_terminal());
    /// ```
    #[must_use]
    pub const fn new(task: Task) -> Self {
        Self { task, polls: 1, elapsed: Duration::ZERO, next_poll_in: Duration::ZERO }
    }
}

/// A poll that failed without ending the watch.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollFailure {
    /// Why it failed.
    pub error: Error,
    /// The number of polls in a row that have failed, this one included.
    pub consecutive: u32,
    /// The number of polls that the watch has made, this one included.
    pub polls: u32,
    /// The time since the first poll of the stream.
    #[serde(rename = "elapsed_ms", with = "crate::millis")]
    pub elapsed: Duration,
    /// The pause of the watch. The next request can be later: after the pause it waits for the client's limits, see
    /// [`ClientBuilder::rate_limit`](crate::ClientBuilder::rate_limit). In an outage it can be sooner, when
    /// [good answers](crate::guide::limits#outages) come again.
    #[serde(rename = "next_poll_in_ms", with = "crate::millis")]
    pub next_poll_in: Duration,
}

impl PollFailure {
    /// The first poll of a watch failed, with no pause until the next: for tests of your own code, which may set the other
    /// fields.
    ///
    /// ```
    /// use luma_watch::{Error, ErrorKind, PollFailure, StatusEvent};
    ///
    /// let error = Error::new(ErrorKind::Server, "out of memory");
    /// let event = StatusEvent::PollFailed(PollFailure::new(error));
    /// assert_eq!(event.outcome(), None);
    /// ```
    #[must_use]
    pub const fn new(error: Error) -> Self {
        Self { error, consecutive: 1, polls: 1, elapsed: Duration::ZERO, next_poll_in: Duration::ZERO }
    }
}

/// A poll that waits, because all watches of the client hold back.
///
/// A watch yields it once when its poll is due, and again if a later refusal makes the time longer.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldBack {
    /// The answer that asked for fewer requests. Its [`task_id`](Error::task_id) is the task that it was about, mostly another
    /// one.
    pub error: Error,
    /// The number of polls that the watch has made.
    pub polls: u32,
    /// The time since the first poll of the stream.
    #[serde(rename = "elapsed_ms", with = "crate::millis")]
    pub elapsed: Duration,
    /// When the watches go on, or when this watch reaches its deadline, if that is sooner. If a good answer comes before, the
    /// waiting polls follow one after the other, within 10 s; no event says so.
    #[serde(rename = "next_poll_in_ms", with = "crate::millis")]
    pub next_poll_in: Duration,
}

impl HeldBack {
    /// A watch that is held back before its first poll, for no time: for tests of your own code, which may set the other
    /// fields.
    #[must_use]
    pub const fn new(error: Error) -> Self {
        Self { error, polls: 0, elapsed: Duration::ZERO, next_poll_in: Duration::ZERO }
    }
}

/// The task has ended.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// The last record.
    pub task: Task,
    /// The number of polls that the watch has made, this one included.
    pub polls: u32,
    /// The time since the first poll of the stream.
    #[serde(rename = "elapsed_ms", with = "crate::millis")]
    pub elapsed: Duration,
}

impl Finished {
    /// Found by the first poll of a watch: for tests of your own code, which may set the other fields.
    ///
    /// ```
    /// # let task: luma_watch::Task = serde_json::from_str(
    /// #     r#"{"id":"774d9a7d","status":"SUCCESS","result_urls":["https://files.example.com/v.mp4"]}"#,
    /// # ).unwrap();
    /// use luma_watch::{Finished, StatusEvent};
    ///
    /// let event = StatusEvent::Done(Finished::new(task.clone()));
    /// assert_eq!(event.outcome(), Some(Ok(task)));
    /// ```
    #[must_use]
    pub const fn new(task: Task) -> Self {
        Self { task, polls: 1, elapsed: Duration::ZERO }
    }

    /// The task if there is a result to fetch, or the reason why there is none.
    pub(super) fn outcome(&self) -> Result<Task, Error> {
        let task = &self.task;
        let error = match task.status() {
            Status::Success | Status::CallbackFailed if !task.result_urls().is_empty() => return Ok(task.clone()),
            Status::Success | Status::CallbackFailed => Error::missing_result(task),
            status => {
                let reason = task.error_message().unwrap_or("the gateway gives no reason");
                let error = Error::new(ErrorKind::TaskFailed, format!("{status}: {reason}"));
                error.with_response(None, task.error_code(), None)
            }
        };
        Err(error.of_task(task.id(), Some(task.clone())).in_watch(self.polls, self.elapsed))
    }
}

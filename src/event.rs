//! What a watch tells as it goes.

use std::time::Duration;

use serde::ser::{SerializeStruct, Serializer};

use crate::error::{Error, ErrorKind};
use crate::task::{Status, Task};

/// One item of a [`Watch`](crate::Watch): what a poll found out, the moment it is known.
///
/// A watch yields any number of [`Generating`](Self::Generating) and [`PollFailed`](Self::PollFailed), then exactly one
/// [`Done`](Self::Done) or [`GaveUp`](Self::GaveUp), then nothing more.
///
/// Serialized, it is an object with the variant's name under `event`, durations in milliseconds, a [`Task`] under
/// `task` and an [`Error`] under `error`:
///
/// ```json
/// {"event":"generating","task":{…},"polls":2,"elapsed_ms":30000,"next_poll_in_ms":30000}
/// {"event":"poll_failed","error":{…},"consecutive":1,"polls":3,"elapsed_ms":60000,"next_poll_in_ms":812}
/// {"event":"done","task":{…}}
/// {"event":"gave_up","error":{…}}
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, serde::Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum StatusEvent {
    /// The gateway answered: the task is not finished. More will come.
    Generating(Progress),
    /// This poll failed, and the watch goes on. More will come.
    PollFailed(PollFailure),
    /// The task has ended with flag 1, 2, 3 or 4. The last item.
    Done(#[serde(serialize_with = "as_task")] Task),
    /// The watch has ended and the task, as far as is known, has not: the deadline, or an answer that polling again
    /// cannot mend. The last item.
    GaveUp(#[serde(serialize_with = "as_error")] Error),
}

impl StatusEvent {
    /// Whether this is the watch's last item.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Done(_) | Self::GaveUp(_))
    }

    /// The task's record, where the event brings one: the one just read, or what is left of the last one, see
    /// [`Error::task`].
    #[must_use]
    pub fn task(&self) -> Option<&Task> {
        match self {
            Self::Generating(progress) => Some(&progress.task),
            Self::PollFailed(failure) => failure.error.task(),
            Self::Done(task) => Some(task),
            Self::GaveUp(error) => error.task(),
        }
    }

    /// What the watch comes to, as [`Watch::wait_until_done`](crate::Watch::wait_until_done) would give it: the task if
    /// there is a result to fetch, or else why there is none. `None` while more events will come.
    #[must_use]
    pub fn outcome(&self) -> Option<Result<Task, Error>> {
        match self {
            Self::Done(task) => Some(settle(task)),
            Self::GaveUp(error) => Some(Err(error.clone())),
            Self::Generating(_) | Self::PollFailed(_) => None,
        }
    }
}

/// What a waiting caller gets from a task that has ended: the task if there is a result to fetch, else why not.
pub(crate) fn settle(task: &Task) -> Result<Task, Error> {
    let error = match task.status() {
        Status::Success | Status::CallbackFailed if !task.result_urls().is_empty() => return Ok(task.clone()),
        Status::Success | Status::CallbackFailed => Error::new(
            ErrorKind::MissingResult,
            format!(
                "its status is {}, but its record names no result URL, and asking again changes nothing",
                task.status()
            ),
        ),
        status => {
            let reason = task.error_message().unwrap_or("the gateway gives no reason");
            Error::new(ErrorKind::TaskFailed, format!("{status}: {reason}")).with_response(
                None,
                task.error_code(),
                None,
            )
        }
    };
    Err(error.of_task(task.id(), Some(task.clone())))
}

/// The task is not finished yet.
#[non_exhaustive]
#[derive(Clone, Debug, serde::Serialize)]
pub struct Progress {
    /// The record as just read.
    pub task: Task,
    /// How many polls the watch has made, this one included.
    pub polls: u32,
    /// Time since the first poll of the stream.
    #[serde(rename = "elapsed_ms", serialize_with = "millis")]
    pub elapsed: Duration,
    /// How long the watch pauses. The wait for its turn, which may be longer, comes after that, see
    /// [`ClientBuilder::rate_limit`](crate::ClientBuilder::request_budget).
    #[serde(rename = "next_poll_in_ms", serialize_with = "millis")]
    pub next_poll_in: Duration,
}

/// A poll that failed without ending the watch.
#[non_exhaustive]
#[derive(Clone, Debug, serde::Serialize)]
pub struct PollFailure {
    /// Why it failed.
    pub error: Error,
    /// How many polls in a row have failed, this one included.
    pub consecutive: u32,
    /// How many polls the watch has made, this one included.
    pub polls: u32,
    /// Time since the first poll of the stream.
    #[serde(rename = "elapsed_ms", serialize_with = "millis")]
    pub elapsed: Duration,
    /// How long the watch pauses. The wait for its turn, which may be longer, comes after that, see
    /// [`ClientBuilder::rate_limit`](crate::ClientBuilder::request_budget).
    #[serde(rename = "next_poll_in_ms", serialize_with = "millis")]
    pub next_poll_in: Duration,
}

fn millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

fn as_task<S: Serializer>(task: &Task, serializer: S) -> Result<S::Ok, S::Error> {
    let mut out = serializer.serialize_struct("Done", 1)?;
    out.serialize_field("task", task)?;
    out.end()
}

fn as_error<S: Serializer>(error: &Error, serializer: S) -> Result<S::Ok, S::Error> {
    let mut out = serializer.serialize_struct("GaveUp", 1)?;
    out.serialize_field("error", error)?;
    out.end()
}

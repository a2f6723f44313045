//! The events of a watch.

use std::time::{Duration, SystemTime};

use serde::ser::{SerializeStruct, Serializer};

use crate::error::{Error, ErrorKind};
use crate::task::{Status, Task};

/// One item of a [`Watch`](crate::Watch): what a poll found, at the moment it is known.
///
/// A watch yields any number of [`Generating`](Self::Generating), [`PollFailed`](Self::PollFailed) and
/// [`HeldBack`](Self::HeldBack), then exactly one [`Done`](Self::Done) or [`GaveUp`](Self::GaveUp), then nothing more.
///
/// ```no_run
/// # async fn run(mut events: luma_watch::Watch) {
/// use futures::StreamExt;
/// use luma_watch::StatusEvent;
///
/// while let Some(event) = events.next().await {
///     match event {
///         StatusEvent::Generating(progress) => println!("not finished, next poll in {:?}", progress.next_poll_in),
///         StatusEvent::PollFailed(failure) => println!("{}, next poll in {:?}", failure.error, failure.next_poll_in),
///         StatusEvent::HeldBack(hold) => println!("{}, next poll in {:?}", hold.error, hold.next_poll_in),
///         StatusEvent::Done(finished) => println!("{} after {:?}", finished.task.status(), finished.elapsed),
///         StatusEvent::GaveUp(error) => println!("{error}"),
///         _ => {}
///     }
/// }
/// # }
/// ```
///
/// Serialized, it is an object with the variant's name under `event`, durations in milliseconds, a [`Task`] under
/// `task` and an [`Error`] under `error`:
///
/// ```json
/// {"event":"generating","task":{…},"polls":2,"elapsed_ms":30000,"next_poll_in_ms":30000}
/// {"event":"poll_failed","error":{…},"consecutive":1,"polls":3,"elapsed_ms":60000,"next_poll_in_ms":812}
/// {"event":"held_back","error":{…},"polls":3,"elapsed_ms":90000,"next_poll_in_ms":41000}
/// {"event":"done","task":{…},"polls":11,"elapsed_ms":300000}
/// {"event":"gave_up","error":{…}}
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, serde::Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum StatusEvent {
    /// The gateway answered: the task is not finished. More events come.
    Generating(Progress),
    /// This poll failed, and the watch goes on. More events come.
    PollFailed(PollFailure),
    /// The watch would poll now, but all watches of the client hold back, because the gateway asked one of them for fewer
    /// requests. More events come.
    HeldBack(HeldBack),
    /// The task has ended with flag 1, 2, 3 or 4. The last item.
    Done(Finished),
    /// The watch has ended although the task, as far as is known, has not: at the deadline, or after an answer that polling
    /// again cannot mend. The last item.
    GaveUp(#[serde(serialize_with = "as_error")] Error),
}

impl StatusEvent {
    /// Whether this is the watch's last item.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Done(_) | Self::GaveUp(_))
    }

    /// The task's record, where the event has one: the record just read, or what is left of the last one, see
    /// [`Error::task`].
    #[must_use]
    pub fn task(&self) -> Option<&Task> {
        match self {
            Self::Generating(progress) => Some(&progress.task),
            Self::PollFailed(failure) => failure.error.task(),
            Self::HeldBack(_) => None,
            Self::Done(finished) => Some(&finished.task),
            Self::GaveUp(error) => error.task(),
        }
    }

    /// Exactly what [`Watch::wait_until_done`](crate::Watch::wait_until_done) gives after this event: the task if there is
    /// a result to fetch, or the reason why there is none. `None` while more events come.
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
    /// let events: Vec<_> = client.watch(&id).collect().await;
    /// let (last, before) = events.split_last().expect("a last event");
    /// assert!(before.iter().all(|event| event.outcome().is_none()));
    /// assert!(matches!(last.outcome(), Some(Ok(_))));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn outcome(&self) -> Option<Result<Task, Error>> {
        match self {
            Self::Done(finished) => Some(finished.outcome()),
            Self::GaveUp(error) => Some(Err(error.clone())),
            Self::Generating(_) | Self::PollFailed(_) | Self::HeldBack(_) => None,
        }
    }
}

/// The task is not finished yet.
#[non_exhaustive]
#[derive(Clone, Debug, serde::Serialize)]
pub struct Progress {
    /// The record as just read.
    pub task: Task,
    /// The number of polls that the watch has made, this one included.
    pub polls: u32,
    /// The time since the first poll of the stream.
    #[serde(rename = "elapsed_ms", serialize_with = "serialize_millis")]
    pub elapsed: Duration,
    /// The pause of the watch. The next request can be later: after the pause it waits for the client's limits, see
    /// [`ClientBuilder::rate_limit`](crate::ClientBuilder::rate_limit).
    #[serde(rename = "next_poll_in_ms", serialize_with = "serialize_millis")]
    pub next_poll_in: Duration,
}

/// A poll that failed without ending the watch.
#[non_exhaustive]
#[derive(Clone, Debug, serde::Serialize)]
pub struct PollFailure {
    /// Why it failed.
    pub error: Error,
    /// The number of polls in a row that have failed, this one included.
    pub consecutive: u32,
    /// The number of polls that the watch has made, this one included.
    pub polls: u32,
    /// The time since the first poll of the stream.
    #[serde(rename = "elapsed_ms", serialize_with = "serialize_millis")]
    pub elapsed: Duration,
    /// The pause of the watch. The next request can be later: after the pause it waits for the client's limits, see
    /// [`ClientBuilder::rate_limit`](crate::ClientBuilder::rate_limit). In an outage it can be sooner, when
    /// [good answers](crate::guide::limits#outages) come again.
    #[serde(rename = "next_poll_in_ms", serialize_with = "serialize_millis")]
    pub next_poll_in: Duration,
}

/// A poll that waits, because all watches of the client hold back.
///
/// A watch yields it once when its poll is due, and again if a later refusal makes the time longer.
#[non_exhaustive]
#[derive(Clone, Debug, serde::Serialize)]
pub struct HeldBack {
    /// The answer that asked for fewer requests. Its [`task_id`](Error::task_id) is the task that it was about, mostly another
    /// one.
    pub error: Error,
    /// The number of polls that the watch has made.
    pub polls: u32,
    /// The time since the first poll of the stream.
    #[serde(rename = "elapsed_ms", serialize_with = "serialize_millis")]
    pub elapsed: Duration,
    /// When the watches go on, or when this watch reaches its deadline, if that is sooner. If a good answer comes before, the
    /// waiting polls follow one after the other, within 10 s; no event says so.
    #[serde(rename = "next_poll_in_ms", serialize_with = "serialize_millis")]
    pub next_poll_in: Duration,
}

/// The task has ended.
#[non_exhaustive]
#[derive(Clone, Debug, serde::Serialize)]
pub struct Finished {
    /// The last record.
    pub task: Task,
    /// The number of polls that the watch has made, this one included.
    pub polls: u32,
    /// The time since the first poll of the stream.
    #[serde(rename = "elapsed_ms", serialize_with = "serialize_millis")]
    pub elapsed: Duration,
}

impl Finished {
    pub(crate) const fn new(task: Task, polls: u32, elapsed: Duration) -> Self {
        Self { task, polls, elapsed }
    }

    /// The task if there is a result to fetch, or the reason why there is none.
    fn outcome(&self) -> Result<Task, Error> {
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

pub(crate) fn serialize_millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// In milliseconds since 1970.
pub(crate) fn serialize_unix_millis<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serialize_millis(&time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(), serializer)
}

fn as_error<S: Serializer>(error: &Error, serializer: S) -> Result<S::Ok, S::Error> {
    let mut out = serializer.serialize_struct("GaveUp", 1)?;
    out.serialize_field("error", error)?;
    out.end()
}

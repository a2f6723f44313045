//! One item of a watch.

use std::time::Duration;

use super::details::{Finished, HeldBack, PollFailure, Progress};
use crate::error::Error;
use crate::task::Task;

/// One item of a [`Watch`](crate::Watch): what a poll found, at the moment it is known.
///
/// A watch yields any number of [`Generating`](Self::Generating), [`PollFailed`](Self::PollFailed) and
/// [`HeldBack`](Self::HeldBack), then exactly one [`Done`](Self::Done) or [`GaveUp`](Self::GaveUp), then nothing more.
///
/// In the guide: [watching](crate::guide::watching).
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
/// `task` and an [`Error`] under `error`. It reads back as an equal event, from binary formats too: all its durations are whole
/// milliseconds.
///
/// ```json
/// {"event":"generating","task":{…},"polls":2,"elapsed_ms":30000,"next_poll_in_ms":30000}
/// {"event":"poll_failed","error":{…},"consecutive":1,"polls":3,"elapsed_ms":60000,"next_poll_in_ms":812}
/// {"event":"held_back","error":{…},"polls":3,"elapsed_ms":90000,"next_poll_in_ms":41000}
/// {"event":"done","task":{…},"polls":11,"elapsed_ms":300000}
/// {"event":"gave_up","error":{…}}
/// ```
///
/// In tests of your own code, make events with [`Progress::new`], [`PollFailure::new`], [`HeldBack::new`], [`Finished::new`] and
/// [`Error::new`].
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
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
    GaveUp(Error),
}

impl StatusEvent {
    /// Whether this is the watch's last item.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Done(_) | Self::GaveUp(_))
    }

    /// The event's name, as it is serialized: `generating`, `poll_failed`, `held_back`, `done` or `gave_up`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Generating(_) => "generating",
            Self::PollFailed(_) => "poll_failed",
            Self::HeldBack(_) => "held_back",
            Self::Done(_) => "done",
            Self::GaveUp(_) => "gave_up",
        }
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

    /// The number of polls, and the time since the first poll of the stream.
    pub(crate) fn progress(&self) -> (u32, Duration) {
        match self {
            Self::Generating(progress) => (progress.polls, progress.elapsed),
            Self::PollFailed(failure) => (failure.polls, failure.elapsed),
            Self::HeldBack(hold) => (hold.polls, hold.elapsed),
            Self::Done(finished) => (finished.polls, finished.elapsed),
            Self::GaveUp(error) => (error.polls(), error.elapsed()),
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

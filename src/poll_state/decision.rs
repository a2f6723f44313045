//! What a watch goes by when it judges an answer, and what it then does.

use std::time::Duration;

use crate::error::Error;
use crate::event::StatusEvent;
use crate::schedule::Schedule;
use crate::task::Task;

/// What does not change from poll to poll.
#[derive(Clone, Debug)]
pub(crate) struct WatchConfig {
    pub(crate) schedule: Schedule,
    /// How long "no such record" may go on before it is believed.
    pub(crate) grace: Duration,
}

/// When an answer came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResponseContext {
    /// From the first poll of the stream to the end of the answer.
    pub(crate) elapsed: Duration,
    /// A random number from 0 to 1, for jitter.
    pub(crate) jitter_sample: f64,
    /// If the poll was one beside the schedule: when, counted likewise, the schedule's own would have been.
    pub(crate) scheduled_at: Option<Duration>,
    /// Of the task, if the answer tells it.
    pub(crate) age: Option<Duration>,
}

/// An event for the user, and what the watch does then.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) event: StatusEvent,
    pub(crate) next: Next,
}

#[derive(Debug)]
pub(crate) enum Next {
    /// Ask again so long after this answer.
    Poll(Duration),
    /// It is over, and this is what a waiting caller gets.
    End(Result<Task, Error>),
}

impl Decision {
    /// Whether the gateway itself named the pause, so that nothing may shorten it.
    pub(crate) fn is_firm(&self) -> bool {
        let StatusEvent::PollFailed(failure) = &self.event else { return false };
        failure.error.retry_after().is_some_and(|wait| !wait.is_zero())
    }
}

//! What came of a poll, and when.

use std::time::Duration;

use crate::error::Error;
use crate::limiter::ClientLimits;
use crate::task::Task;

/// What came of a poll.
#[derive(Debug)]
pub(crate) enum Response {
    /// The request was sent: the record, or why it was not read.
    Polled(Result<Task, Error>),
    /// No request was sent: there was no permit before the end of the wait.
    NotPolled(Box<ClientLimits>),
}

/// The circumstances of a response. Times count from the first poll of the stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResponseContext {
    /// When the request was sent.
    pub(crate) sent: Duration,
    /// When the response was taken.
    pub(crate) elapsed: Duration,
    /// A random number from 0 to 1, for jitter.
    pub(crate) jitter_sample: f64,
    /// How old the task is, if the response says so.
    pub(crate) age: Option<Duration>,
    /// How long the gateway asks to wait (`Retry-After`), if the response says so.
    pub(crate) retry_after: Option<Duration>,
    /// Whether the consumer was away, so that the response was taken later than it came.
    pub(crate) was_away: bool,
}

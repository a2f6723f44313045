//! The error at the deadline: what was seen, and what to do.

use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::limiter::ClientLimits;
use crate::task::{Task, TaskId};

/// What a watch knows when its wait is over.
pub(super) struct Deadline<'a> {
    pub(super) id: &'a TaskId,
    pub(super) last_record: Option<Task>,
    pub(super) last_error: Option<Error>,
    pub(super) polls: u32,
    pub(super) elapsed: Duration,
    /// What the client's limits stand at, if there was no final poll.
    pub(super) unpolled: Option<&'a ClientLimits>,
}

impl Deadline<'_> {
    pub(super) fn into_error(self) -> Error {
        let Self { id, last_record, last_error, polls, elapsed, unpolled } = self;
        let status = match &last_record {
            Some(task) => format!("last seen {}", task.status()),
            None => "never seen".to_owned(),
        };
        let last_error = last_error.map(Error::without_task);
        let failure = last_error.as_ref().map_or_else(String::new, |error| format!("; last poll error: {error}"));
        let reason = unpolled.map_or_else(String::new, |limits| {
            format!("; there was no final poll, because no permit came in time: {}", limits.reason())
        });
        let plural = if polls == 1 { "" } else { "s" };
        let error = Error::new(
            ErrorKind::Deadline,
            format!(
                "no end after {} and {polls} poll{plural}; {status}{failure}{reason}; the task may still finish and be billed, \
                 so watch the same id again and do not create it again",
                seconds(elapsed)
            ),
        )
        .of_task(id, last_record)
        .in_watch(polls, elapsed);
        let held_back = unpolled.and_then(|limits| Some(limits.cooldown.as_ref()?.remaining));
        let error = error.with_retry_after(held_back);
        match last_error {
            Some(last) => error.caused_like(&last),
            None => error,
        }
    }
}

fn seconds(elapsed: Duration) -> String {
    format!("{:?}", Duration::from_millis(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)))
}

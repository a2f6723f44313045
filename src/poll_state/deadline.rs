//! The error at the deadline: what was seen, and what to do.

use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::limiter::ClientLimits;
use crate::task::{Task, TaskId};

/// What to do about a task whose end was not seen.
pub(super) const WATCH_AGAIN: &str =
    "may still finish and be billed, so watch the same id again and do not create it again";

/// What a watch knows when its wait is over.
pub(super) struct Deadline<'a> {
    pub(super) id: &'a TaskId,
    pub(super) last_record: Option<Task>,
    pub(super) failures: Failures,
    pub(super) polls: u32,
    pub(super) elapsed: Duration,
    /// What the client's limits stand at, if there was no final poll.
    pub(super) unpolled: Option<&'a ClientLimits>,
}

/// The failed polls of a watch.
#[derive(Debug, Default)]
pub(super) struct Failures {
    pub(super) count: u32,
    /// How many polls were answered since the last failed one.
    pub(super) answered_since: u32,
    /// Why the last poll failed, if it did.
    pub(super) last_error: Option<Error>,
}

impl Deadline<'_> {
    pub(super) fn into_error(self) -> Error {
        let Self { id, last_record, failures, polls, elapsed, unpolled } = self;
        let status = match &last_record {
            Some(task) => format!("last seen {}", task.status()),
            None => "never seen".to_owned(),
        };
        let last_error = failures.last_error.map(Error::without_task);
        let failure = match (&last_error, failures.count) {
            (Some(error), count) if count < polls && count > 1 => {
                format!("; {count} of {polls} polls failed; last poll error: {error}")
            }
            (Some(error), _) => format!("; last poll error: {error}"),
            (None, 0) => String::new(),
            (None, count) => {
                let since = failures.answered_since;
                let answered = if since == 1 { "one since then was" } else { &format!("{since} since then were") };
                format!("; {count} of {polls} polls failed, the {answered} answered")
            }
        };
        let reason = unpolled.map_or_else(String::new, |limits| {
            format!("; there was no final poll, because no permit came in time: {}", limits.reason(id))
        });
        let plural = if polls == 1 { "" } else { "s" };
        let error = Error::new(
            ErrorKind::Deadline,
            format!(
                "no end after {} and {polls} poll{plural}; {status}{failure}{reason}; the task {WATCH_AGAIN}",
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

pub(super) fn seconds(elapsed: Duration) -> String {
    match u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX) {
        0 => "0s".to_owned(), // and not "0ns"
        millis => format!("{:?}", Duration::from_millis(millis)),
    }
}

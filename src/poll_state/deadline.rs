//! The error at the deadline: what was seen, and what to do.

use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::task::{Task, TaskId};

/// What a watch knows when its wait is over.
pub(super) struct Deadline<'a> {
    pub(super) id: &'a TaskId,
    pub(super) last_record: Option<Task>,
    pub(super) last_error: Option<Error>,
    pub(super) polls: u32,
    pub(super) elapsed: Duration,
    /// Whether there was a final poll.
    pub(super) final_poll: bool,
}

impl Deadline<'_> {
    pub(super) fn into_error(self) -> Error {
        let Self { id, last_record, last_error, polls, elapsed, final_poll } = self;
        let status = match &last_record {
            Some(task) => format!("last seen {}", task.status()),
            None => "never seen".to_owned(),
        };
        let last_error = last_error.map(Error::without_task);
        let failure = last_error.as_ref().map_or_else(String::new, |error| format!("; last poll error: {error}"));
        let unpolled = if final_poll {
            ""
        } else {
            "; no final poll: there was no permit in time, because of the rate limit, the requests in flight or the gateway's refusals"
        };
        let plural = if polls == 1 { "" } else { "s" };
        let error = Error::new(
            ErrorKind::Deadline,
            format!(
                "no end after {} and {polls} poll{plural}; {status}{failure}{unpolled}; the task may still finish and be billed, \
                 so watch the same id again and do not create it again",
                seconds(elapsed)
            ),
        )
        .of_task(id, last_record)
        .in_watch(polls, elapsed);
        match last_error {
            Some(last) => error.caused_like(&last),
            None => error,
        }
    }
}

fn seconds(elapsed: Duration) -> String {
    format!("{:?}", Duration::from_millis(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)))
}

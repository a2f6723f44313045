//! What a watch does after a response.

use std::time::Duration;

use crate::error::Error;
use crate::event::{Finished, StatusEvent};
use crate::millis;
use crate::task::Task;

/// An event for the user, and what the watch does next.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) event: StatusEvent,
    pub(crate) next: Next,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Poll again, this long after the response.
    Poll { after: Duration },
    /// The watch is over.
    End,
}

impl Decision {
    pub(super) fn give_up(error: Error) -> Self {
        Self { event: StatusEvent::GaveUp(error), next: Next::End }
    }

    pub(super) fn done(task: Task, polls: u32, elapsed: Duration) -> Self {
        Self { event: StatusEvent::Done(Finished { task, polls, elapsed: millis::whole(elapsed) }), next: Next::End }
    }
}

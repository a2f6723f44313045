//! What a watch does after a response.

use std::time::Duration;

use crate::event::StatusEvent;

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

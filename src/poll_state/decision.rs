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
    /// Poll again.
    Poll {
        /// This long after the response.
        after: Duration,
        /// Whether the gateway named the time (`Retry-After`), so that nothing may shorten it.
        server_mandated: bool,
    },
    /// The watch is over.
    End,
}

//! The settings of a watch.

use std::time::Duration;

use crate::schedule::Schedule;

/// What does not change from poll to poll.
#[derive(Clone, Debug)]
pub(crate) struct WatchConfig {
    pub(crate) schedule: Schedule,
    /// For how long an answer that would end a watch must last.
    pub(crate) grace: Duration,
    /// No `Retry-After` is obeyed for longer.
    pub(crate) retry_after_cap: Duration,
}

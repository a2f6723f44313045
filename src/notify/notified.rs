//! A notification that ended a pause.

use tokio::time::Instant;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Notified {
    /// When the pause would have ended.
    pub(crate) scheduled_at: Instant,
    /// From when on the watch may poll.
    pub(crate) not_before: Instant,
}

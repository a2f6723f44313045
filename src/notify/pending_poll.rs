//! What a watch's pause is, and what a ring leaves with it.

use tokio::time::Instant;

/// How long not to ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NextPoll {
    pub(crate) until: Instant,
    /// Whatever rings: the gateway named the time.
    pub(crate) firm: bool,
}

#[derive(Debug, Default)]
pub(crate) struct PendingPoll {
    /// From when on it is to ask; until a request goes out.
    pub(crate) notify: Option<Instant>,
    /// When the schedule would have asked; until a request goes out then or later. Polls before that are beside the schedule.
    pub(crate) scheduled_at: Option<Instant>,
}

impl PendingPoll {
    /// A request goes out. Whether it was rung for.
    pub(crate) fn sent(&mut self, now: Instant) -> bool {
        self.scheduled_at = self.scheduled_at.filter(|scheduled_at| *scheduled_at > now);
        self.notify.take().is_some()
    }
}

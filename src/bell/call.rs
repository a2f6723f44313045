//! What a watch's pause is, and what a ring leaves with it.

use tokio::time::Instant;

/// How long not to ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pause {
    pub(crate) until: Instant,
    /// Whatever rings: the gateway named the time.
    pub(crate) firm: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Call {
    /// From when on it is to ask; until a request goes out.
    pub(crate) ring: Option<Instant>,
    /// When the schedule would have asked; until a request goes out then or later. Polls before that are beside the schedule.
    pub(crate) planned: Option<Instant>,
}

impl Call {
    /// A request goes out. Whether it was rung for.
    pub(crate) fn heard(&mut self, now: Instant) -> bool {
        self.planned = self.planned.filter(|planned| *planned > now);
        self.ring.take().is_some()
    }
}

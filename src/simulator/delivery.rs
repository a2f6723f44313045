//! How a task's callback reaches its receiver, or does not.

use std::time::Duration;

/// The callback of a simulated task: posted once, when the task ends, unless told otherwise. Needs the feature `callback`.
///
/// As by the gateway: it waits 15 s for an answer of 200 to 299, tries three times more, each 10 s of its own time after the
/// last, and then turns the record of a task that succeeded to [`Status::CallbackFailed`](crate::Status::CallbackFailed).
/// Callbacks are sent while the simulator [serves](super::Simulator::serve) over HTTP; their timestamps are the real clock's.
#[derive(Clone, Debug)]
#[must_use = "a delivery does nothing until it is a task's"]
pub struct Delivery {
    pub(super) url: String,
    pub(super) late: Duration,
    pub(super) times: u32,
    pub(super) lost: bool,
    pub(super) forged_at: Option<Duration>,
}

impl Delivery {
    /// To this URL.
    pub fn to(url: impl Into<String>) -> Self {
        Self { url: url.into(), late: Duration::ZERO, times: 1, lost: false, forged_at: None }
    }

    /// So long after the task's end. Default: no time.
    pub const fn late(mut self, by: Duration) -> Self {
        self.late = by;
        self
    }

    /// So many times, one after the other, although it was accepted. Default: 1.
    pub const fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Nothing arrives; the gateway believes that it tried.
    pub const fn lost(mut self) -> Self {
        self.lost = true;
        self
    }

    /// Someone else, who does not have the key, sends a callback when the task is so old. Without a
    /// [key](super::Simulator::callback_key), it looks like any other.
    pub const fn forged_at(mut self, age: Duration) -> Self {
        self.forged_at = Some(age);
        self
    }
}

//! The failed polls since the last good answer.

use std::time::Duration;

use crate::error::{Error, ErrorKind};

#[derive(Debug, Default)]
pub(super) struct FailureStreak {
    /// How many polls have failed in a row, extra polls included.
    pub(super) count: u32,
    /// When the first of a row of "no such record" came, from the first poll of the stream.
    not_found_since: Option<Duration>,
    /// Kept after the streak, for the text of a deadline.
    pub(super) last_error: Option<Error>,
}

impl FailureStreak {
    /// One more poll failed with a transient error. Returns when "no such record" is believed, if that was the error: `grace`
    /// after the first of the row.
    pub(super) fn failed(&mut self, error: &Error, elapsed: Duration, grace: Duration) -> Option<Duration> {
        self.last_error = Some(error.clone());
        self.not_found_since = (error.kind() == ErrorKind::NotFound).then(|| self.not_found_since.unwrap_or(elapsed));
        self.not_found_since.map(|since| since.saturating_add(grace))
    }

    /// A good answer came. Returns whether it ended a streak.
    pub(super) fn recovered(&mut self) -> bool {
        self.not_found_since = None;
        std::mem::take(&mut self.count) > 0
    }
}

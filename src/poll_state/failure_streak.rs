//! The failed polls since the last good answer, and what they mean for the watch.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{EndsWatch, Error, ErrorKind};
use crate::millis;

#[derive(Debug, Default)]
pub(super) struct FailureStreak {
    /// How many polls have failed in a row, extra polls included.
    pub(super) count: u32,
    /// When the first of a row of polls failed that would each end the watch, and end it when the row has lasted. From the
    /// first poll of the stream.
    unconfirmed_since: Option<Duration>,
    /// Why the last poll failed. `None`: it did not.
    pub(super) last_error: Option<Error>,
}

/// A streak as data. Times count from the start of the watch, in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedStreak {
    count: u32,
    unconfirmed_since: Option<u64>,
    last_error: Option<Error>,
}

/// What a failed poll means for the watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureAction {
    /// It goes on.
    GoOn,
    /// It goes on, and ends at this time if until then each answer says that it should.
    EndAt(Duration),
    /// It ends.
    End,
    /// It ends, because each answer has said so for this long.
    EndAfter(Duration),
}

impl FailureStreak {
    /// `None`: there is none.
    pub(super) fn save(&self) -> Option<SavedStreak> {
        let Self { count, unconfirmed_since, last_error } = self;
        (*count > 0).then(|| SavedStreak {
            count: *count,
            unconfirmed_since: unconfirmed_since.map(millis::number),
            last_error: last_error.clone(),
        })
    }

    pub(super) fn restore(&mut self, saved: SavedStreak) {
        let SavedStreak { count, unconfirmed_since, last_error } = saved;
        let unconfirmed_since = unconfirmed_since.map(Duration::from_millis);
        *self = Self { count, unconfirmed_since, last_error };
    }

    /// One more poll failed. `was_answered`: there was a record before. `is_first`: it was the first poll of the watch.
    ///
    /// What would end the watch ends it at once, but not after a good answer: then such answers must come for the whole `grace`.
    /// Any other outcome of a poll ends their row.
    pub(super) fn failed(
        &mut self,
        error: &Error,
        was_answered: bool,
        is_first: bool,
        elapsed: Duration,
        grace: Duration,
    ) -> FailureAction {
        let says_ended = |error: &Error| error.kind() == ErrorKind::MissingResult;
        if self.last_error.as_ref().is_some_and(|last| says_ended(last) != says_ended(error)) {
            // The task has ended, and it cannot be asked for: neither confirms the other.
            self.unconfirmed_since = None;
        }
        self.last_error = Some(error.clone());
        let needs_grace = match error.ends_watch() {
            EndsWatch::AtFirst if is_first => return FailureAction::End,
            EndsWatch::Confirmed if !was_answered => return FailureAction::End,
            EndsWatch::Confirmed | EndsWatch::AfterGrace => true,
            EndsWatch::AtFirst | EndsWatch::Never => false,
        };
        self.unconfirmed_since = needs_grace.then(|| self.unconfirmed_since.unwrap_or(elapsed));
        match self.unconfirmed_since.map(|since| (since, since.saturating_add(grace))) {
            None => FailureAction::GoOn,
            Some((since, ends_at)) if ends_at <= elapsed => FailureAction::EndAfter(elapsed.saturating_sub(since)),
            Some((_, ends_at)) => FailureAction::EndAt(ends_at),
        }
    }

    /// A good answer came. Returns whether it ended a streak.
    pub(super) fn recovered(&mut self) -> bool {
        self.unconfirmed_since = None;
        self.last_error = None;
        std::mem::take(&mut self.count) > 0
    }
}

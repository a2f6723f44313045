//! Which failed polls of a client are worth a line above debug: the first one, one each minute while polls fail, and the end.
//!
//! In an outage each poll of each watch fails. A line for each would drown all others.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Lines of one client come no more often than this, except for the end.
const INTERVAL: Duration = Duration::from_secs(60);
/// A tenth of as many good answers in a row as polls have failed is the end, but no more than this number.
const MAX_GOOD_ANSWERS: u32 = 10;

/// The failed polls of one client.
#[derive(Debug, Default)]
pub(crate) struct FailureLog {
    /// Whether polls fail now: without the lock, because mostly they do not.
    fails: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    episode: Option<Episode>,
    last_line: Option<Instant>,
}

#[derive(Debug)]
struct Episode {
    began: Instant,
    failed: u32,
    good_in_row: u32,
    /// Whether there was a line about it.
    is_known: bool,
}

/// A line above debug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Polls begin to fail.
    Begins,
    /// They still do, after this time.
    GoesOn { failed: u32, lasts: Duration },
    /// They succeed again.
    Ends { failed: u32, lasted: Duration },
}

impl FailureLog {
    /// A poll failed.
    pub(crate) fn failed(&self, now: Instant) -> Option<Line> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.fails.store(true, Ordering::Relaxed); // under the lock, as the end is
        state.failed(now)
    }

    /// A poll succeeded.
    pub(crate) fn answered(&self, now: Instant) -> Option<Line> {
        if !self.fails.load(Ordering::Relaxed) {
            return None;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let line = state.answered(now);
        self.fails.store(state.episode.is_some(), Ordering::Relaxed);
        line
    }
}

impl State {
    fn failed(&mut self, now: Instant) -> Option<Line> {
        let is_due = self.last_line.is_none_or(|last| now.saturating_duration_since(last) >= INTERVAL);
        if is_due {
            self.last_line = Some(now);
        }
        let Some(episode) = &mut self.episode else {
            self.episode = Some(Episode { began: now, failed: 1, good_in_row: 0, is_known: is_due });
            return is_due.then_some(Line::Begins);
        };
        episode.failed = episode.failed.saturating_add(1);
        episode.good_in_row = 0;
        episode.is_known |= is_due;
        let lasts = now.saturating_duration_since(episode.began);
        is_due.then_some(Line::GoesOn { failed: episode.failed, lasts })
    }

    fn answered(&mut self, now: Instant) -> Option<Line> {
        let episode = self.episode.as_mut()?;
        episode.good_in_row = episode.good_in_row.saturating_add(1);
        let needed = (episode.failed / 10).clamp(1, MAX_GOOD_ANSWERS);
        let ended = self.episode.take_if(|episode| episode.good_in_row >= needed)?;
        let lasted = now.saturating_duration_since(ended.began);
        ended.is_known.then_some(Line::Ends { failed: ended.failed, lasted })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)]

    use super::*;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn lone_failure_has_a_begin_and_an_end() {
        let (log, start) = (FailureLog::default(), Instant::now());
        assert_eq!(log.answered(start), None);
        assert_eq!(log.failed(start), Some(Line::Begins));
        assert_eq!(log.answered(start + secs(1)), Some(Line::Ends { failed: 1, lasted: secs(1) }));
        assert_eq!(log.answered(start + secs(2)), None);
    }

    #[test]
    fn outage_has_one_line_per_minute() {
        let (log, start) = (FailureLog::default(), Instant::now());
        let lines: Vec<_> = (0..3_600).filter_map(|tenth| log.failed(start + secs(tenth) / 10)).collect();
        assert_eq!(lines.len(), 6);
        assert_eq!(lines[0], Line::Begins);
        assert_eq!(lines[5], Line::GoesOn { failed: 3_001, lasts: secs(300) });
        let end = start + secs(360);
        // Single answers between failures are no end.
        assert_eq!(
            (log.answered(end), log.failed(end)),
            (None, Some(Line::GoesOn { failed: 3_601, lasts: secs(360) }))
        );
        let ends: Vec<_> = (0..20).filter_map(|_| log.answered(end)).collect();
        assert_eq!(ends, [Line::Ends { failed: 3_601, lasted: secs(360) }]);
    }

    #[test]
    fn failures_now_and_then_have_few_lines() {
        let (log, start) = (FailureLog::default(), Instant::now());
        let mut lines = 0;
        for second in 0..600 {
            lines += usize::from(log.failed(start + secs(second)).is_some());
            lines += usize::from(log.answered(start + secs(second)).is_some());
        }
        assert_eq!(lines, 20);
    }
}

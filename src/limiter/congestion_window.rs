//! How many requests may be in flight while the gateway's capacity is not known: slow start, as in TCP (RFC 5681).
//!
//! The first request goes alone, so that the connection and its protocol are known before the second: over HTTP/2 one connection
//! serves all. Then the number doubles with each round trip. A refusal halves it, and from then on it grows by one per round trip.

use std::time::Duration;

use tokio::time::Instant;

/// When there was no request for this long, kept connections are closed, and the start is slow again.
const IDLE: Duration = Duration::from_secs(90);
/// While requests are in flight and no answer comes, the number doubles with each such period: a few slow answers, or consumers
/// that are away, must not hold up all others.
const DOUBLING_PERIOD: Duration = Duration::from_secs(1);

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct CongestionWindow {
    max: usize,
    size: f64,
    /// Below it, the window grows by one with each answer; above, by one per round trip.
    threshold: f64,
    /// The most requests that were in flight during the last answers, as many as that. A window that is not half used does not
    /// grow, because nothing was learned.
    peak: usize,
    answers: usize,
    /// Since when requests are in flight, and no answer has come.
    quiet_since: Option<Instant>,
    last_sent: Option<Instant>,
    /// When the window was halved: requests that went before do not halve it again.
    halved: Option<Instant>,
}

impl CongestionWindow {
    pub(super) fn new(max: usize) -> Self {
        #[allow(clippy::cast_precision_loss)] // far more than any process has in flight
        let threshold = max as f64;
        Self { max, size: 1.0, threshold, peak: 0, answers: 0, quiet_since: None, last_sent: None, halved: None }
    }

    /// How many requests may be in flight now. `in_flight`: how many are.
    pub(super) fn size(&mut self, now: Instant, in_flight: usize) -> usize {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // at least 1, and saturating
        let size = self.size as usize;
        if in_flight == 0 {
            self.quiet_since = None;
            return size;
        }
        let quiet_since = *self.quiet_since.get_or_insert(now);
        let quiet = now.saturating_duration_since(quiet_since);
        if quiet < DOUBLING_PERIOD {
            return size; // mostly
        }
        let doublings = quiet.as_nanos().checked_div(DOUBLING_PERIOD.as_nanos()).unwrap_or(0);
        let factor = 1_usize.checked_shl(u32::try_from(doublings).unwrap_or(u32::MAX)).unwrap_or(usize::MAX);
        size.saturating_mul(factor).min(self.max)
    }

    /// When the window grows without an answer, if it does.
    pub(super) fn grows_at(&self, now: Instant) -> Option<Instant> {
        let since = self.quiet_since?;
        let periods = now.saturating_duration_since(since).as_nanos().checked_div(DOUBLING_PERIOD.as_nanos())?;
        let next = u32::try_from(periods).unwrap_or(u32::MAX).saturating_add(1);
        since.checked_add(DOUBLING_PERIOD.saturating_mul(next))
    }

    /// A request goes now. `in_flight`: how many are in flight beside it.
    pub(super) fn sent(&mut self, now: Instant, in_flight: usize) {
        let is_idle = |last: Instant| in_flight == 0 && now.saturating_duration_since(last) >= IDLE;
        if self.last_sent.is_none_or(is_idle) {
            *self = Self::new(self.max);
        }
        self.last_sent = Some(now);
        self.quiet_since.get_or_insert(now);
        self.peak = self.peak.max(in_flight.saturating_add(1));
    }

    /// A good answer came while `in_flight` requests were in flight, its own included.
    #[allow(clippy::cast_precision_loss)] // far more than any process has in flight
    pub(super) fn answered(&mut self, in_flight: usize) {
        self.end_quiet(in_flight);
        if self.peak as f64 * 2.0 > self.size {
            self.size += if self.size < self.threshold { 1.0 } else { 1.0 / self.size };
            self.size = self.size.min(self.max as f64);
        }
        self.answers = self.answers.saturating_add(1);
        if self.answers >= self.peak {
            (self.peak, self.answers) = (in_flight, 0);
        }
    }

    /// An answer came: what has grown by time stays.
    #[allow(clippy::cast_precision_loss)] // far more than any process has in flight
    fn end_quiet(&mut self, in_flight: usize) {
        self.quiet_since = None;
        self.size = self.size.max(in_flight as f64);
    }

    /// The request that went at `sent` was refused, because there are too many.
    pub(super) fn refused(&mut self, sent: Instant, now: Instant, in_flight: usize) {
        self.end_quiet(in_flight);
        if self.halved.is_none_or(|halved| sent >= halved) {
            self.threshold = (self.size / 2.0).max(1.0);
            self.size = self.threshold;
            self.halved = Some(now);
        }
    }
}

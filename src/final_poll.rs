//! The final poll at the deadline: how a poll waits for its permit before and after the deadline of its watch. One pure rule
//! for every driver.
//!
//! Before the deadline, a poll waits for its permit until the deadline. Then it becomes the final poll: it may pass an open
//! circuit breaker, once per cooldown for all watches, and otherwise it waits on. Permit and response together take at most
//! one request timeout from the deadline, or from now if the consumer was away and comes late. If there is no permit in that
//! time, the task is not polled.

use std::time::Duration;

use tokio::time::Instant;

use crate::clock::ATTENTION;
use crate::limiter::Class;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PermitWait {
    /// An early repeat of a failed poll, until the schedule's own poll is due.
    Retry { until: Instant, deadline: Option<Instant> },
    /// Until the deadline, if there is one.
    Queued { until: Option<Instant> },
    /// The deadline is over, and this is the final poll. `None`: the clock ends before.
    Final { until: Option<Instant> },
}

impl PermitWait {
    /// A poll begins to wait. `overdue_since`: when the last response was taken, if that was after the deadline and its
    /// consumer was there.
    pub(crate) fn begin(
        deadline: Option<Instant>,
        overdue_since: Option<Instant>,
        now: Instant,
        request_timeout: Duration,
    ) -> Self {
        match deadline.filter(|deadline| *deadline <= now) {
            Some(deadline) => Self::final_poll(deadline, overdue_since.unwrap_or(deadline), now, request_timeout),
            None => Self::Queued { until: deadline },
        }
    }

    /// The final poll, which was due at `due`.
    fn final_poll(deadline: Instant, due: Instant, now: Instant, request_timeout: Duration) -> Self {
        let is_late = now.saturating_duration_since(due) > ATTENTION;
        Self::Final { until: if is_late { now } else { deadline }.checked_add(request_timeout) }
    }

    /// Which limits the poll is under.
    pub(crate) const fn class(self) -> Class {
        match self {
            Self::Retry { .. } => Class::Retry,
            Self::Queued { .. } => Class::Normal,
            Self::Final { .. } => Class::Urgent,
        }
    }

    /// When this part of the wait is over.
    pub(crate) const fn until(self) -> Option<Instant> {
        match self {
            Self::Retry { until, .. } => Some(until),
            Self::Queued { until } | Self::Final { until } => until,
        }
    }

    /// What follows when this part of the wait is over: the final poll, or nothing.
    pub(crate) fn after(self, now: Instant, request_timeout: Duration) -> Option<Self> {
        match self {
            Self::Retry { deadline, .. } => Some(Self::begin(deadline, None, now, request_timeout)),
            Self::Queued { until } => {
                let deadline = until.unwrap_or(now);
                Some(Self::final_poll(deadline, deadline, now, request_timeout))
            }
            Self::Final { .. } => None,
        }
    }

    /// How long a request may take that gets its permit now.
    pub(crate) fn time_for_request(self, now: Instant, request_timeout: Duration) -> Duration {
        match self {
            Self::Retry { .. } | Self::Queued { .. } | Self::Final { until: None } => request_timeout,
            Self::Final { until: Some(until) } => until.saturating_duration_since(now),
        }
    }
}

/// Whether the consumer was away while a request was in flight: its response was taken later than a request may last.
pub(crate) fn was_away(sent: Instant, now: Instant, request_timeout: Duration) -> bool {
    now.saturating_duration_since(sent) > request_timeout.saturating_add(ATTENTION)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)]

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(20);

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn before_the_deadline_a_request_has_its_whole_timeout() {
        let now = Instant::now();
        let deadline = now + ms(1);
        let wait = PermitWait::begin(Some(deadline), None, now, TIMEOUT);
        assert_eq!(wait, PermitWait::Queued { until: Some(deadline) });
        assert_eq!(wait.time_for_request(now, TIMEOUT), TIMEOUT);
        assert_eq!(PermitWait::begin(None, None, now, TIMEOUT), PermitWait::Queued { until: None });
    }

    #[test]
    fn at_the_deadline_permit_and_response_share_one_timeout() {
        let deadline = Instant::now();
        let begun = PermitWait::begin(Some(deadline), None, deadline, TIMEOUT);
        let waited = PermitWait::Queued { until: Some(deadline) }.after(deadline, TIMEOUT);
        assert_eq!(Some(begun), waited);
        assert_eq!(begun.until(), Some(deadline + TIMEOUT));
        assert_eq!(begun.time_for_request(deadline + TIMEOUT / 4, TIMEOUT), TIMEOUT * 3 / 4);
        assert_eq!(begun.after(deadline + TIMEOUT, TIMEOUT), None, "the final poll is the last");
    }

    #[test]
    fn a_consumer_that_was_away_gets_a_whole_timeout() {
        let deadline = Instant::now();
        // After the deadline, in ms: the last response was taken, the poll begins; it is over.
        for (overdue_since, now, until) in [
            (None, 0, 20_000),
            (None, 100, 20_000),
            (None, 101, 20_101),
            (None, 500_000, 520_000),
            (Some(16_500), 16_500, 20_000),
            (Some(16_500), 16_600, 20_000),
            (Some(16_500), 16_601, 36_601),
            (Some(19_999), 19_999, 20_000),
        ] {
            let (overdue_since, now) = (overdue_since.map(|millis| deadline + ms(millis)), deadline + ms(now));
            let wait = PermitWait::begin(Some(deadline), overdue_since, now, TIMEOUT);
            assert_eq!(wait, PermitWait::Final { until: Some(deadline + ms(until)) });
            if overdue_since.is_none() {
                assert_eq!(PermitWait::Queued { until: Some(deadline) }.after(now, TIMEOUT), Some(wait));
            }
        }
    }

    #[test]
    fn a_response_later_than_its_timeout_was_not_awaited() {
        let sent = Instant::now();
        for (taken, away) in [(0, false), (19_000, false), (20_100, false), (20_101, true), (90_000, true)] {
            assert_eq!(was_away(sent, sent + ms(taken), TIMEOUT), away, "{taken}");
        }
    }
}

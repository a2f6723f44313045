//! The final poll at the deadline: how a poll waits for its permit before and after the deadline of its watch. One pure rule
//! for every driver.
//!
//! Before the deadline, a poll waits for its permit until the deadline. Then it becomes the final poll: it may pass an open
//! circuit breaker, once per cooldown for all watches, and otherwise it waits on. Permit and response together take at most
//! one request timeout from then. If there is no permit in that time, the task is not polled.

use std::time::Duration;

use tokio::time::Instant;

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
    /// A poll begins to wait.
    pub(crate) fn begin(deadline: Option<Instant>, now: Instant, request_timeout: Duration) -> Self {
        if deadline.is_some_and(|deadline| deadline <= now) {
            return Self::Final { until: now.checked_add(request_timeout) };
        }
        Self::Queued { until: deadline }
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
            Self::Retry { deadline, .. } => Some(Self::begin(deadline, now, request_timeout)),
            Self::Queued { .. } => Some(Self::Final { until: now.checked_add(request_timeout) }),
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

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)]

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(20);

    #[test]
    fn before_the_deadline_a_request_has_its_whole_timeout() {
        let now = Instant::now();
        let deadline = now + Duration::from_secs(1);
        let wait = PermitWait::begin(Some(deadline), now, TIMEOUT);
        assert_eq!(wait.until(), Some(deadline));
        assert_eq!(wait.time_for_request(now, TIMEOUT), TIMEOUT);
        assert_eq!(PermitWait::begin(None, now, TIMEOUT), PermitWait::Queued { until: None });
    }

    #[test]
    fn at_the_deadline_permit_and_response_share_one_timeout() {
        let now = Instant::now();
        let begun_late = PermitWait::begin(Some(now), now, TIMEOUT);
        let waited = PermitWait::Queued { until: Some(now) }.after(now, TIMEOUT);
        assert_eq!(Some(begun_late), waited);
        assert_eq!(begun_late.until(), Some(now + TIMEOUT));
        assert_eq!(begun_late.time_for_request(now + TIMEOUT / 4, TIMEOUT), TIMEOUT * 3 / 4);
        assert_eq!(begun_late.after(now + TIMEOUT, TIMEOUT), None, "the final poll is the last");
    }
}

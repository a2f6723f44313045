//! How a poll that is due waits for its permit: as an early repeat of a failed poll, as a poll of the schedule, and as the final
//! poll at the deadline. One pure rule for every driver.
//!
//! Before the deadline, a poll waits for its permit until the deadline. Then it becomes the final poll, which passes an open
//! circuit breaker, and otherwise waits on. Permit and response together take at most one request timeout from the deadline, or
//! from now if the consumer was away and comes late. If there is no permit in that time, the task is not polled.

use std::time::Duration;

use crate::clock::ATTENTION;
use crate::limiter::Class;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PermitWait {
    /// Which limits the poll is under. Urgent: it is the final poll.
    pub(crate) class: Class,
    /// When this part of the wait is over, from the first poll of the stream. `None`: never.
    pub(crate) until: Option<Duration>,
}

impl PermitWait {
    /// How long a request may take that is sent at `elapsed`, which matters for the final poll only.
    pub(crate) fn time_for_request(self, elapsed: impl FnOnce() -> Duration, request_timeout: Duration) -> Duration {
        match self {
            Self { class: Class::Urgent, until: Some(until) } => until.saturating_sub(elapsed()),
            _ => request_timeout,
        }
    }
}

/// When the final poll is over that was due at `due` and begins to wait at `elapsed`.
pub(super) fn final_poll_ends(
    deadline: Duration,
    due: Duration,
    elapsed: Duration,
    request_timeout: Duration,
) -> Duration {
    let is_late = elapsed.saturating_sub(due) > ATTENTION;
    if is_late { elapsed } else { deadline }.saturating_add(request_timeout)
}

/// Whether the consumer was away while a request was in flight: its response was taken later than a request may last.
pub(crate) fn was_away(sent: Duration, elapsed: Duration, request_timeout: Duration) -> bool {
    elapsed.saturating_sub(sent) > request_timeout.saturating_add(ATTENTION)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(20);
    const DEADLINE: Duration = Duration::from_secs(900);

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn only_the_final_poll_has_less_than_its_timeout() {
        for class in [Class::Retry, Class::Normal] {
            let wait = PermitWait { class, until: Some(ms(1)) };
            assert_eq!(wait.time_for_request(|| ms(0), TIMEOUT), TIMEOUT);
        }
        let last = PermitWait { class: Class::Urgent, until: Some(DEADLINE + TIMEOUT) };
        for (elapsed, left) in [(900_000, 20_000), (905_000, 15_000), (920_000, 0), (990_000, 0)] {
            assert_eq!(last.time_for_request(|| ms(elapsed), TIMEOUT), ms(left), "{elapsed}");
        }
    }

    #[test]
    fn a_consumer_that_was_away_gets_a_whole_timeout() {
        // After the deadline, in ms: the poll was due, it begins; it is over.
        for (due, elapsed, until) in [
            (0, 0, 20_000),
            (0, 100, 20_000),
            (0, 101, 20_101),
            (0, 500_000, 520_000),
            (16_500, 16_500, 20_000),
            (16_500, 16_600, 20_000),
            (16_500, 16_601, 36_601),
            (19_999, 19_999, 20_000),
        ] {
            let ends = final_poll_ends(DEADLINE, DEADLINE + ms(due), DEADLINE + ms(elapsed), TIMEOUT);
            assert_eq!(ends, DEADLINE + ms(until), "{due} {elapsed}");
        }
    }

    #[test]
    fn a_response_later_than_its_timeout_was_not_awaited() {
        for (taken, away) in [(0, false), (19_000, false), (20_100, false), (20_101, true), (90_000, true)] {
            assert_eq!(was_away(ms(7), ms(7) + ms(taken), TIMEOUT), away, "{taken}");
        }
    }
}

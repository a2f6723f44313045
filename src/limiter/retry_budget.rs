//! How many failed polls of a client may be repeated early: a token bucket that good answers fill.
//!
//! While the gateway answers, a failed poll is repeated soon. In an outage good answers stop, the tokens run out, and each task is
//! polled at its schedule's own pace: repeats are no storm. When answers come again, each of them lets more repeats go.

use std::time::Duration;

use tokio::time::Instant;

/// The most tokens: this number of polls can fail at once and be repeated soon.
const CAPACITY: f64 = 10.0;
/// Each repeat that succeeds pays for part of the next: after an outage, repeats go about twice as fast as polls.
const PER_GOOD_ANSWER: f64 = 0.7;
/// So that an outage's end is noticed even if all schedules are slow.
const PER_SECOND: f64 = 0.1;

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct RetryBudget {
    tokens: f64,
    /// When the tokens were counted.
    counted_at: Option<Instant>,
}

impl RetryBudget {
    pub(super) const fn new() -> Self {
        Self { tokens: CAPACITY, counted_at: None }
    }

    /// How many repeats may go now.
    pub(super) fn tokens(&mut self, now: Instant) -> usize {
        let since = self.counted_at.replace(now).unwrap_or(now);
        self.add(now.saturating_duration_since(since).as_secs_f64() * PER_SECOND);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to 10
        let whole = self.tokens as usize;
        whole
    }

    /// Takes a token, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let has_token = self.tokens(now) > 0;
        if has_token {
            self.tokens -= 1.0;
        }
        has_token
    }

    pub(super) fn good_answer(&mut self) {
        self.add(PER_GOOD_ANSWER);
    }

    /// When there is a token beside those that are `reserved`, if no good answer comes.
    pub(super) fn next_token(&mut self, reserved: usize, now: Instant) -> Instant {
        self.tokens(now);
        #[allow(clippy::cast_precision_loss)] // at most 10 can be reserved for long
        let missing = (reserved as f64 + 1.0 - self.tokens).max(0.0) / PER_SECOND;
        now.checked_add(Duration::from_secs_f64(missing)).unwrap_or(now)
    }

    fn add(&mut self, tokens: f64) {
        self.tokens = (self.tokens + tokens).min(CAPACITY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_from_good_answers_and_slowly_from_time() {
        let start = Instant::now();
        let mut budget = RetryBudget::new();
        assert_eq!(budget.tokens(start), 10);
        assert_eq!((0..20).filter(|_| budget.take(start)).count(), 10);
        budget.good_answer();
        assert!(!budget.take(start));
        assert_eq!(budget.next_token(0, start), start + Duration::from_secs(3));
        budget.good_answer();
        assert!(budget.take(start) && !budget.take(start));
        assert!(
            !budget.take(start + Duration::from_millis(5_900)) && budget.take(start + Duration::from_millis(6_010))
        );
        (0..1_000).for_each(|_| budget.good_answer());
        assert_eq!(budget.tokens(start + Duration::from_secs(11)), 10);
    }
}

//! The waiters that were called: woken, with a permit reserved for a short time, because nobody knows whether they still come.
//!
//! A waiter that does not come in time is away. If all that were called are away, twice as many are called for each permit the
//! next time: a long row of waiters that are away costs little time.

use std::collections::VecDeque;
use std::time::Duration;

use super::waiter::Class;
use super::waiters::Key;
use crate::clock::nanos;

/// A called waiter has this time to come, and more on a busy executor: twice the time that others took.
const MIN_CLAIM_TIME: Duration = Duration::from_millis(25);
const MAX_CLAIM_TIME: Duration = Duration::from_millis(250);
/// While no called waiter has come for this long, a waiter that comes by itself gets a permit, even if others are before it.
const OVERTAKE_AFTER: Duration = Duration::from_millis(200);
/// At most 32 waiters are called for one permit.
const MAX_ROUNDS: u32 = 5;

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct Calls {
    /// Who was called, and when, the first one first. Some have come meanwhile.
    called: VecDeque<(Key, i64)>,
    /// How many are still expected, by class.
    expected: [usize; 3],
    /// How long the last ones took to come, the slowest of them, forgotten slowly. In nanoseconds.
    latency: i64,
    /// How often in a row nobody came.
    rounds: u32,
    /// When the first of these was called.
    idle_since: Option<i64>,
}

impl Calls {
    pub(super) const fn new() -> Self {
        Self { called: VecDeque::new(), expected: [0; 3], latency: 0, rounds: 0, idle_since: None }
    }

    /// How many calls of this class are out.
    pub(super) fn expected(&self, class: Class) -> usize {
        self.expected.get(class as usize).copied().unwrap_or(0)
    }

    pub(super) fn all_expected(&self) -> usize {
        self.expected.iter().fold(0, |sum, class| sum.saturating_add(*class))
    }

    /// How many waiters are called for this number of permits.
    pub(super) fn to_call(&self, permits: usize) -> usize {
        permits.saturating_mul(1_usize << self.rounds)
    }

    /// How long a called waiter has to come, in nanoseconds.
    pub(super) fn claim_time(&self) -> i64 {
        self.latency.saturating_mul(2).clamp(nanos(MIN_CLAIM_TIME), nanos(MAX_CLAIM_TIME))
    }

    /// Whether a waiter that was to come at `due` is away.
    pub(super) fn is_late(&self, due: i64, now: i64) -> bool {
        due.saturating_add(self.claim_time()) < now
    }

    pub(super) fn call(&mut self, key: Key, class: Class, now: i64) {
        self.called.push_back((key, now));
        self.change(class, 1);
    }

    /// A waiter that was called then has come, or has left.
    pub(super) fn end(&mut self, class: Class) {
        self.change(class, -1);
    }

    /// A waiter that was called at `called` comes now, in time or not.
    pub(super) fn note_latency(&mut self, called: i64, now: i64) {
        let latency = now.saturating_sub(called);
        if latency <= nanos(MAX_CLAIM_TIME) {
            self.latency = latency.max(self.latency.saturating_sub(self.latency >> 3_u32));
        }
    }

    /// The first call, and when it was.
    pub(super) fn front(&self) -> Option<(Key, i64)> {
        self.called.front().copied()
    }

    pub(super) fn pop_front(&mut self) {
        self.called.pop_front();
    }

    /// A waiter that was called then did not come in time.
    pub(super) fn lapsed(&mut self, class: Class, called: i64) {
        self.end(class);
        self.idle_since.get_or_insert(called);
        if self.all_expected() == 0 {
            self.rounds = self.rounds.saturating_add(1).min(MAX_ROUNDS);
        }
    }

    /// A called waiter has come, or a permit was taken.
    pub(super) const fn taken(&mut self) {
        (self.rounds, self.idle_since) = (0, None);
    }

    /// Whether a waiter that comes now may take a permit before its turn.
    pub(super) fn may_overtake(&self, now: i64) -> bool {
        self.idle_since.is_some_and(|since| now.saturating_sub(since) >= nanos(OVERTAKE_AFTER))
    }

    /// When the first call is over.
    pub(super) fn next_lapse(&self) -> Option<i64> {
        let (_, called) = self.called.front().filter(|_| self.all_expected() > 0)?;
        Some(called.saturating_add(self.claim_time()))
    }

    fn change(&mut self, class: Class, by: isize) {
        if let Some(expected) = self.expected.get_mut(class as usize) {
            *expected = expected.saturating_add_signed(by);
        }
    }
}

//! Watches that start together: many of them go apart, a few keep their step.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Started within this of the first is together.
const TOGETHER: Duration = Duration::from_secs(1);
/// So many together are no crowd.
const FEW: u32 = 16;
/// So many crowds are remembered, for those of their watches whose first answer is slow to come.
const REMEMBERED: usize = 64;
/// The golden ratio's part of 65536, and odd: its multiples lie evenly, however many they are.
const GOLDEN: u16 = 40_503;

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct Stagger {
    offset: u16,
    /// The last that started together: since when, and how many.
    last: Option<(Instant, u32)>,
    /// When each of the last crowds began, the last one first.
    crowds: VecDeque<Instant>,
}

impl Stagger {
    pub(super) const fn new() -> Self {
        Self { offset: 0, last: None, crowds: VecDeque::new() }
    }

    /// Which part of its pause, in 1/65536, the watch that starts now goes ahead of the others.
    pub(super) fn register(&mut self, now: Instant) -> u16 {
        let (since, count) = match self.last {
            Some((since, count)) if now.saturating_duration_since(since) < TOGETHER => (since, count.saturating_add(1)),
            _ => (now, 1),
        };
        self.last = Some((since, count));
        if count == FEW.saturating_add(1) {
            self.crowds.truncate(REMEMBERED.saturating_sub(1));
            self.crowds.push_front(since);
        }
        let offset = self.offset;
        self.offset = offset.wrapping_add(GOLDEN);
        offset
    }

    /// Whether many started together with the watch that started then.
    pub(super) fn is_staggered(&self, started: Instant) -> bool {
        let with_it = |since: &Instant| *since <= started && started.saturating_duration_since(*since) < TOGETHER;
        self.crowds.iter().any(with_it)
    }
}

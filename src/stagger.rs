//! Watches that start together are staggered: each polls at another part of the interval. A few keep the plain schedule.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Watches that start within this time after the first of a group belong to it.
const GROUP_WINDOW: Duration = Duration::from_secs(1);
/// A group is staggered when it has more watches than this.
const MAX_UNSTAGGERED: u32 = 16;
/// The groups that are remembered, for watches whose first answer is slow to come.
const MAX_GROUPS: usize = 64;
/// 65536 times the golden ratio's fraction, and odd: any number of its multiples are spread evenly.
const GOLDEN: u16 = 40_503;

/// The starts of one client's watches.
#[derive(Debug, Default)]
pub(crate) struct Stagger(Mutex<Groups>);

#[derive(Debug, Default)]
struct Groups {
    next_offset: u16,
    /// The start of the last group, and its number of watches.
    last: Option<(Instant, u32)>,
    /// The starts of the last groups that are staggered, the latest first.
    staggered: VecDeque<Instant>,
}

impl Stagger {
    /// A watch starts now. Returns its offset: the part of each pause, in 1/65536, by which it goes ahead of the others, if its
    /// group is staggered.
    pub(crate) fn register(&self, now: Instant) -> u16 {
        let mut groups = self.groups();
        let (since, count) = match groups.last {
            Some((since, count)) if now.saturating_duration_since(since) < GROUP_WINDOW => {
                (since, count.saturating_add(1))
            }
            _ => (now, 1),
        };
        groups.last = Some((since, count));
        if count == MAX_UNSTAGGERED.saturating_add(1) {
            groups.staggered.truncate(MAX_GROUPS.saturating_sub(1));
            groups.staggered.push_front(since);
        }
        let offset = groups.next_offset;
        groups.next_offset = offset.wrapping_add(GOLDEN);
        offset
    }

    /// Whether the group of a watch that started then is staggered.
    pub(crate) fn is_staggered(&self, started: Instant) -> bool {
        let in_group = |since: &Instant| *since <= started && started.saturating_duration_since(*since) < GROUP_WINDOW;
        self.groups().staggered.iter().any(in_group)
    }

    fn groups(&self) -> MutexGuard<'_, Groups> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)]

    use super::*;

    #[test]
    fn more_than_sixteen_within_a_second_are_staggered() {
        let (ms, secs) = (Duration::from_millis, Duration::from_secs);
        let start = Instant::now();
        let stagger = Stagger::default();
        let offsets: Vec<_> = (0..16).map(|_| stagger.register(start)).collect();
        assert!(!stagger.is_staggered(start));
        stagger.register(start + ms(999));
        assert!(stagger.is_staggered(start) && stagger.is_staggered(start + ms(999)));
        stagger.register(start + ms(1_000));
        assert!(stagger.is_staggered(start) && !stagger.is_staggered(start + ms(1_000)));
        // However slow their first answers are, a few are not staggered, and many are.
        for second in 10..30 {
            stagger.register(start + secs(second));
            assert!(!stagger.is_staggered(start + secs(10)) && stagger.is_staggered(start));
        }
        // No two offsets are closer than half of an even share.
        let mut sorted = offsets;
        sorted.sort_unstable();
        let closest = sorted.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap();
        assert!(closest > 2_048, "{closest}");
    }
}

//! What is due when, the earliest first.
//!
//! One heap of 100,000 would be slow, for each step down in it is another place in memory. So only what is due about
//! when the earliest is, in the same slice of time, is in a heap; the rest lies in a list for each slice.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// When, in nanoseconds, and what.
type Entry = Reverse<(i64, u32)>;

#[derive(Debug, Default)]
pub(super) struct TimerQueue {
    near: BinaryHeap<Entry>,
    /// By slice, each later than all that is near.
    far: BTreeMap<i64, Vec<Entry>>,
    /// The last slice that is near.
    slice: i64,
    len: usize,
}

/// About an eighth of a second.
const fn slice(at: i64) -> i64 {
    at >> 27
}

impl TimerQueue {
    pub(super) fn new() -> Self {
        Self { slice: i64::MIN, ..Self::default() }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push(&mut self, at: i64, what: u32) {
        self.len = self.len.saturating_add(1);
        if slice(at) <= self.slice {
            self.near.push(Reverse((at, what)));
        } else {
            self.far.entry(slice(at)).or_default().push(Reverse((at, what)));
        }
    }

    pub(super) fn peek(&mut self) -> Option<(i64, u32)> {
        if self.near.is_empty() {
            let (slice, entries) = self.far.pop_first()?;
            (self.near, self.slice) = (BinaryHeap::from(entries), slice);
        }
        self.near.peek().map(|Reverse(entry)| *entry)
    }

    pub(super) fn pop(&mut self) -> Option<(i64, u32)> {
        let entry = self.peek()?;
        self.near.pop();
        self.len = self.len.saturating_sub(1);
        Some(entry)
    }

    pub(super) fn retain(&mut self, keep: impl Fn(i64, u32) -> bool) {
        let keep = |Reverse((at, what)): &Entry| keep(*at, *what);
        self.near.retain(keep);
        for entries in self.far.values_mut() {
            entries.retain(keep);
        }
        self.far.retain(|_, entries| !entries.is_empty());
        self.len = self.far.values().map(Vec::len).fold(self.near.len(), usize::saturating_add);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 300, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default()
        })]

        /// As one heap would have it.
        #[test]
        fn entries_come_in_the_order_of_their_times(
            steps in prop::collection::vec(prop::option::weighted(0.6, -5_000_000_000..9_000_000_000_i64), 0..200),
            limit in 0..9_000_000_000_i64,
        ) {
            let (mut timers, mut heap) = (TimerQueue::new(), BinaryHeap::new());
            for (what, step) in (0..).zip(steps) {
                if let Some(at) = step {
                    timers.push(at, what);
                    heap.push(Reverse((at, what)));
                } else {
                    prop_assert_eq!(timers.peek(), heap.peek().map(|Reverse(entry)| *entry));
                    prop_assert_eq!(timers.pop(), heap.pop().map(|Reverse(entry)| entry));
                }
                prop_assert_eq!(timers.len(), heap.len());
            }
            timers.retain(|at, _| at < limit);
            heap.retain(|Reverse((at, _))| *at < limit);
            prop_assert_eq!(timers.len(), heap.len());
            while let Some(Reverse(entry)) = heap.pop() {
                prop_assert_eq!(timers.pop(), Some(entry));
            }
            prop_assert_eq!(timers.pop(), None);
        }
    }
}

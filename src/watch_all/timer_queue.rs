//! When each slot is due, the earliest first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Entries of a time, in nanoseconds, and a slot. Entries cannot be taken out before they are the earliest: their owner knows
/// which of them still count.
#[derive(Debug, Default)]
pub(super) struct TimerQueue(BinaryHeap<Reverse<(i64, u32)>>);

impl TimerQueue {
    pub(super) const fn new() -> Self {
        Self(BinaryHeap::new())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn push(&mut self, at: i64, slot: u32) {
        self.0.push(Reverse((at, slot)));
    }

    pub(super) fn peek(&self) -> Option<(i64, u32)> {
        self.0.peek().map(|Reverse(entry)| *entry)
    }

    pub(super) fn pop(&mut self) -> Option<(i64, u32)> {
        self.0.pop().map(|Reverse(entry)| entry)
    }

    pub(super) fn retain(&mut self, keep: impl Fn(i64, u32) -> bool) {
        self.0.retain(|Reverse((at, slot))| keep(*at, *slot));
    }
}

//! The tasks of a `WatchAll` that wait for a permit, the oldest first; and which of them is next where polls differ in value.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::task_slots::{Key, Slot, TaskSlots};
use crate::limiter::{Class, Sampler};

/// Of more tasks than this, a random sample of this size is compared for each permit.
const SAMPLE_SIZE: usize = 64;

pub(super) struct ReadyQueue {
    class: Class,
    /// Each with its ticket in the client's queue, if it has one. Some have left meanwhile.
    waiting: VecDeque<(Key, Option<u64>)>,
    /// How many of them were taken out of order.
    taken: usize,
    /// How many entries, from the front, [`next_unseen`](Self::next_unseen) has passed.
    seen: usize,
    sampler: Sampler,
}

impl ReadyQueue {
    pub(super) fn new(class: Class) -> Self {
        Self { class, waiting: VecDeque::new(), taken: 0, seen: 0, sampler: Sampler::new() }
    }

    pub(super) fn push(&mut self, key: Key, slots: &TaskSlots) {
        if slots.is_mostly_stale(self.waiting.len()) {
            self.clean(slots);
        }
        self.waiting.push_back((key, None));
    }

    fn clean(&mut self, slots: &TaskSlots) {
        let class = Some(self.class);
        self.waiting.retain(|(key, _)| slots.slot(*key).and_then(Slot::queued) == class);
        (self.taken, self.seen) = (0, 0);
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len().saturating_sub(self.taken)
    }

    /// The task that has waited longest, and its ticket in the client's queue.
    pub(super) fn first(&mut self, slots: &TaskSlots) -> Option<(Key, Option<u64>)> {
        loop {
            let first = *self.waiting.front()?;
            if slots.slot(first.0).and_then(Slot::queued) == Some(self.class) {
                return Some(first);
            }
            self.pop_front();
            self.taken = self.taken.saturating_sub(usize::from(first.0 == Key::NONE));
        }
    }

    fn pop_front(&mut self) {
        self.waiting.pop_front();
        self.seen = self.seen.saturating_sub(1);
    }

    /// One task after the other, those that come later too.
    pub(super) fn next_unseen(&mut self, slots: &TaskSlots) -> Option<Key> {
        loop {
            let (key, _) = *self.waiting.get(self.seen)?;
            self.seen = self.seen.saturating_add(1);
            if slots.slot(key).and_then(Slot::queued) == Some(self.class) {
                return Some(key);
            }
        }
    }

    /// Begins again with the first task.
    pub(super) fn rewind(&mut self) {
        self.seen = 0;
    }

    /// Gives tickets in the client's queue to the tasks without one. `issue`: the first of that many tickets in a row.
    pub(super) fn take_tickets(&mut self, issue: impl FnOnce(usize) -> u64) {
        let newcomers = self.waiting.iter().rev().take_while(|(_, ticket)| ticket.is_none()).count();
        if newcomers > 0 {
            let start = self.waiting.len().saturating_sub(newcomers);
            for ((_, ticket), number) in self.waiting.range_mut(start..).zip(issue(newcomers)..) {
                *ticket = Some(number);
            }
        }
    }

    /// Takes out the task that has waited longest.
    pub(super) fn pop_first(&mut self, slots: &TaskSlots) -> Option<Key> {
        let (first, _) = self.first(slots)?;
        self.pop_front();
        Some(first)
    }

    /// Takes out the next task: `best`, as [`best`](Self::best) found it, or now and then the one that has waited longest.
    pub(super) fn pop(&mut self, best: Option<(usize, Key)>, slots: &TaskSlots) -> Option<Key> {
        let best = best.filter(|_| !self.sampler.is_fifo());
        self.sampler.count();
        let Some((index, key)) = best else { return self.pop_first(slots) };
        if let Some(entry) = self.waiting.get_mut(index) {
            entry.0 = Key::NONE;
            self.taken = self.taken.saturating_add(1);
        }
        if self.taken > self.waiting.len() / 2 {
            self.clean(slots);
        }
        Some(key)
    }

    /// The index and key of the task with the highest expected gain now, or of one of the highest: of many tasks, a sample is
    /// compared. `None`: the schedule does not learn.
    pub(super) fn best(&mut self, slots: &TaskSlots, now: Instant) -> Option<(usize, Key)> {
        let (first, _) = self.first(slots)?;
        slots.slot(first)?.watch.expected_gain(now)?;
        let Self { class, waiting, sampler, .. } = self;
        let gain = |index: usize| {
            let (key, _) = waiting.get(index)?;
            let slot = slots.slot(*key).filter(|slot| slot.queued() == Some(*class))?;
            Some((slot.watch.expected_gain(now)?, index, *key))
        };
        let gains = sampler.sample(waiting.len(), SAMPLE_SIZE).filter_map(gain);
        // Of equal gains, the first.
        let best = gains.max_by(|(a, first, _), (b, second, _)| a.total_cmp(b).then(second.cmp(first)));
        best.map(|(_, index, key)| (index, key))
    }
}

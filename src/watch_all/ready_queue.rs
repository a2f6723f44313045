//! The tasks of a `WatchAll` that wait for a permit, the oldest first; and which of them is next where polls differ in value.

use std::collections::VecDeque;
use std::mem;

use tokio::time::Instant;

use super::task_slots::{Key, Slot, TaskSlots};
use crate::limiter::{Class, Priority, Sampler, prior};

/// Of more tasks than this, a random sample of this size is compared for each permit.
const SAMPLE_SIZE: usize = 64;

pub(super) struct ReadyQueue {
    class: Class,
    /// Some have left meanwhile.
    waiting: VecDeque<Entry>,
    /// How many of them were taken out of order.
    taken: usize,
    /// How many entries, from the front, [`next_unseen`](Self::next_unseen) has passed.
    seen: usize,
    sampler: Sampler,
    /// Whether there was a task whose schedule learns, so that polls differ in value.
    learns: bool,
}

#[derive(Clone, Copy)]
struct Entry {
    key: Key,
    /// When the slot was due then. An entry that does not agree with its slot is stale.
    due: Option<i64>,
    /// Its place in the client's queue, if it has one.
    ticket: Option<u64>,
}

impl Entry {
    fn slot(self, class: Class, slots: &TaskSlots) -> Option<&Slot> {
        slots.slot(self.key).filter(|slot| slot.queued() == Some(class) && slot.due() == self.due)
    }
}

impl ReadyQueue {
    pub(super) fn new(class: Class) -> Self {
        Self { class, waiting: VecDeque::new(), taken: 0, seen: 0, sampler: Sampler::new(), learns: false }
    }

    pub(super) fn push(&mut self, key: Key, slots: &TaskSlots) {
        if slots.is_mostly_stale(self.waiting.len()) {
            self.clean(slots);
        }
        let due = slots.slot(key).and_then(Slot::due);
        self.learns |= slots.slot(key).is_some_and(|slot| slot.watch.learns());
        self.waiting.push_back(Entry { key, due, ticket: None });
    }

    fn clean(&mut self, slots: &TaskSlots) {
        let class = self.class;
        self.waiting.retain(|entry| entry.slot(class, slots).is_some());
        (self.taken, self.seen) = (0, 0);
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len().saturating_sub(self.taken)
    }

    /// The next task, and its ticket in the client's queue: the one that has waited longest. Of early repeats, the one that has
    /// come last: its schedule's own poll is farthest away.
    pub(super) fn first(&mut self, slots: &TaskSlots) -> Option<(Key, Option<u64>)> {
        self.first_entry(slots).map(|first| (first.key, first.ticket))
    }

    fn first_entry(&mut self, slots: &TaskSlots) -> Option<Entry> {
        loop {
            let first = *if self.class == Class::Retry { self.waiting.back() } else { self.waiting.front() }?;
            if first.slot(self.class, slots).is_some() {
                return Some(first);
            }
            self.remove_first();
            self.taken = self.taken.saturating_sub(usize::from(first.key == Key::NONE));
        }
    }

    fn remove_first(&mut self) {
        if self.class == Class::Retry {
            self.waiting.pop_back();
            self.seen = self.seen.min(self.waiting.len());
        } else {
            self.waiting.pop_front();
            self.seen = self.seen.saturating_sub(1);
        }
    }

    /// One task after the other, those that come later too.
    pub(super) fn next_unseen<'a>(&mut self, slots: &'a TaskSlots) -> Option<(Key, &'a Slot)> {
        loop {
            let entry = *self.waiting.get(self.seen)?;
            self.seen = self.seen.saturating_add(1);
            if let Some(slot) = entry.slot(self.class, slots) {
                return Some((entry.key, slot));
            }
        }
    }

    /// Begins again with the first task.
    pub(super) fn rewind(&mut self) {
        self.seen = 0;
    }

    /// Gives tickets in the client's queue to the tasks without one. `issue`: the first of that many tickets in a row.
    pub(super) fn take_tickets(&mut self, issue: impl FnOnce(usize) -> u64) {
        let newcomers = self.waiting.iter().rev().take_while(|entry| entry.ticket.is_none()).count();
        if newcomers > 0 {
            let start = self.waiting.len().saturating_sub(newcomers);
            for (entry, number) in self.waiting.range_mut(start..).zip(issue(newcomers)..) {
                entry.ticket = Some(number);
            }
        }
    }

    /// Takes out the next task.
    pub(super) fn pop_first(&mut self, slots: &TaskSlots) -> Option<Key> {
        let first = self.first_entry(slots)?;
        self.remove_first();
        Some(first.key)
    }

    /// Takes out the next task: `best`, as [`best`](Self::best) found it, or now and then the one that has waited longest.
    pub(super) fn pop(&mut self, best: Option<(usize, Key)>, slots: &TaskSlots) -> Option<Key> {
        let best = best.filter(|_| !self.sampler.is_fifo());
        self.sampler.count();
        let best = best.and_then(|(index, _)| self.waiting.get_mut(index));
        let Some(entry) = best else { return self.pop_first(slots) };
        let taken = mem::replace(&mut entry.key, Key::NONE);
        self.taken = self.taken.saturating_add(1);
        if self.taken > self.waiting.len() / 2 {
            self.clean(slots);
        }
        Some(taken)
    }

    /// The index and key of the task with the highest expected gain now, or of one of the highest: of many tasks, a sample is
    /// compared. `None`: no schedule learns.
    pub(super) fn best(&mut self, slots: &TaskSlots, now: Instant) -> Option<(usize, Key)> {
        if !self.learns {
            return None;
        }
        self.first_entry(slots)?; // stale entries leave
        let Self { class, waiting, sampler, .. } = self;
        let gain = |index: usize| {
            let entry = waiting.get(index)?;
            let slot = entry.slot(*class, slots)?;
            let gain = slot.watch.expected_gain(now).unwrap_or_else(|| prior(slot.waited(now)));
            Some((gain, index, entry.key))
        };
        let gains = sampler.sample(waiting.len(), SAMPLE_SIZE).filter_map(gain);
        // Of equal gains, the first.
        let best = gains.max_by(|(a, first, _), (b, second, _)| a.total_cmp(b).then(second.cmp(first)));
        best.map(|(_, index, key)| (index, key))
    }

    /// The priority of that task.
    pub(super) fn best_priority(&mut self, slots: &TaskSlots, now: Instant) -> Option<Priority> {
        let (_, key) = self.best(slots, now)?;
        let slot = slots.slot(key)?;
        Some(slot.watch.priority().unwrap_or_else(|| Priority::of_waiting(slot.waited(now), now)))
    }
}

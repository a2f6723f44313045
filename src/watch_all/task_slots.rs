//! The tasks of a `WatchAll`: a slot each, found by id and by when it is due.
//!
//! A slot is the watch's own state and a few words beside it: there may be 100,000.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::mem;
use std::time::Duration;

use hashbrown::HashTable;
use slab::Slab;
use tokio::time::Instant;

use super::step_budget::StepBudget;
use super::timer_queue::TimerQueue;
use crate::clock::Began;
use crate::limiter::Class;
use crate::task::TaskId;
use crate::task_watch::TaskWatch;

/// A slot, while one task is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    index: u32,
    generation: u32,
}

impl Key {
    /// Of no slot: there are never that many.
    pub(super) const NONE: Self = Self { index: u32::MAX, generation: 0 };
}

pub(super) struct TaskSlots {
    slots: Slab<Slot>,
    by_id: HashTable<u32>,
    hasher: RandomState,
    /// When each slot is due. Entries that do not agree with their slot are stale.
    timers: TimerQueue,
    /// The entries of a queue that was mostly stale. A few at a time, those that are not stale move to `timers`.
    old_timers: TimerQueue,
    /// Empty, to be filled by [`take_due`](Self::take_due) each time.
    entries: Vec<(i64, u32)>,
    generation: u32,
}

pub(super) struct Slot {
    pub(super) watch: TaskWatch,
    pub(super) stage: Stage,
    /// When its poll began to wait for a permit.
    pub(super) waits_since: Began,
    generation: u32,
    /// In nanoseconds from the client's epoch, or `NEVER`: the one entry of this slot in the timer queue that is not stale.
    due: i64,
}

/// Not by time. The clock ends before.
const NEVER: i64 = i64::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Polled when it is due, or earlier after a notification.
    Scheduled,
    /// Waits for a permit for an early repeat of a failed poll; due when its schedule's own poll is.
    RetryQueued,
    /// Waits for a permit; due at its deadline.
    Queued,
    /// Waits for a permit for its final poll; due when it is given up.
    FinalQueued,
    /// With the index of its poll.
    InFlight(u32),
    /// The outcome is known, and not yielded yet.
    Settled,
}

impl TaskSlots {
    pub(super) fn new() -> Self {
        Self {
            slots: Slab::new(),
            by_id: HashTable::new(),
            hasher: RandomState::new(),
            timers: TimerQueue::new(),
            old_timers: TimerQueue::new(),
            entries: Vec::new(),
            generation: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn find(&self, id: &str) -> Option<Key> {
        self.find_hashed(self.hasher.hash_one(id), id)
    }

    fn find_hashed(&self, hash: u64, id: &str) -> Option<Key> {
        let is_it = |index: &u32| self.slots.get(*index as usize).is_some_and(|slot| slot.watch.id() == id);
        let index = *self.by_id.find(hash, is_it)?;
        Some(Key { index, generation: self.slots.get(index as usize)?.generation })
    }

    /// `None` if the task has a slot already.
    pub(super) fn add(&mut self, watch: TaskWatch) -> Option<Key> {
        let hash = self.hasher.hash_one(watch.id().as_str());
        if self.find_hashed(hash, watch.id().as_str()).is_some() {
            return None;
        }
        let index = u32::try_from(self.slots.vacant_key()).ok()?; // 4,294,967,296 are enough
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        self.slots.insert(Slot {
            watch,
            stage: Stage::Scheduled,
            waits_since: Began::default(),
            generation,
            due: NEVER,
        });
        let Self { slots, hasher, by_id, .. } = self;
        let hash_of =
            |index: &u32| slots.get(*index as usize).map_or(0, |slot| hasher.hash_one(slot.watch.id().as_str()));
        by_id.insert_unique(hash, index, hash_of);
        Some(Key { index, generation })
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Slot> {
        self.slot(key)?;
        let slot = self.slots.try_remove(key.index as usize)?;
        let hash = self.hasher.hash_one(slot.watch.id().as_str());
        if let Ok(entry) = self.by_id.find_entry(hash, |index| *index == key.index) {
            entry.remove();
        }
        Some(slot)
    }

    pub(super) fn watches(&self) -> impl Iterator<Item = &TaskWatch> {
        self.slots.iter().map(|(_, slot)| &slot.watch)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &TaskId> {
        self.slots.iter().map(|(_, slot)| slot.watch.id())
    }

    pub(super) fn slot(&self, key: Key) -> Option<&Slot> {
        self.slots.get(key.index as usize).filter(|slot| slot.generation == key.generation)
    }

    pub(super) fn slot_mut(&mut self, key: Key) -> Option<&mut Slot> {
        self.slots.get_mut(key.index as usize).filter(|slot| slot.generation == key.generation)
    }

    /// Replaces when the slot is due. `None`: not by time.
    pub(super) fn set_due(&mut self, key: Key, stage: Stage, due: Option<i64>) {
        let Some(slot) = self.slot_mut(key) else { return };
        (slot.stage, slot.due) = (stage, due.unwrap_or(NEVER));
        if let Some(due) = due {
            self.timers.push(due, key.index);
            self.clean_timers();
        }
    }

    /// All at once would take milliseconds. At four entries for each that comes, `timers` has not grown as long meanwhile.
    fn clean_timers(&mut self) {
        const MOVED: usize = 4;
        if self.old_timers.len() == 0 {
            if !self.is_mostly_stale(self.timers.len()) {
                return;
            }
            mem::swap(&mut self.timers, &mut self.old_timers);
        }
        for _ in 0..MOVED {
            let Some((due, index)) = self.old_timers.pop() else { return };
            if self.is_due_at(index, due) {
                self.timers.push(due, index);
            }
        }
    }

    /// Whether this entry of the timer queue is not stale.
    fn is_due_at(&self, index: u32, due: i64) -> bool {
        self.slots.get(index as usize).is_some_and(|slot| slot.due == due)
    }

    /// Where the earliest entry is.
    fn first_timers(&mut self) -> &mut TimerQueue {
        if self.old_timers.len() > 0 {
            let (old, new) = (self.old_timers.peek(), self.timers.peek());
            if new.is_none() || old < new {
                return &mut self.old_timers;
            }
        }
        &mut self.timers
    }

    /// Whether a list with one entry for each task has enough stale entries to be worth the cleaning.
    pub(super) fn is_mostly_stale(&self, entries: usize) -> bool {
        const MIN_STALE: usize = 1024;
        entries > self.len().saturating_mul(2).saturating_add(MIN_STALE)
    }

    /// When the first slot is due. Nothing is known when the budget is spent, because stale entries come first.
    pub(super) fn next_due(&mut self, budget: &mut StepBudget) -> Option<i64> {
        while let Some((due, index)) = self.first_timers().peek().filter(|_| !budget.is_spent()) {
            if self.is_due_at(index, due) {
                return Some(due);
            }
            self.first_timers().pop();
            budget.spend(1);
        }
        None
    }

    /// Moves the slots that are due into `due`, as far as the budget goes.
    ///
    /// First the entries, then their slots: slots lie anywhere in memory, and in a loop that does nothing else the processor
    /// fetches many of them at once.
    pub(super) fn take_due(&mut self, now: i64, due: &mut Vec<Key>, budget: &mut StepBudget) {
        while !budget.is_spent() {
            let timers = self.first_timers();
            let Some(entry) = timers.peek().filter(|(at, _)| *at <= now) else { break };
            timers.pop();
            self.entries.push(entry);
            budget.spend(1);
        }
        for (at, index) in self.entries.drain(..) {
            if let Some(slot) = self.slots.get_mut(index as usize).filter(|slot| slot.due == at) {
                slot.due = NEVER;
                due.push(Key { index, generation: slot.generation });
            }
        }
    }
}

impl Slot {
    /// Which permits it waits for, if it does.
    pub(super) const fn queued(&self) -> Option<Class> {
        match self.stage {
            Stage::RetryQueued => Some(Class::Retry),
            Stage::Queued => Some(Class::Normal),
            Stage::FinalQueued => Some(Class::Urgent),
            Stage::Scheduled | Stage::InFlight(_) | Stage::Settled => None,
        }
    }

    /// How long its poll has waited for a permit.
    pub(super) fn waited(&self, now: Instant) -> Duration {
        self.waits_since.elapsed(self.watch.core().epoch.nanos(now))
    }

    /// In nanoseconds from the client's epoch. `None`: not by time.
    pub(super) const fn due(&self) -> Option<i64> {
        if self.due == NEVER { None } else { Some(self.due) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)]

    use std::sync::Arc;

    use super::*;
    use crate::client::Client;
    use crate::simulator::Simulator;

    #[tokio::test]
    async fn stale_timers_leave_and_no_other() {
        const TASKS: usize = 2_000;
        let client = Client::builder("test-key").simulator(&Simulator::new()).build().unwrap();
        let all = client.watch_all(Vec::<TaskId>::new());
        let mut slots = TaskSlots::new();
        let watch = |task: usize| TaskWatch::new(Arc::clone(all.driver.core()), TaskId::from(task.to_string()));
        let keys: Vec<_> = (0..TASKS).map(|task| slots.add(watch(task)).unwrap()).collect();
        let mut random = fastrand::Rng::with_seed(3);
        // Each is to come much later, then earlier again and again.
        for round in (1..30).rev() {
            for key in &keys {
                slots.set_due(*key, Stage::Scheduled, Some(round * 1_000_000_000 + random.i64(0..1_000_000_000)));
            }
            assert!(slots.timers.len() + slots.old_timers.len() < 5 * TASKS + 1_024, "round {round}");
        }
        // While entries are on their way from one queue to the other, a late one is in the new queue.
        while slots.old_timers.len() == 0 {
            slots.set_due(keys[0], Stage::Scheduled, Some(100_000_000_000));
        }
        slots.set_due(keys[0], Stage::Scheduled, Some(101_000_000_000));
        let mut expected: Vec<_> =
            keys.iter().map(|key| (slots.slot(*key).unwrap().due().unwrap(), key.index)).collect();
        expected.sort_unstable();
        assert_eq!(expected.last().unwrap().1, keys[0].index);
        assert_eq!(slots.next_due(&mut StepBudget::new()), Some(expected[0].0));
        let mut due = Vec::new();
        for _ in 0..5 * TASKS {
            slots.take_due(i64::MAX - 1, &mut due, &mut StepBudget::new());
        }
        let due: Vec<_> = due.iter().map(|key| key.index).collect();
        assert_eq!(due, expected.iter().map(|(_, index)| *index).collect::<Vec<_>>());
        assert_eq!(slots.timers.len() + slots.old_timers.len(), 0);
    }
}

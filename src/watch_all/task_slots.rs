//! The tasks of a `WatchAll`: a slot each, found by id and by when it is due.
//!
//! A slot is the watch's own state and a few words beside it: there may be 100,000.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use hashbrown::HashTable;
use slab::Slab;

use super::timer_queue::TimerQueue;
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
    /// Empty, to be filled by [`take_due`](Self::take_due) each time.
    entries: Vec<(i64, u32)>,
    generation: u32,
}

pub(super) struct Slot {
    pub(super) watch: TaskWatch,
    pub(super) stage: Stage,
    generation: u32,
    /// In nanoseconds from the client's epoch: the one entry of this slot in the timer queue that is not stale.
    due: Option<i64>,
}

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
    InFlight,
}

impl TaskSlots {
    pub(super) fn new() -> Self {
        Self {
            slots: Slab::new(),
            by_id: HashTable::new(),
            hasher: RandomState::new(),
            timers: TimerQueue::new(),
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
        self.slots.insert(Slot { watch, stage: Stage::Scheduled, generation, due: None });
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
        (slot.stage, slot.due) = (stage, due);
        let Some(due) = due else { return };
        if self.is_mostly_stale(self.timers.len()) {
            let slots = &self.slots;
            self.timers.retain(|due, index| slots.get(index as usize).is_some_and(|slot| slot.due == Some(due)));
        }
        self.timers.push(due, key.index);
    }

    /// Whether a list with one entry for each task has enough stale entries to be worth the cleaning.
    pub(super) fn is_mostly_stale(&self, entries: usize) -> bool {
        const MIN_STALE: usize = 1024;
        entries > self.len().saturating_mul(2).saturating_add(MIN_STALE)
    }

    /// When the first slot is due.
    pub(super) fn next_due(&mut self) -> Option<i64> {
        while let Some((due, index)) = self.timers.peek() {
            if self.slots.get(index as usize).is_some_and(|slot| slot.due == Some(due)) {
                return Some(due);
            }
            self.timers.pop();
        }
        None
    }

    /// Moves all slots that are due into `due`, and returns whether there are any.
    ///
    /// First the entries, then their slots: slots lie anywhere in memory, and in a loop that does nothing else the processor
    /// fetches many of them at once.
    pub(super) fn take_due(&mut self, now: i64, due: &mut Vec<Key>) -> bool {
        while let Some(entry) = self.timers.peek().filter(|(at, _)| *at <= now) {
            self.timers.pop();
            self.entries.push(entry);
        }
        for (at, index) in self.entries.drain(..) {
            if let Some(slot) = self.slots.get_mut(index as usize).filter(|slot| slot.due == Some(at)) {
                slot.due = None;
                due.push(Key { index, generation: slot.generation });
            }
        }
        !due.is_empty()
    }
}

impl Slot {
    /// Which permits it waits for, if it does.
    pub(super) const fn queued(&self) -> Option<Class> {
        match self.stage {
            Stage::RetryQueued => Some(Class::Retry),
            Stage::Queued => Some(Class::Normal),
            Stage::FinalQueued => Some(Class::Urgent),
            Stage::Scheduled | Stage::InFlight => None,
        }
    }

    /// In nanoseconds from the client's epoch.
    pub(super) const fn due(&self) -> Option<i64> {
        self.due
    }
}

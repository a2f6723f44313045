//! The tasks of a fleet: a slot each, found by id and by when it is due.
//!
//! A slot is the watch's own state and a few words beside it: there may be 100,000.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use hashbrown::HashTable;
use slab::Slab;

use super::agenda::Agenda;
use crate::run::Run;
use crate::task::TaskId;

/// A slot's number.
pub(super) type Key = u32;

pub(super) struct Roster {
    slots: Slab<Slot>,
    by_id: HashTable<Key>,
    hasher: RandomState,
    /// Which slot is due when. Some entries are out of date: they do not agree with their slot.
    agenda: Agenda,
}

pub(super) struct Slot {
    pub(super) run: Run,
    pub(super) stage: Stage,
    /// The one entry of this slot that counts, in nanoseconds as [`Run`] counts them.
    due: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not asked about before it is due.
    Pausing,
    /// Waits for its turn; due when its time is over.
    Waiting,
    /// The same, past the deadline.
    Overdue,
    InFlight,
}

impl Roster {
    pub(super) fn new() -> Self {
        Self { slots: Slab::new(), by_id: HashTable::new(), hasher: RandomState::new(), agenda: Agenda::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn find(&self, id: &str) -> Option<Key> {
        let is_it = |key: &Key| self.slot(*key).is_some_and(|slot| slot.run.id() == id);
        self.by_id.find(self.hasher.hash_one(id), is_it).copied()
    }

    /// `None` if the task is there already.
    pub(super) fn add(&mut self, run: Run) -> Option<Key> {
        if self.find(run.id().as_str()).is_some() {
            return None;
        }
        let hash = self.hasher.hash_one(run.id().as_str());
        let key = Key::try_from(self.slots.vacant_key()).ok()?; // 4,294,967,296 are enough
        self.slots.insert(Slot { run, stage: Stage::Pausing, due: None });
        let Self { slots, hasher, by_id, .. } = self;
        let hash_of = |key: &Key| slots.get(index(*key)).map_or(0, |slot| hasher.hash_one(slot.run.id().as_str()));
        by_id.insert_unique(hash, key, hash_of);
        Some(key)
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Slot> {
        let slot = self.slots.try_remove(index(key))?;
        let entry = self.by_id.find_entry(self.hasher.hash_one(slot.run.id().as_str()), |other| *other == key);
        if let Ok(entry) = entry {
            entry.remove();
        }
        Some(slot)
    }

    pub(super) fn into_ids(self) -> Vec<TaskId> {
        self.slots.into_iter().map(|(_, slot)| slot.run.id().clone()).collect()
    }

    pub(super) fn slot(&self, key: Key) -> Option<&Slot> {
        self.slots.get(index(key))
    }

    pub(super) fn slot_mut(&mut self, key: Key) -> Option<&mut Slot> {
        self.slots.get_mut(index(key))
    }

    /// The slot is due then, whatever it was before; `None`: not by time.
    pub(super) fn set_due(&mut self, key: Key, stage: Stage, due: Option<i64>) {
        /// Below this the entries out of date are no burden.
        const SLACK: usize = 1024;
        let Some(slot) = self.slots.get_mut(index(key)) else { return };
        (slot.stage, slot.due) = (stage, due);
        let Some(due) = due else { return };
        if self.agenda.len() > self.slots.len().saturating_mul(2).saturating_add(SLACK) {
            let slots = &self.slots;
            self.agenda.retain(|due, key| slots.get(index(key)).is_some_and(|slot| slot.due == Some(due)));
        }
        self.agenda.push(due, key);
    }

    /// When the first is due.
    pub(super) fn next_due(&mut self) -> Option<i64> {
        while let Some((due, key)) = self.agenda.peek() {
            if self.slot(key).is_some_and(|slot| slot.due == Some(due)) {
                return Some(due);
            }
            self.agenda.pop();
        }
        None
    }

    /// Moves all that are due by now into `due`. Whether there are any.
    ///
    /// First the keys, then a look at their slots: these lie anywhere in memory, and in a loop that does nothing else the
    /// processor fetches many of them at once.
    pub(super) fn take_due(&mut self, now: i64, due: &mut Vec<(i64, Key)>) -> bool {
        while let Some(entry) = self.agenda.peek().filter(|(at, _)| *at <= now) {
            self.agenda.pop();
            due.push(entry);
        }
        let slots = &mut self.slots;
        due.retain(|(at, key)| {
            let slot = slots.get_mut(index(*key)).filter(|slot| slot.due == Some(*at));
            slot.is_some_and(|slot| slot.due.take().is_some())
        });
        !due.is_empty()
    }
}

const fn index(key: Key) -> usize {
    key as usize
}

//! The waiters: those in the queue by class and in the order of their tickets, beside those that were called or are away.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use slab::Slab;
use tokio::time::Instant;

use super::priority::{Priority, Sampler};
use super::waiter::{Class, Presence, Waiter};
use crate::clock::Epoch;

/// A waiter, until it is removed: one more than its index, so that no key takes no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(NonZeroU32);

impl Key {
    fn of(index: usize) -> Self {
        let number = u32::try_from(index).unwrap_or(u32::MAX); // 4,294,967,295 are enough
        Self(NonZeroU32::MIN.saturating_add(number))
    }

    fn index(self) -> usize {
        (self.0.get() as usize).saturating_sub(1)
    }

    /// A number from 0 to 255 that differs from key to key.
    pub(super) const fn scattered(self) -> u8 {
        self.0.get().wrapping_mul(0x9E37_79B9).to_be_bytes()[0]
    }
}

/// Of waiters with priorities, at most this number of `WatchAll`s is compared for each permit, those with the most tasks.
const MAX_HEAVY: usize = 16;
/// And of all, a random sample of this size.
const SAMPLE_SIZE: usize = 48;

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct Waiters {
    slab: Slab<Waiter>,
    /// The queue: for each class, the waiters that are there, by ticket.
    queues: [BTreeMap<u64, Key>; 3],
    /// The same, in any order, to draw samples from.
    present: Vec<Key>,
    /// Waiters that stand for more than one request, as a `WatchAll` does, by the logarithm of that number.
    heavy: BTreeSet<(u32, Key)>,
    /// How many waiters in the queue have a priority.
    prioritized: usize,
    /// For how many requests the waiters in the queue wait.
    weight: usize,
    pub(super) sampler: Sampler,
    epoch: Epoch,
}

impl Waiters {
    pub(super) fn new(epoch: Epoch) -> Self {
        Self {
            slab: Slab::new(),
            queues: [const { BTreeMap::new() }; 3],
            present: Vec::new(),
            heavy: BTreeSet::new(),
            prioritized: 0,
            weight: 0,
            sampler: Sampler::new(),
            epoch,
        }
    }

    /// Adds a waiter that is not in the queue yet.
    pub(super) fn add(&mut self, waiter: Waiter) -> Key {
        // By a sixteenth: to double would take much room for 100,000 waiters.
        let more = (self.slab.len() / 16).max(16);
        if self.slab.len() == self.slab.capacity() {
            self.slab.reserve_exact(more);
        }
        if self.present.len() == self.present.capacity() {
            self.present.reserve_exact(more);
        }
        Key::of(self.slab.insert(waiter))
    }

    /// Removes a waiter, wherever it is.
    pub(super) fn remove(&mut self, key: Key) -> Option<Waiter> {
        self.dequeue(key);
        self.slab.try_remove(key.index())
    }

    pub(super) fn get(&self, key: Key) -> Option<&Waiter> {
        self.slab.get(key.index())
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Waiter> {
        self.slab.get_mut(key.index())
    }

    /// Puts a waiter into the queue, at the place of its ticket.
    pub(super) fn enqueue(&mut self, key: Key) {
        let Some(waiter) = self.slab.get_mut(key.index()) else { return };
        waiter.presence = Presence::Waiting;
        waiter.index = u32::try_from(self.present.len()).unwrap_or(u32::MAX);
        self.present.push(key);
        self.prioritized = self.prioritized.saturating_add(usize::from(waiter.priority.is_some()));
        self.weight = self.weight.saturating_add(waiter.weight as usize);
        if waiter.weight > 1 {
            self.heavy.insert((waiter.weight.ilog2(), key));
        }
        let (class, ticket) = (waiter.class, waiter.ticket);
        if let Some(queue) = self.queues.get_mut(class as usize) {
            queue.insert(ticket, key);
        }
    }

    /// Takes a waiter out of the queue, if it is in it.
    pub(super) fn dequeue(&mut self, key: Key) {
        let Some(waiter) = self.slab.get(key.index()).filter(|waiter| waiter.presence == Presence::Waiting) else {
            return;
        };
        self.prioritized = self.prioritized.saturating_sub(usize::from(waiter.priority.is_some()));
        self.weight = self.weight.saturating_sub(waiter.weight as usize);
        if waiter.weight > 1 {
            self.heavy.remove(&(waiter.weight.ilog2(), key));
        }
        let (class, ticket, index) = (waiter.class, waiter.ticket, waiter.index);
        if let Some(queue) = self.queues.get_mut(class as usize) {
            queue.remove(&ticket);
        }
        self.present.swap_remove(index as usize);
        let moved = self.present.get(index as usize).copied();
        if let Some(moved) = moved.and_then(|key| self.slab.get_mut(key.index())) {
            moved.index = index;
        }
    }

    /// The number of waiters in the queue.
    pub(super) fn len(&self) -> usize {
        self.present.len()
    }

    pub(super) fn len_of(&self, class: Class) -> usize {
        self.queues.get(class as usize).map_or(0, BTreeMap::len)
    }

    /// For how many requests the waiters in the queue wait.
    pub(super) const fn weight(&self) -> usize {
        self.weight
    }

    /// The waiter of these classes that is next. `permits`: how many permits there are. Costs of more than a step are taken
    /// off `steps`.
    pub(super) fn next(
        &mut self,
        eligible: impl Fn(Class) -> bool,
        permits: usize,
        now: Instant,
        steps: &mut usize,
    ) -> Option<Key> {
        // Of early repeats the last: its schedule's own poll is farthest away.
        let first = |class: Class| match class {
            Class::Urgent | Class::Normal => self.queues.get(class as usize)?.first_key_value(),
            Class::Retry => self.queues.get(class as usize)?.last_key_value(),
        };
        let urgent = first(Class::Urgent).filter(|_| eligible(Class::Urgent));
        let others = Class::ALL.into_iter().filter(|class| eligible(*class)).filter_map(first);
        let oldest = others.min().map(|(_, key)| *key);
        if self.prioritized == 0 || self.len() <= permits || self.sampler.is_fifo() {
            return oldest;
        }
        // A person or a program waits for this one answer.
        if let Some((_, key)) = urgent {
            return Some(*key);
        }
        let compared = self.len().min(SAMPLE_SIZE).saturating_add(self.heavy.len().min(MAX_HEAVY));
        *steps = steps.saturating_sub(compared);
        let Self { slab, present, heavy, sampler, epoch, .. } = self;
        let at = epoch.nanos(now);
        let sample = sampler.sample(present.len(), SAMPLE_SIZE).filter_map(|index| present.get(index));
        let heaviest = heavy.iter().rev().take(MAX_HEAVY).map(|(_, key)| key);
        let values = sample.chain(heaviest).filter_map(|key| {
            let waiter = slab.get(key.index()).filter(|waiter| eligible(waiter.class))?;
            Some((waiter.value(now, at), waiter.ticket, *key))
        });
        let best = values.max_by(|(a, first, _), (b, second, _)| a.total_cmp(b).then(second.cmp(first)));
        best.map(|(_, _, key)| key).or(oldest)
    }

    /// The waiter that waits longest from now on: of the first class in which there is one, the last that gets a permit.
    pub(super) fn last(&self) -> Option<Key> {
        let [urgent, normal, retry] = &self.queues;
        let last = normal.last_key_value().or_else(|| retry.first_key_value()).or_else(|| urgent.last_key_value());
        last.map(|(_, key)| *key)
    }

    /// Brings a waiter that is not in the queue up to date.
    pub(super) fn update(&mut self, key: Key, weight: u32, class: Class, priority: Option<&Priority>) {
        if let Some(waiter) = self.get_mut(key) {
            (waiter.weight, waiter.class) = (weight, class);
            if let Some(priority) = priority {
                waiter.priority = Some(priority.clone());
            }
        }
    }
}

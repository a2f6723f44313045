//! The tasks of a fleet that wait for a turn, the first first; and whose turn it is, where some gain more by it than others.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::task_slots::{Key, Slot, TaskSlots};
use crate::limiter::Sampler;

pub(super) struct Queue {
    /// With its place in the client's queue, if it had to join that. Some have left meanwhile.
    waiting: VecDeque<(Key, Option<u64>)>,
    /// How many of them have left out of their turn.
    gone: usize,
    draw: Sampler,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self { waiting: VecDeque::new(), gone: 0, draw: Sampler::new() }
    }

    pub(super) fn join(&mut self, key: Key, slots: &TaskSlots) {
        if slots.is_mostly_stale(self.waiting.len()) {
            self.clean(slots);
        }
        self.waiting.push_back((key, None));
    }

    fn clean(&mut self, slots: &TaskSlots) {
        self.waiting.retain(|(key, _)| slots.slot(*key).is_some_and(Slot::waits));
        self.gone = 0;
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len().saturating_sub(self.gone)
    }

    /// Who waits longest, and their place in the client's queue.
    pub(super) fn first(&mut self, slots: &TaskSlots) -> Option<(Key, Option<u64>)> {
        loop {
            let first = *self.waiting.front()?;
            if slots.slot(first.0).is_some_and(Slot::waits) {
                return Some(first);
            }
            self.waiting.pop_front();
            self.gone = self.gone.saturating_sub(usize::from(first.0 == Key::NOBODY));
        }
    }

    /// Gives places in the client's queue to those who have none.
    pub(super) fn take_places(&mut self, issue: impl FnOnce(usize) -> u64) {
        let newcomers = self.waiting.iter().rev().take_while(|(_, ticket)| ticket.is_none()).count();
        if newcomers > 0 {
            let start = self.waiting.len().saturating_sub(newcomers);
            for ((_, ticket), number) in self.waiting.range_mut(start..).zip(issue(newcomers)..) {
                *ticket = Some(number);
            }
        }
    }

    /// Takes out who waits longest.
    pub(super) fn take_first(&mut self, slots: &TaskSlots) -> Option<Key> {
        let (first, _) = self.first(slots)?;
        self.waiting.pop_front();
        Some(first)
    }

    /// Takes out who is to go next, of whom `best` gains most: that one, or each so often the first.
    pub(super) fn take(&mut self, best: Option<(usize, Key)>, slots: &TaskSlots) -> Option<Key> {
        let best = best.filter(|_| !self.draw.is_fifo());
        self.draw.count();
        let Some((place, key)) = best else { return self.take_first(slots) };
        if let Some(entry) = self.waiting.get_mut(place) {
            entry.0 = Key::NOBODY;
            self.gone = self.gone.saturating_add(1);
        }
        if self.gone > self.waiting.len() / 2 {
            self.clean(slots);
        }
        Some(key)
    }

    /// Who gains most by a turn now, or one of those: more than a few are not all looked at.
    pub(super) fn best(&mut self, slots: &TaskSlots, now: Instant) -> Option<(usize, Key)> {
        let (first, _) = self.first(slots)?;
        slots.slot(first)?.run.gain(now)?;
        let Self { waiting, draw, .. } = self;
        let gain = |place: usize| {
            let (key, _) = waiting.get(place)?;
            let slot = slots.slot(*key).filter(|slot| slot.waits())?;
            Some((slot.run.gain(now)?, place, *key))
        };
        let gains = draw.sample(waiting.len()).filter_map(gain);
        // Of equals, the first.
        let best = gains.max_by(|(a, first, _), (b, second, _)| a.total_cmp(b).then(second.cmp(first)));
        best.map(|(_, place, key)| (place, key))
    }
}

//! The tasks of a fleet that are to be asked about at once.

use std::collections::HashMap;
use std::task::Context;

use tokio::time::Instant;

use super::WatchAll;
use super::roster::{Key, Slot, Stage};

/// Of those that were rung for since they were asked about last: few, or none.
#[derive(Default)]
pub(super) struct Calls(HashMap<Key, Call>);

#[derive(Default)]
pub(super) struct Call {
    /// From when on it is to be asked about, once what is in flight has come.
    pub(super) ring: Option<Instant>,
    /// When it would have been.
    pub(super) planned: Option<Instant>,
}

impl Calls {
    /// A request goes out: what rang before needs no other.
    pub(super) fn heard(&mut self, key: Key) {
        if !self.0.is_empty() {
            if let Some(call) = self.0.get_mut(&key) {
                call.ring = None;
            }
        }
    }

    pub(super) fn take(&mut self, key: Key) -> Call {
        if self.0.is_empty() { Call::default() } else { self.0.remove(&key).unwrap_or_default() }
    }

    fn of(&mut self, key: Key) -> &mut Call {
        self.0.entry(key).or_default()
    }
}

impl WatchAll {
    /// Brings forward those that were rung for.
    pub(super) fn take_calls(&mut self, cx: &Context<'_>) {
        for (id, at) in self.post.collect(cx.waker()) {
            if let Some(key) = self.roster.find(id.as_str()) {
                self.ring(key, at);
            }
        }
    }

    pub(super) fn ring(&mut self, key: Key, at: Instant) {
        let Some(slot) = self.roster.slot(key) else { return };
        match slot.stage {
            Stage::Pausing => {
                let Some(due) = slot.due().and_then(|due| self.shared.instant(due)).filter(|due| *due > at) else {
                    return;
                };
                self.calls.of(key).planned.get_or_insert(due);
                self.roster.set_due(key, Stage::Pausing, Some(self.shared.nanos(at)));
            }
            Stage::InFlight => {
                self.calls.of(key).ring.get_or_insert(at);
            }
            // It asks when it may, which is as soon as it can.
            Stage::Resting | Stage::Waiting | Stage::Overdue => {}
        }
    }

    /// The task leaves.
    pub(super) fn dismiss(&mut self, key: Key) -> Option<Slot> {
        self.calls.take(key);
        let slot = self.roster.remove(key)?;
        self.post.unlist(slot.run.id());
        Some(slot)
    }
}

//! The tasks of a fleet that are to be asked about at once.

use std::collections::HashMap;
use std::task::Context;

use tokio::time::Instant;

use super::WatchAll;
use super::task_slots::{Key, Slot, Stage};
use crate::notify::PendingPoll;

/// Of those that were rung for and not asked about by the schedule since: few, or none.
#[derive(Default)]
pub(super) struct Calls(HashMap<Key, PendingPoll>);

impl Calls {
    /// A request goes out. Whether the schedule would not have sent it yet.
    pub(super) fn sent(&mut self, key: Key, now: Instant) -> bool {
        let Some(call) = self.get(key) else { return false };
        call.sent(now);
        let beside = call.scheduled_at.is_some();
        if !beside {
            self.0.remove(&key);
        }
        beside
    }

    pub(super) fn get(&mut self, key: Key) -> Option<&mut PendingPoll> {
        if self.0.is_empty() { None } else { self.0.get_mut(&key) }
    }
}

impl WatchAll {
    /// Brings forward those that were rung for.
    pub(super) fn take_calls(&mut self, cx: &Context<'_>) {
        for (id, at) in self.inbox.collect(cx.waker()) {
            if let Some(key) = self.slots.find(id.as_str()) {
                self.notify(key, at);
            }
        }
    }

    pub(super) fn notify(&mut self, key: Key, at: Instant) {
        let Some(slot) = self.slots.slot(key) else { return };
        match slot.stage {
            Stage::Scheduled => {
                let Some(due) = slot.due().and_then(|due| self.shared.instant(due)).filter(|due| *due > at) else {
                    return;
                };
                self.calls.0.entry(key).or_default().scheduled_at.get_or_insert(due);
                self.slots.set_due(key, Stage::Scheduled, Some(self.shared.nanos(at)));
            }
            Stage::InFlight => {
                self.calls.0.entry(key).or_default().notify.get_or_insert(at);
            }
            // It asks when it may, which is as soon as it can.
            Stage::CoolingDown | Stage::Queued | Stage::FinalQueued => {}
        }
    }

    /// The task leaves.
    pub(super) fn dismiss(&mut self, key: Key) -> Option<Slot> {
        if !self.calls.0.is_empty() {
            self.calls.0.remove(&key);
        }
        let slot = self.slots.remove(key)?;
        self.inbox.unlist(slot.run.id());
        Some(slot)
    }
}

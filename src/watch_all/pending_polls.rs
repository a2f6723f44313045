//! Extra polls of a `WatchAll` that wait for the response of a poll in flight.

use std::collections::HashMap;

use tokio::time::Instant;

use super::task_slots::Key;

/// Tasks that were notified while their poll was in flight, and from when on they may be polled again: few, or none.
#[derive(Default)]
pub(super) struct PendingPolls(HashMap<Key, Instant>);

impl PendingPolls {
    pub(super) fn insert(&mut self, key: Key, not_before: Instant) {
        self.0.entry(key).or_insert(not_before);
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Instant> {
        if self.0.is_empty() { None } else { self.0.remove(&key) }
    }
}

//! The notifications of a `WatchAll`: one subscriber for all its tasks.

use std::collections::{HashMap, hash_map};
use std::mem;
use std::task::Waker;

use tokio::time::Instant;

use super::registry::{Delivered, Registry, Subscriber};
use crate::task::TaskId;

pub(crate) struct Inbox {
    registry: Registry,
    /// None before the first task runs, and after `close`.
    key: Option<u32>,
    /// Taken from the registry all at once, to be returned one by one.
    collected: hash_map::IntoIter<TaskId, Instant>,
}

impl Inbox {
    pub(crate) fn new(registry: Registry) -> Self {
        Self { registry, key: None, collected: hash_map::IntoIter::default() }
    }

    /// From now on this task's notifications come here. If a callback came shortly before: from when on it may be polled.
    pub(crate) fn subscribe(&mut self, id: &TaskId) -> Option<Instant> {
        let Self { registry, key, .. } = self;
        registry.locked(|entries| {
            let key = *key
                .get_or_insert_with(|| u32::try_from(entries.inboxes.insert(Delivered::default())).unwrap_or(u32::MAX));
            entries.add(id, Subscriber::WatchAll(key))
        })
    }

    pub(crate) fn unsubscribe(&self, id: &TaskId) {
        if let Some(key) = self.key {
            self.registry.locked(|entries| entries.remove(id, Subscriber::WatchAll(key)));
        }
    }

    /// The next notification: a task, and from when on it may be polled. If there is none, the waker is woken when there is.
    pub(crate) fn pop(&mut self, waker: &Waker) -> Option<(TaskId, Instant)> {
        if self.collected.len() == 0 {
            self.collected = self.collect(waker).into_iter();
        }
        self.collected.next()
    }

    fn collect(&self, waker: &Waker) -> HashMap<TaskId, Instant> {
        let Some(key) = self.key else { return HashMap::new() };
        let (notified, before) = self.registry.locked(|entries| {
            let Some(inbox) = entries.inboxes.get_mut(key as usize) else { return (HashMap::new(), None) };
            let stays = inbox.waker.as_ref().is_some_and(|before| before.will_wake(waker));
            let before = if stays { None } else { inbox.waker.replace(waker.clone()) };
            // A taken map leaves a new one, whose hasher is not free.
            let empty = inbox.not_before.is_empty();
            (if empty { HashMap::new() } else { mem::take(&mut inbox.not_before) }, before)
        });
        drop(before); // outside the lock: it may drop a task, and with it a `WatchAll`
        notified
    }

    /// An extra poll of this task is sent now.
    pub(crate) fn sent(&self, id: &TaskId) {
        self.registry.locked(|entries| entries.debounce.sent(id, Instant::now()));
    }

    /// No more notifications come. `ids`: all tasks that have subscribed.
    pub(crate) fn close<'a>(&mut self, ids: impl Iterator<Item = &'a TaskId>) {
        let Some(key) = self.key.take() else { return };
        let inbox = self.registry.locked(|entries| {
            ids.for_each(|id| entries.remove(id, Subscriber::WatchAll(key)));
            entries.inboxes.try_remove(key as usize)
        });
        drop(inbox); // outside the lock, for the same reason
    }
}

//! The running watches of a client and its clones, by the id of their task.
//!
//! There may be 100,000 watches, so an entry is small: 16 bytes in the index, and a waker.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use hashbrown::HashTable;
use slab::Slab;
use tokio::time::Instant;

use super::debounce::Debounce;
use super::recent_callbacks::RecentCallbacks;
use crate::task::TaskId;

#[derive(Clone)]
pub(crate) struct Registry(Arc<Mutex<Entries>>);

/// A single watch in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WatchKey(u32);

impl WatchKey {
    /// Of no watch: there are never that many.
    pub(crate) const NONE: Self = Self(u32::MAX);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subscriber {
    Watch(u32),
    WatchAll(u32),
}

#[derive(Default)]
pub(super) struct Entries {
    hasher: RandomState,
    /// By the hash of the task's id: two ids are taken never to have the same 64 bits.
    index: HashTable<(u64, Subscriber)>,
    /// The waker of each single watch: a no-op while it does not pause.
    watches: Slab<Waker>,
    /// Single watches that were notified and have sent no request since, and from when on they may.
    notified: HashMap<u32, Instant>,
    pub(super) inboxes: Slab<Delivered>,
    pub(super) debounce: Debounce,
    recent: RecentCallbacks,
}

/// The notifications of a `WatchAll` that it has not collected yet.
#[derive(Default)]
pub(super) struct Delivered {
    /// Each task once, however often it was notified, and from when on it may be polled.
    pub(super) not_before: HashMap<TaskId, Instant>,
    pub(super) waker: Option<Waker>,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// Notifies all running watches of the task, and returns how many there are. `remember`: a watch that begins soon is
    /// notified, too.
    pub(crate) fn notify(&self, id: &str, remember: bool) -> usize {
        let now = Instant::now();
        let mut wake = Vec::new();
        let reached = self.locked(|entries| {
            let hash = entries.hasher.hash_one(id);
            let of_task = |entry: &&(u64, Subscriber)| entry.0 == hash;
            let subscribers: Vec<_> = entries.index.iter_hash(hash).filter(of_task).map(|entry| entry.1).collect();
            if subscribers.is_empty() && !remember {
                return 0;
            }
            let id = TaskId::from(id);
            if remember {
                entries.recent.remember(&id, now);
            }
            if !subscribers.is_empty() {
                let not_before = entries.debounce.admit(&id, now);
                wake.extend(subscribers.iter().filter_map(|subscriber| entries.deliver(*subscriber, &id, not_before)));
            }
            subscribers.len()
        });
        wake.into_iter().for_each(Waker::wake);
        reached
    }

    /// From now on the watch of this task is notified.
    pub(crate) fn subscribe(&self, id: &TaskId) -> WatchKey {
        self.locked(|entries| {
            let key = u32::try_from(entries.watches.insert(Waker::noop().clone())).unwrap_or(u32::MAX);
            if let Some(not_before) = entries.add(id, Subscriber::Watch(key)) {
                entries.notified.insert(key, not_before);
            }
            WatchKey(key)
        })
    }

    pub(crate) fn unsubscribe(&self, key: WatchKey, id: &TaskId) {
        let waker = self.locked(|entries| {
            entries.remove(id, Subscriber::Watch(key.0));
            entries.notified.remove(&key.0);
            entries.watches.try_remove(key.0 as usize)
        });
        drop(waker); // outside the lock: it may drop a task, and with it a watch
    }

    /// Ready when the watch was notified: from when on it may poll. Otherwise it is woken when it is.
    pub(crate) fn poll_notified(&self, key: WatchKey, waker: &Waker) -> Poll<Instant> {
        let (notified, before) = self.locked(|entries| {
            let before = entries.watches.get_mut(key.0 as usize);
            let before = before.filter(|before| !before.will_wake(waker));
            let before = before.map(|before| std::mem::replace(before, waker.clone()));
            (entries.notified.get(&key.0).copied(), before)
        });
        drop(before); // outside the lock, for the same reason
        notified.map_or(Poll::Pending, Poll::Ready)
    }

    /// The watch sends a request now: notifications that came before need no other.
    pub(crate) fn sent(&self, key: WatchKey, id: &TaskId) {
        self.locked(|entries| {
            if entries.notified.remove(&key.0).is_some() {
                entries.debounce.sent(id, Instant::now());
            }
        });
    }

    pub(super) fn locked<T>(&self, visit: impl FnOnce(&mut Entries) -> T) -> T {
        visit(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Entries {
    /// From now on the subscriber is notified of this task. If a callback came shortly before: from when on it may poll.
    pub(super) fn add(&mut self, id: &TaskId, subscriber: Subscriber) -> Option<Instant> {
        let hash = self.hasher.hash_one(id.as_str());
        self.index.insert_unique(hash, (hash, subscriber), |(hash, _)| *hash);
        let now = Instant::now();
        self.recent.contains(id, now).then(|| self.debounce.admit(id, now))
    }

    pub(super) fn remove(&mut self, id: &TaskId, subscriber: Subscriber) {
        let hash = self.hasher.hash_one(id.as_str());
        if let Ok(entry) = self.index.find_entry(hash, |entry| *entry == (hash, subscriber)) {
            entry.remove();
        }
    }

    /// Returns the waker to wake, unless the subscriber was notified before.
    fn deliver(&mut self, subscriber: Subscriber, id: &TaskId, not_before: Instant) -> Option<Waker> {
        match subscriber {
            Subscriber::Watch(key) => {
                self.notified.entry(key).or_insert(not_before);
                let waker = self.watches.get_mut(key as usize)?;
                Some(std::mem::replace(waker, Waker::noop().clone()))
            }
            Subscriber::WatchAll(key) => {
                let inbox = self.inboxes.get_mut(key as usize)?;
                inbox.not_before.entry(id.clone()).or_insert(not_before);
                inbox.waker.take()
            }
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}

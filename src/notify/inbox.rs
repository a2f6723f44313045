//! The bells of a fleet's tasks: one letter box for all.

use std::collections::HashMap;
use std::mem;
use std::task::Waker;

use tokio::time::Instant;

use super::{Registry, Subscriber, replace};
use crate::task::TaskId;

/// Whom to ask about, and from when on; each task once, however often it was rung for.
#[derive(Default)]
pub(super) struct Delivered {
    notified: HashMap<TaskId, Instant>,
    waker: Option<Waker>,
}

impl Delivered {
    pub(super) fn put(&mut self, id: &TaskId, at: Instant) -> Option<Waker> {
        self.notified.entry(id.clone()).or_insert(at);
        self.waker.take()
    }
}

pub(crate) struct Inbox {
    registry: Registry,
    /// None before the first task runs, and once it is closed.
    subscriber: Option<usize>,
}

impl Inbox {
    pub(crate) const fn new(registry: Registry) -> Self {
        Self { registry, subscriber: None }
    }

    /// From now on it is rung for when it is about this task. If a callback came shortly before: from when on it is to be asked
    /// about.
    pub(crate) fn list(&mut self, id: &TaskId) -> Option<Instant> {
        let Self { registry, subscriber } = self;
        registry.at(|entries| {
            let subscriber = *subscriber.get_or_insert_with(|| entries.add(Subscriber::Fleet(Box::default())));
            entries.list(id, subscriber)
        })
    }

    pub(crate) fn unlist(&self, id: &TaskId) {
        if let Some(subscriber) = self.subscriber {
            self.registry.at(|entries| entries.unlist(id, subscriber));
        }
    }

    /// What came since the last time. Wakes this one when there is more.
    pub(crate) fn collect(&self, waker: &Waker) -> impl IntoIterator<Item = (TaskId, Instant)> + use<> {
        let Some(subscriber) = self.subscriber else { return HashMap::new() };
        let (notified, before) = self.registry.at(|entries| {
            let Some(Subscriber::Fleet(letters)) = entries.subscribers.get_mut(subscriber) else {
                return (HashMap::new(), None);
            };
            let before = replace(&mut letters.waker, waker);
            let notified = if letters.notified.is_empty() { HashMap::new() } else { mem::take(&mut letters.notified) };
            (notified, before)
        });
        drop(before); // outside the lock: it may drop a task, and with it a fleet
        notified
    }

    /// A request that was rung for goes out.
    pub(crate) fn asked(&self, id: &TaskId) {
        self.registry.at(|entries| entries.ledger.asked(id, Instant::now()));
    }

    /// No task is rung for any more; these were.
    pub(crate) fn close<'a>(&mut self, ids: impl Iterator<Item = &'a TaskId>) {
        let Some(subscriber) = self.subscriber.take() else { return };
        let letters = self.registry.at(|entries| {
            ids.for_each(|id| entries.unlist(id, subscriber));
            entries.subscribers.try_remove(subscriber)
        });
        drop(letters); // outside the lock, likewise
    }
}

//! The bells of a fleet's tasks: one letter box for all.

use std::collections::HashMap;
use std::mem;
use std::task::Waker;

use tokio::time::Instant;

use super::{Bells, Listener, replace};
use crate::task::TaskId;

/// Whom to ask about, and from when on; each task once, however often it was rung for.
#[derive(Default)]
pub(super) struct Letters {
    rung: HashMap<TaskId, Instant>,
    waker: Option<Waker>,
}

impl Letters {
    pub(super) fn put(&mut self, id: &TaskId, at: Instant) -> Option<Waker> {
        self.rung.entry(id.clone()).or_insert(at);
        self.waker.take()
    }
}

pub(crate) struct Post {
    bells: Bells,
    /// None before the first task runs, and once it is closed.
    listener: Option<usize>,
}

impl Post {
    pub(crate) const fn new(bells: Bells) -> Self {
        Self { bells, listener: None }
    }

    /// From now on it is rung for when it is about this task. If a callback came shortly before: from when on it is to be asked
    /// about.
    pub(crate) fn list(&mut self, id: &TaskId) -> Option<Instant> {
        let Self { bells, listener } = self;
        bells.at(|book| {
            let listener = *listener.get_or_insert_with(|| book.add(Listener::Fleet(Box::default())));
            book.list(id, listener)
        })
    }

    pub(crate) fn unlist(&self, id: &TaskId) {
        if let Some(listener) = self.listener {
            self.bells.at(|book| book.unlist(id, listener));
        }
    }

    /// What came since the last time. Wakes this one when there is more.
    pub(crate) fn collect(&self, waker: &Waker) -> impl IntoIterator<Item = (TaskId, Instant)> + use<> {
        let Some(listener) = self.listener else { return HashMap::new() };
        let (rung, before) = self.bells.at(|book| {
            let Some(Listener::Fleet(letters)) = book.listeners.get_mut(listener) else {
                return (HashMap::new(), None);
            };
            let before = replace(&mut letters.waker, waker);
            let rung = if letters.rung.is_empty() { HashMap::new() } else { mem::take(&mut letters.rung) };
            (rung, before)
        });
        drop(before); // outside the lock: it may drop a task, and with it a fleet
        rung
    }

    /// A request that was rung for goes out.
    pub(crate) fn asked(&self, id: &TaskId) {
        self.bells.at(|book| book.ledger.asked(id, Instant::now()));
    }

    /// No task is rung for any more; these were.
    pub(crate) fn close<'a>(&mut self, ids: impl Iterator<Item = &'a TaskId>) {
        let Some(listener) = self.listener.take() else { return };
        let letters = self.bells.at(|book| {
            ids.for_each(|id| book.unlist(id, listener));
            book.listeners.try_remove(listener)
        });
        drop(letters); // outside the lock, likewise
    }
}

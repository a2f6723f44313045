//! Who is to be asked about at once: the running watches of a task, found by its id and woken.
//!
//! A ring is kept until a request that began after it is on its way, whatever the watch was doing when it came.

mod call;
mod ledger;
mod post;

use std::collections::hash_map::RandomState;
use std::fmt;
use std::future::{Future, poll_fn};
use std::hash::BuildHasher;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use hashbrown::HashTable;
use slab::Slab;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::task::TaskId;
pub(crate) use call::{Call, Pause};
use ledger::Ledger;
pub(crate) use post::Post;

/// The bells of all running watches of a client and of its clones.
#[derive(Clone)]
pub(crate) struct Bells(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    hasher: RandomState,
    /// By the hash of the task's id, of which no two are taken to have the same: who listens.
    index: HashTable<(u64, u32)>,
    listeners: Slab<Listener>,
    ledger: Ledger,
}

enum Listener {
    Watch(Hearing),
    Fleet(Box<post::Letters>),
}

/// What a single watch has heard.
struct Hearing {
    id: TaskId,
    waker: Option<Waker>,
    /// Boxed: most watches are never rung for.
    call: Option<Box<Call>>,
}

impl Bells {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// Rings for all running watches of the task, and says how many. Within a second of the last time they are not asked to
    /// ask again before it is over. `early`: a watch that starts soon is to hear of it too.
    pub(crate) fn ring(&self, id: &TaskId, early: bool) -> usize {
        let now = Instant::now();
        let mut woken = Vec::new();
        let reached = self.at(|book| {
            if early {
                book.ledger.remember(id, now);
            }
            let Book { index, listeners, ledger, hasher } = book;
            let hash = hasher.hash_one(id.as_str());
            let found = || index.iter_hash(hash).filter(|(of, _)| *of == hash).map(|(_, listener)| *listener as usize);
            let reached = found().count();
            if reached > 0 {
                let at = ledger.admit(id, now);
                for listener in found() {
                    match listeners.get_mut(listener) {
                        Some(Listener::Watch(hearing)) => woken.extend(hearing.ring(at)),
                        Some(Listener::Fleet(letters)) => woken.extend(letters.put(id, at)),
                        None => {}
                    }
                }
            }
            reached
        });
        woken.into_iter().for_each(Waker::wake);
        reached
    }

    fn at<T>(&self, visit: impl FnOnce(&mut Book) -> T) -> T {
        visit(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Book {
    fn add(&mut self, listener: Listener) -> usize {
        self.listeners.insert(listener)
    }

    /// From now on this listener is rung for when it is about this task. If a callback came before it did: from when on it is to
    /// ask.
    fn list(&mut self, id: &TaskId, listener: usize) -> Option<Instant> {
        let hash = self.hasher.hash_one(id.as_str());
        if let Ok(listener) = u32::try_from(listener) {
            self.index.insert_unique(hash, (hash, listener), |(hash, _)| *hash);
        }
        let now = Instant::now();
        self.ledger.recalls(id, now).then(|| self.ledger.admit(id, now))
    }

    fn unlist(&mut self, id: &TaskId, listener: usize) {
        let hash = self.hasher.hash_one(id.as_str());
        if let Ok(entry) = self.index.find_entry(hash, |(of, by)| *of == hash && *by as usize == listener) {
            entry.remove();
        }
    }

    fn hearing(&mut self, listener: usize) -> Option<&mut Hearing> {
        match self.listeners.get_mut(listener) {
            Some(Listener::Watch(hearing)) => Some(hearing),
            _ => None,
        }
    }
}

/// Whom to wake from now on. Returns who is not to be any more, to be dropped outside the lock.
fn replace(place: &mut Option<Waker>, waker: &Waker) -> Option<Waker> {
    let stays = place.as_ref().is_some_and(|before| before.will_wake(waker));
    if stays { None } else { place.replace(waker.clone()) }
}

impl Hearing {
    fn ring(&mut self, at: Instant) -> Option<Waker> {
        self.call.get_or_insert_default().ring.get_or_insert(at);
        self.waker.take()
    }
}

impl fmt::Debug for Bells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bells")
    }
}

/// One watch's bell, from the first poll of its stream to its drop.
pub(crate) struct Bell {
    bells: Bells,
    listener: usize,
}

impl Bell {
    pub(crate) fn hang(bells: &Bells, id: &TaskId) -> Self {
        let listener = bells.at(|book| {
            let listener = book.add(Listener::Watch(Hearing { id: id.clone(), waker: None, call: None }));
            if let Some(at) = book.list(id, listener) {
                book.hearing(listener).and_then(|hearing| hearing.ring(at));
            }
            listener
        });
        Self { bells: bells.clone(), listener }
    }

    /// Waits for the pause to end, or until it rings.
    pub(crate) async fn rest(pause: Pause, bell: &Self) {
        let mut sleep = pin!(sleep_until(pause.until));
        poll_fn(|cx| bell.poll_rest(cx, sleep.as_mut(), pause)).await;
    }

    fn poll_rest(&self, cx: &mut Context<'_>, mut sleep: Pin<&mut Sleep>, pause: Pause) -> Poll<()> {
        let Pause { until, firm } = pause;
        loop {
            let rung = if firm { None } else { self.listen(cx.waker()) };
            let due = rung.map_or(until, |rung| rung.min(until));
            if due <= Instant::now() {
                if due < until {
                    self.call(|call| *call.planned.get_or_insert(until));
                }
                return Poll::Ready(());
            }
            if sleep.deadline() != due {
                sleep.as_mut().reset(due);
            }
            ready!(sleep.as_mut().poll(cx));
        }
    }

    /// From when on it is to ask, if it was rung for; or else this one is woken when it is.
    fn listen(&self, waker: &Waker) -> Option<Instant> {
        let (rung, before) = self.bells.at(|book| {
            let hearing = book.hearing(self.listener)?;
            let before = replace(&mut hearing.waker, waker);
            Some((hearing.call.as_ref().and_then(|call| call.ring), before))
        })?;
        drop(before); // outside the lock: it may drop a task, and with it a watch
        rung
    }

    fn call<T>(&self, what: impl FnOnce(&mut Call) -> T) -> Option<T> {
        self.bells.at(|book| book.hearing(self.listener)?.call.as_deref_mut().map(what))
    }

    /// To be told when a request goes out.
    pub(crate) fn ear(&self) -> Ear {
        Ear { bells: self.bells.clone(), listener: self.listener }
    }

    /// When the schedule would have asked, if what is asked now is beside it.
    pub(crate) fn planned(&self) -> Option<Instant> {
        self.call(|call| call.planned).flatten()
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        let listener = self.bells.at(|book| {
            let listener = book.listeners.try_remove(self.listener);
            if let Some(Listener::Watch(hearing)) = &listener {
                book.unlist(&hearing.id, self.listener);
            }
            listener
        });
        drop(listener); // outside the lock, likewise
    }
}

/// What a [`Bell`] is told: that a request goes out now. What rang before needs no other.
pub(crate) struct Ear {
    bells: Bells,
    listener: usize,
}

impl Ear {
    pub(crate) fn heard(&self) {
        self.bells.at(|book| {
            let Some(Listener::Watch(hearing)) = book.listeners.get_mut(self.listener) else { return };
            let now = Instant::now();
            if hearing.call.as_mut().is_some_and(|call| call.heard(now)) {
                book.ledger.asked(&hearing.id, now);
            }
        });
    }
}

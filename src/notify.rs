//! Who is to be asked about at once: the running watches of a task, found by its id and woken.
//!
//! A ring is kept until a request that began after it is on its way, whatever the watch was doing when it came.

mod debounce;
mod inbox;
mod pending_poll;

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
use debounce::Debounce;
pub(crate) use inbox::Inbox;
pub(crate) use pending_poll::{NextPoll, PendingPoll};

/// The bells of all running watches of a client and of its clones.
#[derive(Clone)]
pub(crate) struct Registry(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    hasher: RandomState,
    /// By the hash of the task's id, of which no two are taken to have the same: who listens.
    index: HashTable<(u64, u32)>,
    subscribers: Slab<Subscriber>,
    ledger: Debounce,
}

enum Subscriber {
    Watch(WatchSubscriber),
    Fleet(Box<inbox::Delivered>),
}

/// What a single watch has heard.
struct WatchSubscriber {
    id: TaskId,
    waker: Option<Waker>,
    /// Boxed: most watches are never rung for.
    call: Option<Box<PendingPoll>>,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// Rings for all running watches of the task, and says how many. Within a second of the last time they are not asked to
    /// ask again before it is over. `early`: a watch that starts soon is to hear of it too.
    pub(crate) fn notify(&self, id: &TaskId, early: bool) -> usize {
        let now = Instant::now();
        let mut woken = Vec::new();
        let reached = self.at(|entries| {
            if early {
                entries.ledger.remember(id, now);
            }
            let Entries { index, subscribers, ledger, hasher } = entries;
            let hash = hasher.hash_one(id.as_str());
            let found =
                || index.iter_hash(hash).filter(|(of, _)| *of == hash).map(|(_, subscriber)| *subscriber as usize);
            let reached = found().count();
            if reached > 0 {
                let at = ledger.admit(id, now);
                for subscriber in found() {
                    match subscribers.get_mut(subscriber) {
                        Some(Subscriber::Watch(watch)) => woken.extend(watch.notify(at)),
                        Some(Subscriber::Fleet(letters)) => woken.extend(letters.put(id, at)),
                        None => {}
                    }
                }
            }
            reached
        });
        woken.into_iter().for_each(Waker::wake);
        reached
    }

    fn at<T>(&self, visit: impl FnOnce(&mut Entries) -> T) -> T {
        visit(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Entries {
    fn add(&mut self, subscriber: Subscriber) -> usize {
        self.subscribers.insert(subscriber)
    }

    /// From now on this listener is rung for when it is about this task. If a callback came before it did: from when on it is to
    /// ask.
    fn list(&mut self, id: &TaskId, subscriber: usize) -> Option<Instant> {
        let hash = self.hasher.hash_one(id.as_str());
        if let Ok(subscriber) = u32::try_from(subscriber) {
            self.index.insert_unique(hash, (hash, subscriber), |(hash, _)| *hash);
        }
        let now = Instant::now();
        self.ledger.recalls(id, now).then(|| self.ledger.admit(id, now))
    }

    fn unlist(&mut self, id: &TaskId, subscriber: usize) {
        let hash = self.hasher.hash_one(id.as_str());
        if let Ok(entry) = self.index.find_entry(hash, |(of, by)| *of == hash && *by as usize == subscriber) {
            entry.remove();
        }
    }

    fn watch(&mut self, subscriber: usize) -> Option<&mut WatchSubscriber> {
        match self.subscribers.get_mut(subscriber) {
            Some(Subscriber::Watch(watch)) => Some(watch),
            _ => None,
        }
    }
}

/// Whom to wake from now on. Returns who is not to be any more, to be dropped outside the lock.
fn replace(place: &mut Option<Waker>, waker: &Waker) -> Option<Waker> {
    let stays = place.as_ref().is_some_and(|before| before.will_wake(waker));
    if stays { None } else { place.replace(waker.clone()) }
}

impl WatchSubscriber {
    fn notify(&mut self, at: Instant) -> Option<Waker> {
        self.call.get_or_insert_default().notify.get_or_insert(at);
        self.waker.take()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Registry")
    }
}

/// One watch's bell, from the first poll of its stream to its drop.
pub(crate) struct Subscription {
    registry: Registry,
    subscriber: usize,
}

impl Subscription {
    pub(crate) fn subscribe(registry: &Registry, id: &TaskId) -> Self {
        let subscriber = registry.at(|entries| {
            let subscriber =
                entries.add(Subscriber::Watch(WatchSubscriber { id: id.clone(), waker: None, call: None }));
            if let Some(at) = entries.list(id, subscriber) {
                entries.watch(subscriber).and_then(|watch| watch.notify(at));
            }
            subscriber
        });
        Self { registry: registry.clone(), subscriber }
    }

    /// Waits for the pause to end, or until it rings.
    pub(crate) async fn sleep_or_notified(pause: NextPoll, bell: &Self) {
        let mut sleep = pin!(sleep_until(pause.until));
        poll_fn(|cx| bell.poll_sleep(cx, sleep.as_mut(), pause)).await;
    }

    fn poll_sleep(&self, cx: &mut Context<'_>, mut sleep: Pin<&mut Sleep>, pause: NextPoll) -> Poll<()> {
        let NextPoll { until, firm } = pause;
        loop {
            let notified = if firm { None } else { self.listen(cx.waker()) };
            let due = notified.map_or(until, |notified| notified.min(until));
            if due <= Instant::now() {
                if due < until {
                    self.call(|call| *call.scheduled_at.get_or_insert(until));
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
        let (notified, before) = self.registry.at(|entries| {
            let watch = entries.watch(self.subscriber)?;
            let before = replace(&mut watch.waker, waker);
            Some((watch.call.as_ref().and_then(|call| call.notify), before))
        })?;
        drop(before); // outside the lock: it may drop a task, and with it a watch
        notified
    }

    fn call<T>(&self, what: impl FnOnce(&mut PendingPoll) -> T) -> Option<T> {
        self.registry.at(|entries| entries.watch(self.subscriber)?.call.as_deref_mut().map(what))
    }

    /// To be told when a request goes out.
    pub(crate) fn send_handle(&self) -> SendHandle {
        SendHandle { registry: self.registry.clone(), subscriber: self.subscriber }
    }

    /// When the schedule would have asked, if what is asked now is beside it.
    pub(crate) fn scheduled_at(&self) -> Option<Instant> {
        self.call(|call| call.scheduled_at).flatten()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let subscriber = self.registry.at(|entries| {
            let subscriber = entries.subscribers.try_remove(self.subscriber);
            if let Some(Subscriber::Watch(watch)) = &subscriber {
                entries.unlist(&watch.id, self.subscriber);
            }
            subscriber
        });
        drop(subscriber); // outside the lock, likewise
    }
}

/// What a [`Subscription`] is told: that a request goes out now. What rang before needs no other.
pub(crate) struct SendHandle {
    registry: Registry,
    subscriber: usize,
}

impl SendHandle {
    pub(crate) fn sent(&self) {
        self.registry.at(|entries| {
            let Some(Subscriber::Watch(watch)) = entries.subscribers.get_mut(self.subscriber) else { return };
            let now = Instant::now();
            if watch.call.as_mut().is_some_and(|call| call.sent(now)) {
                entries.ledger.asked(&watch.id, now);
            }
        });
    }
}

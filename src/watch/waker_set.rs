//! The wakers of the readers of one watch.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use slab::Slab;

/// The wakers of the readers that wait. Apart from the state that they read, because
/// the watch may wake them while it is polled.
#[derive(Default)]
pub(super) struct WakerSet(Mutex<Slab<Option<Waker>>>);

impl WakerSet {
    fn slots(&self) -> MutexGuard<'_, Slab<Option<Waker>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reader in this slot waits from now on. Returns the slot, a new one if it has none.
    pub(super) fn set(&self, slot: &mut Option<usize>, waker: Waker) -> usize {
        let mut slots = self.slots();
        let slot = *slot.get_or_insert_with(|| slots.insert(None));
        let before = slots.get_mut(slot).and_then(|slot| slot.replace(waker));
        drop(slots);
        drop(before); // outside the lock: it may drop a task, and with it a reader
        slot
    }

    pub(super) fn clear(&self, slot: usize) {
        let waker = self.take(slot);
        drop(waker); // outside the lock
    }

    pub(super) fn remove(&self, slot: usize) {
        let waker = self.slots().try_remove(slot);
        drop(waker); // outside the lock
    }

    fn take(&self, slot: usize) -> Option<Waker> {
        self.slots().get_mut(slot)?.take()
    }

    pub(super) fn wake_these(&self, slots: impl IntoIterator<Item = usize>) {
        wake(slots.into_iter().filter_map(|slot| self.take(slot)));
    }

    pub(super) fn wake_all(&self) {
        let wakers: Vec<_> = self.slots().iter_mut().filter_map(|(_, waker)| waker.take()).collect();
        wake(wakers.into_iter());
    }
}

/// Wakes them outside the lock: a waker may poll or drop a reader. One that panics keeps no other from being woken.
fn wake(wakers: impl Iterator<Item = Waker>) {
    let panics = wakers.filter_map(|waker| catch_unwind(AssertUnwindSafe(|| waker.wake())).err());
    if let Some(panic) = panics.fold(None, |first, panic| first.or(Some(panic))) {
        resume_unwind(panic);
    }
}

impl Wake for WakerSet {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_all();
    }
}

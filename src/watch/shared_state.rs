//! What the readers of one watch share: the watch, its latest event, and their wakers.

use std::collections::HashSet;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use futures::Stream;

use super::shared_watches::SharedWatches;
use super::single::Watch;
use super::waker_set::WakerSet;
use crate::error::Error;
use crate::event::StatusEvent;
use crate::task::{Task, TaskId};

/// One watch, whoever reads it.
pub(super) struct Inner {
    pub(super) task_id: TaskId,
    state: Mutex<SharedState>,
    pub(super) wakers: Arc<WakerSet>,
    /// Wakes all readers.
    waker: Waker,
    /// How many readers there are, beside those that only [drive](super::Drive).
    readers: AtomicUsize,
    /// Where it is found by its id.
    index: Weak<SharedWatches>,
}

pub(super) struct SharedState {
    /// `None` while a reader polls it: not under the lock, because the poll may run any waker, and the waker any reader.
    watch: Option<Watch>,
    /// The slots of the readers that came meanwhile. They are woken when it is back: a wake-up that came before them was not
    /// theirs.
    found_taken: HashSet<usize>,
    pub(super) latest: Option<StatusEvent>,
    /// The number of events so far.
    pub(super) version: u64,
    pub(super) outcome: Option<Result<Task, Error>>,
}

impl Inner {
    pub(super) fn new(watch: Watch, index: Weak<SharedWatches>) -> Arc<Self> {
        let (task_id, outcome) = (watch.task_id().clone(), watch.outcome().cloned());
        let wakers = Arc::new(WakerSet::default());
        let waker = Waker::from(Arc::clone(&wakers));
        let watch = Some(watch);
        let state = SharedState { watch, found_taken: HashSet::new(), latest: None, version: 0, outcome };
        Arc::new(Self { task_id, state: Mutex::new(state), wakers, waker, readers: AtomicUsize::new(0), index })
    }

    pub(super) fn add_reader(&self) {
        self.readers.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn remove_reader(&self) {
        if self.readers.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.wakers.wake_all(); // a future that drives it for nobody ends
        }
    }

    pub(super) fn has_readers(&self) -> bool {
        self.readers.load(Ordering::Acquire) > 0
    }

    /// Whether the watch has ended, and the task, as far as is known, has not.
    pub(super) fn gave_up(&self) -> bool {
        matches!(self.state().latest, Some(StatusEvent::GaveUp(_)))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, SharedState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Polls the watch for the reader in this slot, unless another one does. Returns what is known then.
    pub(super) fn poll(&self, seen: u64, slot: usize) -> MutexGuard<'_, SharedState> {
        let mut state = self.state();
        if seen != state.version {
            return state;
        }
        let Some(watch) = state.watch.take() else {
            state.found_taken.insert(slot);
            return state;
        };
        drop(state);
        self.poll_taken(watch, slot);
        self.state()
    }

    /// Polls the watch that the reader in this slot has taken, puts it back, and wakes whom it concerns. A panic of the poll is
    /// passed on after that.
    fn poll_taken(&self, mut watch: Watch, slot: usize) {
        let mut cx = Context::from_waker(&self.waker);
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(&mut watch).poll_next(&mut cx)));
        let mut state = self.state();
        let mut before = None;
        let is_new = polled.map(|polled| match polled {
            Poll::Ready(event) => {
                before = event.and_then(|event| state.latest.replace(event));
                state.outcome = watch.outcome().cloned();
                state.version = state.version.saturating_add(1);
                true
            }
            Poll::Pending => false,
        });
        state.watch = Some(watch);
        let found_taken = mem::take(&mut state.found_taken);
        drop(state);
        drop(before); // outside the lock: it may hold an error of the user's HTTP client
        match is_new {
            Ok(false) => self.wakers.wake_these(found_taken),
            Ok(true) => {
                self.wakers.clear(slot); // this reader gets the event at once
                self.wakers.wake_all();
            }
            Err(panic) => {
                // None of the others would be woken by this watch any more.
                let _also_panicked = catch_unwind(AssertUnwindSafe(|| self.wakers.wake_all()));
                resume_unwind(panic);
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(index) = self.index.upgrade() {
            index.forget(&self.task_id);
        }
    }
}

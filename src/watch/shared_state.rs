//! What the readers of one watch share: the watch, its latest event, and their wakers.

use std::collections::HashSet;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures::Stream;

use super::seen::Seen;
use super::single::Watch;
use super::waker_set::WakerSet;
use crate::error::Error;
use crate::event::StatusEvent;
use crate::task::{Task, TaskId};

/// One watch, shared by its readers.
pub(super) struct Inner {
    pub(super) task_id: TaskId,
    state: Mutex<SharedState>,
    pub(super) wakers: Arc<WakerSet>,
    /// Wakes all readers.
    waker: Waker,
    /// Called once, without a lock, when the last reader has left.
    on_close: Box<dyn Fn() + Send + Sync>,
}

pub(super) struct SharedState {
    /// How many readers there are, beside those that only [drive](super::Drive) it.
    readers: usize,
    /// The last reader has left: the watch is dropped, and gets no reader any more.
    pub(super) is_closed: bool,
    /// The watch panicked, and does so again when it is polled.
    is_broken: bool,
    /// `None` while a reader polls it: not under the lock, because the poll may run any waker, and the waker any reader.
    watch: Option<Watch>,
    /// The slots of the readers that came meanwhile. They are woken when it is back: a wake-up that came before them was not
    /// theirs.
    found_taken: HashSet<usize>,
    pub(super) latest: Option<StatusEvent>,
    /// The number of events so far.
    pub(super) version: u64,
    pub(super) outcome: Option<Result<Task, Error>>,
    pub(super) seen: Seen,
}

impl Inner {
    pub(super) fn new(watch: Watch, on_close: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        let (task_id, outcome, seen) = (watch.task_id().clone(), watch.outcome(), watch.seen().clone());
        let wakers = Arc::new(WakerSet::default());
        let waker = Waker::from(Arc::clone(&wakers));
        let state = SharedState {
            readers: 0,
            is_closed: false,
            is_broken: false,
            watch: Some(watch),
            found_taken: HashSet::new(),
            latest: None,
            version: 0,
            outcome,
            seen,
        };
        Arc::new(Self { task_id, state: Mutex::new(state), wakers, waker, on_close: Box::new(on_close) })
    }

    pub(super) fn add_reader(&self) {
        let mut state = self.state();
        state.readers = state.readers.saturating_add(1);
    }

    /// The same, if the watch goes on, or has ended with the task.
    pub(super) fn try_add_reader(&self) -> bool {
        let mut state = self.state();
        if state.is_closed || state.is_broken || matches!(state.latest, Some(StatusEvent::GaveUp(_))) {
            return false;
        }
        state.readers = state.readers.saturating_add(1);
        true
    }

    /// A reader leaves. With the last one the watch is dropped.
    pub(super) fn remove_reader(&self) {
        let mut state = self.state();
        state.readers = state.readers.saturating_sub(1);
        if state.readers > 0 {
            return;
        }
        state.is_closed = true;
        let watch = state.watch.take();
        drop(state);
        drop(watch); // outside the lock
        (self.on_close)();
        self.wakers.wake_all(); // a future that drives it for nobody ends
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
        state.seen = watch.seen().clone();
        let mut before = None;
        let is_new = polled.map(|polled| match polled {
            Poll::Ready(event) => {
                before = event.and_then(|event| state.latest.replace(event));
                state.outcome = watch.outcome();
                state.version = state.version.saturating_add(1);
                true
            }
            Poll::Pending => false,
        });
        state.is_broken |= is_new.is_err();
        // The last reader may have left meanwhile.
        let closed = if state.is_closed { Some(watch) } else { state.watch.replace(watch) };
        let found_taken = mem::take(&mut state.found_taken);
        drop(state);
        drop((before, closed)); // outside the lock: they may hold what is the user's
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

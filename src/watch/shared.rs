//! One watch, many readers: one polling loop behind any number of clones.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};

use futures::Stream;
use futures::stream::FusedStream;
use slab::Slab;

use super::single::Watch;
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::event::StatusEvent;
use crate::task::{Task, TaskId};

impl Watch {
    /// Lets any number of readers watch the task, with one polling loop for all of them.
    ///
    /// ```
    /// # use luma_watch::simulator::{SimulatedTask, Simulator};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// # tokio::time::pause();
    /// # let simulator = Simulator::new();
    /// # let id = simulator.add(SimulatedTask::new());
    /// # let client = luma_watch::Client::builder("test-key").simulator(&simulator).build()?;
    /// let first = client.watch(&id).shared();
    /// let second = first.clone();
    /// let (one, other) = tokio::join!(first, second);
    /// assert_eq!(one?, other?);
    /// assert_eq!(simulator.requests().len(), 11); // polled for both at once
    /// # Ok(())
    /// # }
    /// ```
    pub fn shared(self) -> SharedWatch {
        let task_id = self.task_id().clone();
        let wakers = Arc::new(WakerSet::default());
        let waker = Waker::from(Arc::clone(&wakers));
        let state = Mutex::new(SharedState { watch: self, latest: None, version: 0 });
        SharedWatch::of(Arc::new(Inner { task_id, state, wakers, waker }))
    }
}

/// A [`Watch`] that can be cloned: each clone is a [`Stream`] of the task's events, and all clones share one polling loop.
/// Made by [`Watch::shared`].
///
/// Any reader that is polled drives the loop for all. A clone starts with the last event. A slow reader skips to the latest
/// event, and every reader gets the terminal one, after which it yields `None` for ever. Readers that are not polled, or are
/// dropped, delay no other; when the last one is dropped, the watch stops.
///
/// Awaiting a reader, or [`wait_until_done`](Self::wait_until_done), gives the end, as with a [`Watch`].
///
/// ```no_run
/// # async fn run(client: luma_watch::Client) -> Result<(), luma_watch::Error> {
/// let page = client.watch("774d9a7dd608a0e49293903095e45a4c").shared();
/// let worker = page.clone();
/// let (seen, task) = tokio::join!(futures::StreamExt::count(page), worker);
/// println!("{seen} events, and then {:?}", task?.result_urls());
/// # Ok(())
/// # }
/// ```
///
/// # Cancel safety
/// Dropping a future that polls it loses nothing.
///
/// # Panics
/// As a [`Watch`].
#[must_use = "a watch does nothing unless it is polled or awaited"]
pub struct SharedWatch {
    inner: Arc<Inner>,
    /// This reader's slot in the set of wakers.
    slot: Option<usize>,
    /// The version of the last event that it has seen.
    seen: u64,
    ended: bool,
}

struct Inner {
    task_id: TaskId,
    state: Mutex<SharedState>,
    wakers: Arc<WakerSet>,
    /// Wakes all readers.
    waker: Waker,
}

struct SharedState {
    watch: Watch,
    latest: Option<StatusEvent>,
    /// The number of events so far.
    version: u64,
}

/// The wakers of the readers that wait. Apart from the state, because the watch may wake them while it is polled.
#[derive(Default)]
struct WakerSet(Mutex<Slab<Option<Waker>>>);

impl SharedWatch {
    fn of(inner: Arc<Inner>) -> Self {
        Self { inner, slot: None, seen: 0, ended: false }
    }

    /// The task that is watched.
    #[must_use]
    pub fn task_id(&self) -> &TaskId {
        &self.inner.task_id
    }

    /// Waits for the end, as [`Watch::wait_until_done`] does. The other readers keep their own place in the stream.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// Dropping it drops this reader only.
    pub async fn wait_until_done(self) -> Result<Task, Error> {
        self.await
    }

    fn outcome(&self) -> Option<Result<Task, Error>> {
        self.inner.state().watch.outcome().cloned()
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, SharedState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WakerSet {
    fn slots(&self) -> MutexGuard<'_, Slab<Option<Waker>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, slot: &mut Option<usize>, waker: Waker) {
        let mut slots = self.slots();
        let slot = *slot.get_or_insert_with(|| slots.insert(None));
        let before = slots.get_mut(slot).and_then(|slot| slot.replace(waker));
        drop(slots);
        drop(before); // outside the lock: it may drop a task, and with it a reader
    }

    fn clear(&self, slot: Option<usize>) {
        let waker = slot.and_then(|slot| self.slots().get_mut(slot)?.take());
        drop(waker); // outside the lock
    }
}

impl Wake for WakerSet {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Woken outside the lock, for the same reason.
        let wakers: Vec<_> = self.slots().iter_mut().filter_map(|(_, waker)| waker.take()).collect();
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Stream for SharedWatch {
    type Item = StatusEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<StatusEvent>> {
        let Self { inner, slot, seen, ended } = self.get_mut();
        if *ended {
            return Poll::Ready(None);
        }
        // Before the state is read, so that no event from now on is missed.
        inner.wakers.set(slot, cx.waker().clone());
        let mut state = inner.state();
        let is_latest = *seen == state.version;
        if is_latest {
            let event = ready!(Pin::new(&mut state.watch).poll_next(&mut Context::from_waker(&inner.waker)));
            state.latest = event.or_else(|| state.latest.take());
            state.version = state.version.saturating_add(1);
        }
        *seen = state.version;
        let latest = state.latest.clone();
        drop(state);
        if is_latest {
            inner.wakers.clear(*slot);
            inner.waker.wake_by_ref();
        }
        *ended = latest.as_ref().is_none_or(StatusEvent::is_terminal);
        Poll::Ready(latest)
    }
}

impl FusedStream for SharedWatch {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

impl Clone for SharedWatch {
    /// One more reader. It starts with the last event known, if there is one.
    fn clone(&self) -> Self {
        Self::of(Arc::clone(&self.inner))
    }
}

impl Drop for SharedWatch {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            let waker = self.inner.wakers.slots().try_remove(slot);
            drop(waker); // outside the lock
        }
    }
}

impl IntoFuture for SharedWatch {
    type Output = Result<Task, Error>;
    type IntoFuture = SharedWait;

    fn into_future(self) -> SharedWait {
        SharedWait(self)
    }
}

impl fmt::Debug for SharedWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedWatch").field("task_id", self.task_id()).finish_non_exhaustive()
    }
}

/// The future of a [`SharedWatch`]'s end, see [`SharedWatch::wait_until_done`].
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct SharedWait(SharedWatch);

impl Future for SharedWait {
    type Output = Result<Task, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            if let Some(outcome) = self.0.outcome() {
                return Poll::Ready(outcome);
            }
            ready!(Pin::new(&mut self.0).poll_next(cx));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use futures::stream::poll_fn;
    use futures::{FutureExt, StreamExt};

    use super::*;
    use crate::event::Finished;
    use crate::task::{Record, Status};

    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// The watch itself wakes no reader here.
    #[test]
    fn a_reader_that_comes_by_itself_wakes_the_others() {
        let is_ready = Arc::new(AtomicBool::new(false));
        let is_known = Arc::clone(&is_ready);
        let events = poll_fn(move |_| {
            if !is_known.load(Ordering::SeqCst) {
                return Poll::Pending;
            }
            let task = Task::from(Record::new(TaskId::from("t"), Status::Success));
            Poll::Ready(Some(StatusEvent::Done(Finished::new(task, 1, std::time::Duration::ZERO))))
        });
        let mut waiting = Watch::of_events(events).shared();
        let mut coming = waiting.clone();
        let woken = Arc::new(Counted(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&woken));
        assert!(waiting.poll_next_unpin(&mut Context::from_waker(&waker)).is_pending());
        is_ready.store(true, Ordering::SeqCst);
        assert_eq!(woken.0.load(Ordering::SeqCst), 0);
        assert!(coming.next().now_or_never().is_some());
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    }
}

//! One watch, many readers: one polling loop behind any number of clones.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};

use futures::Stream;
use futures::stream::FusedStream;
use slab::Slab;

use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::event::StatusEvent;
use crate::task::{Task, TaskId};
use crate::watch::Watch;

impl Watch {
    /// Lets any number of readers watch the task, with one poll for all of them.
    pub fn shared(self) -> SharedWatch {
        let task_id = self.task_id().clone();
        let readers = Arc::new(Readers::default());
        let waker = Waker::from(Arc::clone(&readers));
        let state = Mutex::new(State { watch: self, latest: None, recently_learned: 0 });
        SharedWatch::of(Arc::new(Room { task_id, state, readers, waker }))
    }
}

/// A [`Watch`] that can be cloned: each clone is a [`Stream`] of the task's events, and behind all of them is one polling
/// loop. Made by [`Watch::shared`].
///
/// Whoever polls drives the loop, for all. A clone starts with the last event known. A reader that is slow skips to the
/// latest event, and none misses the terminal one, after which come `None`s for ever. Readers that stay away or are
/// dropped hold nobody up; when the last is dropped, the watch stops.
///
/// Awaiting one, or [`wait_until_done`](Self::wait_until_done), gives the end, as of a [`Watch`].
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
    room: Arc<Room>,
    /// This reader's place among those to wake.
    place: Option<usize>,
    /// How many events there had been when it read the last.
    read: u64,
    ended: bool,
}

struct Room {
    task_id: TaskId,
    state: Mutex<State>,
    readers: Arc<Readers>,
    /// Wakes all readers.
    waker: Waker,
}

struct State {
    watch: Watch,
    latest: Option<StatusEvent>,
    /// How many events there have been.
    recently_learned: u64,
}

/// Those who wait, apart from the state: the watch may wake them while it is polled.
#[derive(Default)]
struct Readers(Mutex<Slab<Option<Waker>>>);

impl SharedWatch {
    fn of(room: Arc<Room>) -> Self {
        Self { room, place: None, read: 0, ended: false }
    }

    /// The task that is watched.
    #[must_use]
    pub fn task_id(&self) -> &TaskId {
        &self.room.task_id
    }

    /// Waits for the end, as [`Watch::wait_until_done`] does; the other readers keep theirs.
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
        self.room.state().watch.outcome().cloned()
    }
}

impl Room {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Readers {
    fn slots(&self) -> MutexGuard<'_, Slab<Option<Waker>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, place: &mut Option<usize>, waker: Waker) {
        let mut slots = self.slots();
        let place = *place.get_or_insert_with(|| slots.insert(None));
        let before = slots.get_mut(place).and_then(|slot| slot.replace(waker));
        drop(slots);
        drop(before); // outside the lock: it may drop a task, and with it a reader
    }

    fn wait_no_more(&self, place: Option<usize>) {
        let waker = place.and_then(|place| self.slots().get_mut(place)?.take());
        drop(waker); // outside the lock
    }
}

impl Wake for Readers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Outside the lock, likewise.
        let wakers: Vec<_> = self.slots().iter_mut().filter_map(|(_, waker)| waker.take()).collect();
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Stream for SharedWatch {
    type Item = StatusEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<StatusEvent>> {
        let Self { room, place, read, ended } = self.get_mut();
        if *ended {
            return Poll::Ready(None);
        }
        // First of all, so that nothing that happens from now on is missed.
        room.readers.wait(place, cx.waker().clone());
        let mut state = room.state();
        let news = *read == state.recently_learned;
        if news {
            let event = ready!(Pin::new(&mut state.watch).poll_next(&mut Context::from_waker(&room.waker)));
            state.latest = event.or_else(|| state.latest.take());
            state.recently_learned = state.recently_learned.saturating_add(1);
        }
        *read = state.recently_learned;
        let latest = state.latest.clone();
        drop(state);
        if news {
            room.readers.wait_no_more(*place);
            room.waker.wake_by_ref();
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
        Self::of(Arc::clone(&self.room))
    }
}

impl Drop for SharedWatch {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            let waker = self.room.readers.slots().try_remove(place);
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

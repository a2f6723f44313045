//! One watch, many readers: one polling loop behind any number of clones.

use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::future::FusedFuture;
use futures::stream::FusedStream;
use futures::{FutureExt, Stream};

use super::drive::Drive;
use super::shared_state::Inner;
use super::shared_watches::SharedWatches;
use super::single::Watch;
use crate::checkpoint::Checkpoint;
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
        let inner = Inner::new(self, || {});
        inner.add_reader();
        SharedWatch::of(inner)
    }
}

/// A [`Watch`] that can be cloned: each clone is a [`Stream`] of the task's events, and all clones share one polling loop.
/// Made by [`Client::shared`](crate::Client::shared) and [`Watch::shared`].
///
/// Any reader that is polled drives the loop for all. A clone starts with the last
/// event. A slow reader skips to the latest event, and every reader gets the terminal one, after which it yields `None` for
/// ever. Readers that are not polled, or are dropped, delay no other; when the last one is dropped, the watch stops.
///
/// Awaiting a reader, or [`wait_until_done`](Self::wait_until_done), gives the end, as with a [`Watch`].
///
/// In the guide: [services](crate::guide::services).
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
/// As a [`Watch`]: then all readers do, when they are polled next.
///
/// [`Stream`]: https://docs.rs/futures/0.3/futures/stream/trait.Stream.html
#[must_use = "a watch does nothing unless it is polled or awaited"]
pub struct SharedWatch {
    inner: Arc<Inner>,
    /// This reader's slot in the set of wakers.
    slot: Option<usize>,
    /// The version of the last event that it has seen.
    seen: u64,
    ended: bool,
}

impl SharedWatch {
    /// A reader of the running watch of this task, or else of a new one.
    pub(crate) fn join(watches: &Arc<SharedWatches>, task_id: &TaskId, new: impl FnOnce() -> Watch) -> Self {
        Self::of(watches.join(task_id, new))
    }

    /// A reader that is counted already.
    fn of(inner: Arc<Inner>) -> Self {
        Self { inner, slot: None, seen: 0, ended: false }
    }

    /// The task that is watched.
    #[must_use]
    pub fn task_id(&self) -> &TaskId {
        &self.inner.task_id
    }

    /// The latest event of the watch, without a poll. `None` before the first one.
    ///
    /// It does not count as seen: the stream of this reader goes on from where it was.
    ///
    /// ```
    /// # use luma_watch::simulator::{SimulatedTask, Simulator};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// # tokio::time::pause();
    /// # let simulator = Simulator::new();
    /// # let id = simulator.add(SimulatedTask::new());
    /// # let client = luma_watch::Client::builder("test-key").simulator(&simulator).build()?;
    /// let page = client.shared(&id);
    /// assert_eq!(page.last(), None);
    /// client.shared(&id).await?; // another reader, which waits for the end
    /// assert!(page.last().is_some_and(|event| event.is_terminal()));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn last(&self) -> Option<StatusEvent> {
        self.inner.state().latest.clone()
    }

    /// The watch as data, see [`Watch::checkpoint`].
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        let state = self.inner.state();
        let end = state.latest.clone().filter(StatusEvent::is_terminal);
        let seen = state.seen.clone();
        drop(state);
        seen.checkpoint(self.task_id(), end)
    }

    /// A future that polls the watch for its readers, so that it goes on while none of them is polled. Spawn it: this crate spawns
    /// nothing by itself.
    ///
    /// It ends with the watch, or when the last reader is dropped: it is no reader itself. One for each watch is enough.
    ///
    /// ```
    /// # use luma_watch::simulator::{SimulatedTask, Simulator};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// # tokio::time::pause();
    /// # let simulator = Simulator::new();
    /// # let id = simulator.add(SimulatedTask::new());
    /// # let client = luma_watch::Client::builder("test-key").simulator(&simulator).build()?;
    /// use std::time::Duration;
    ///
    /// let page = client.shared(&id);
    /// tokio::spawn(page.drive());
    /// tokio::time::sleep(Duration::from_secs(60)).await; // nobody polls `page`
    /// assert!(page.last().is_some());
    /// # Ok(())
    /// # }
    /// ```
    /// # Panics
    /// As a reader.
    pub fn drive(&self) -> Drive {
        Drive::new(Arc::clone(&self.inner))
    }

    /// Waits for the end, as [`Watch::wait_until_done`] does. The other readers keep their own place in the stream.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// Dropping it drops this reader only.
    pub fn wait_until_done(self) -> SharedWait {
        SharedWait { watch: self, ended: false }
    }

    /// The same as [`wait_until_done`](Self::wait_until_done), and the reader stays, as with [`Watch::done`].
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing but the events that it passed.
    pub fn done(&mut self) -> impl FusedFuture<Output = Result<Task, Error>> + Send + Unpin + '_ {
        poll_fn(|cx| self.poll_done(cx)).fuse()
    }

    /// The future that awaiting the reader makes, see [`Watch::into_future`].
    pub fn into_future(self) -> SharedWait {
        self.wait_until_done()
    }

    fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<Result<Task, Error>> {
        loop {
            if let Some(outcome) = self.outcome() {
                return Poll::Ready(outcome);
            }
            ready!(Pin::new(&mut *self).poll_next(cx));
        }
    }

    fn outcome(&self) -> Option<Result<Task, Error>> {
        self.inner.state().outcome.clone()
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
        let slot = inner.wakers.set(slot, cx.waker().clone());
        let state = inner.poll(*seen, slot);
        if *seen == state.version {
            return Poll::Pending;
        }
        *seen = state.version;
        let latest = state.latest.clone();
        drop(state);
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
        self.inner.add_reader();
        Self::of(Arc::clone(&self.inner))
    }
}

impl Drop for SharedWatch {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            self.inner.wakers.remove(slot);
        }
        self.inner.remove_reader();
    }
}

impl IntoFuture for SharedWatch {
    type Output = Result<Task, Error>;
    type IntoFuture = SharedWait;

    fn into_future(self) -> SharedWait {
        self.wait_until_done()
    }
}

impl fmt::Debug for SharedWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedWatch").field("task_id", self.task_id()).finish_non_exhaustive()
    }
}

/// The future of a [`SharedWatch`]'s end, made by [`SharedWatch::wait_until_done`].
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct SharedWait {
    watch: SharedWatch,
    ended: bool,
}

impl SharedWait {
    /// The task that is watched.
    #[must_use]
    pub fn task_id(&self) -> &TaskId {
        self.watch.task_id()
    }
}

impl Future for SharedWait {
    type Output = Result<Task, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(self.watch.poll_done(cx));
        self.ended = true;
        Poll::Ready(outcome)
    }
}

impl FusedFuture for SharedWait {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

#[cfg(test)]
mod tests;

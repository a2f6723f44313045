//! One task as a stream: the polling loop.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_stream::stream;
use futures::Stream;
use futures::stream::FusedStream;

use super::due_poll::DuePoll;
use super::seen::Seen;
use super::subscribed::Subscribed;
use crate::checkpoint::Checkpoint;
use crate::client_core::ClientCore;
use crate::error::Error;
use crate::event::StatusEvent;
use crate::task::{Task, TaskId};
use crate::task_watch::TaskWatch;

/// One task, watched: a lazy [`Stream`] of [`StatusEvent`]s that ends with the task, or with the reason why the wait is over.
/// Made by [`Client::watch`](crate::Client::watch).
///
/// Nothing is sent before the stream is polled first. An event is yielded at the moment it is known; the pause before the
/// next request belongs to the next poll of the stream. After the one terminal event
/// ([`is_terminal`](StatusEvent::is_terminal)) the stream yields `None` for ever. A failed poll is an event, never an error
/// of the stream: no combinator ends at a blip.
///
/// Awaiting the watch, or [`wait_until_done`](Self::wait_until_done), skips the events and gives the end.
///
/// In the guide: [watching](crate::guide::watching), [composing](crate::guide::composing).
///
/// ```no_run
/// # async fn run(client: luma_watch::Client) -> Result<(), luma_watch::Error> {
/// use futures::StreamExt;
///
/// let mut events = client.watch("774d9a7dd608a0e49293903095e45a4c");
/// while let Some(event) = events.next().await {
///     println!("{event:?}");
/// }
/// let task = events.await?; // the outcome of the last event
/// # Ok(())
/// # }
/// ```
///
/// # Cancel safety
/// Dropping a future that polls the stream (`next()` in a `select!`, a `timeout` around it) loses nothing: a request in
/// flight lives in the watch and goes on when the watch is polled again. Dropping the watch stops it: a request in flight is
/// aborted and no other follows.
///
/// # Panics
/// Polled outside a tokio runtime with its timer and I/O enabled, or after the runtime that polled it before was shut
/// down.
///
/// [`Stream`]: https://docs.rs/futures/0.3/futures/stream/trait.Stream.html
#[must_use = "a watch does nothing unless it is polled or awaited"]
pub struct Watch {
    task_id: TaskId,
    state: WatchState,
    seen: Seen,
}

enum WatchState {
    Running(Pin<Box<dyn Stream<Item = StatusEvent> + Send>>),
    /// It had ended before, and its last event is still to come. Boxed, so that a running watch is smaller.
    Resumed(Box<End>),
    Ended(Box<End>),
}

struct End {
    /// The last event.
    event: StatusEvent,
    /// What it was resumed from, if it had ended then, or was another gateway's.
    checkpoint: Option<Checkpoint>,
}

impl Watch {
    pub(crate) fn new(core: Arc<ClientCore>, task_id: TaskId) -> Self {
        Self::of(TaskWatch::new(core, task_id))
    }

    /// Yields this event, which was its last one before.
    pub(crate) fn ended(core: Arc<ClientCore>, checkpoint: Checkpoint, event: StatusEvent) -> Self {
        let (task_id, seen) = (checkpoint.task_id().clone(), Seen::new(core));
        let end = End { event, checkpoint: Some(checkpoint) };
        Self { task_id, state: WatchState::Resumed(Box::new(end)), seen }
    }

    /// A watch that has not started, new or from a checkpoint.
    pub(crate) fn of(watch: TaskWatch) -> Self {
        let (task_id, seen) = (watch.id().clone(), Seen::of(&watch));
        Self { task_id, state: WatchState::Running(Box::pin(events(Subscribed::new(watch)))), seen }
    }

    /// A watch of these events.
    #[cfg(test)]
    pub(super) fn of_events(events: impl Stream<Item = StatusEvent> + Send + 'static) -> Self {
        use crate::client::Client;
        // One for all tests: to make it reads the certificates of the operating system.
        static CLIENT: std::sync::LazyLock<Client> =
            std::sync::LazyLock::new(|| Client::builder("key").base_url("http://localhost").build().unwrap());
        Self { state: WatchState::Running(Box::pin(events)), ..CLIENT.watch("t") }
    }

    /// The task that is watched.
    #[must_use]
    pub fn task_id(&self) -> &TaskId {
        &self.task_id
    }

    /// The watch as data, to go on in another process: see [`Checkpoint`].
    ///
    /// Before the first poll of the stream, the wait counts from now. How many polls failed, and a `Retry-After`, are not in it, as
    /// they are in those of a [`WatchAll`](crate::WatchAll): what would end the watch is confirmed anew. Of a watch that has run for
    /// over 49 days, the start is wrong.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        match &self.state {
            WatchState::Running(_) => self.seen.checkpoint(&self.task_id, None),
            WatchState::Resumed(end) | WatchState::Ended(end) => {
                let of_end = || self.seen.checkpoint(&self.task_id, Some(end.event.clone()));
                end.checkpoint.clone().unwrap_or_else(of_end)
            }
        }
    }

    pub(crate) fn outcome(&self) -> Option<Result<Task, Error>> {
        match &self.state {
            WatchState::Running(_) | WatchState::Resumed(_) => None,
            WatchState::Ended(end) => end.event.outcome(),
        }
    }

    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }
}

impl Stream for Watch {
    type Item = StatusEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<StatusEvent>> {
        let this = self.get_mut();
        let event = match &mut this.state {
            WatchState::Running(events) => {
                this.seen.note_poll();
                ready!(events.as_mut().poll_next(cx))
            }
            WatchState::Resumed(end) => Some(end.event.clone()),
            WatchState::Ended(_) => None,
        };
        let Some(event) = event else { return Poll::Ready(None) };
        this.seen.note(&event);
        if event.is_terminal() {
            let checkpoint = match &this.state {
                WatchState::Resumed(end) => end.checkpoint.clone(),
                WatchState::Running(_) | WatchState::Ended(_) => None,
            };
            this.state = WatchState::Ended(Box::new(End { event: event.clone(), checkpoint }));
        }
        Poll::Ready(Some(event))
    }
}

impl FusedStream for Watch {
    fn is_terminated(&self) -> bool {
        matches!(self.state, WatchState::Ended(_))
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Watch");
        out.field("task_id", &self.task_id);
        match &self.state {
            WatchState::Running(_) | WatchState::Resumed(_) => out.finish_non_exhaustive(),
            WatchState::Ended(end) => out.field("outcome", &end.event.outcome()).finish(),
        }
    }
}

/// The loop: pause, poll, decide, yield. What lives across the pause exists once per watch, so it is kept small.
fn events(mut watch: Subscribed) -> impl Stream<Item = StatusEvent> + Send {
    stream! {
        let mut next = watch.start();
        loop {
            // In one expression: what lives across an await or a yield takes up room in each watch.
            let outcome = DuePoll::new(&mut watch, next).await.await;
            let (event, after) = watch.task.on_response(outcome);
            yield event;
            next = after;
            if watch.task.is_over() {
                return;
            }
        }
    }
}

//! One task as a stream: the polling loop.

use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_stream::stream;
use futures::future::FusedFuture;
use futures::stream::FusedStream;
use futures::{FutureExt, Stream};

use super::due_poll::DuePoll;
use super::seen::Seen;
use super::subscribed::Subscribed;
use crate::checkpoint::Checkpoint;
use crate::client_core::ClientCore;
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
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

    /// Waits for the end, from wherever the stream stands: a watch that has already yielded its terminal event answers from
    /// that.
    ///
    /// `Ok` means that there is a result to fetch: flag 1, or flag 4 (only the vendor's callback failed;
    /// [`Task::status`] says which), with at least one URL.
    ///
    /// ```
    /// # use luma_watch::simulator::{SimulatedTask, Simulator};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// # tokio::time::pause();
    /// # let simulator = Simulator::new();
    /// # let id = simulator.add(SimulatedTask::new());
    /// # let client = luma_watch::Client::builder("test-key").simulator(&simulator).build()?;
    /// use futures::StreamExt;
    ///
    /// let mut watch = client.watch(&id);
    /// watch.next().await; // looks at the first event, and waits for the rest
    /// let task = watch.wait_until_done().await?;
    /// assert!(task.status().is_success());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// - [`TaskFailed`](ErrorKind::TaskFailed): flags 2 and 3, with the vendor's code and message.
    /// - [`MissingResult`](ErrorKind::MissingResult): a success without a URL.
    /// - [`Deadline`](ErrorKind::Deadline): the schedule's `max_wait` is over. The task may still finish: watch the same id
    ///   again.
    /// - At once, what polling again cannot mend: [`Unauthorized`](ErrorKind::Unauthorized),
    ///   [`InvalidRequest`](ErrorKind::InvalidRequest), an untrusted certificate ([`Transport`](ErrorKind::Transport)); and
    ///   [`NotFound`](ErrorKind::NotFound) after its grace.
    ///
    /// # Cancel safety
    /// The future owns the watch: dropping it stops the watch. To keep the watch, poll the stream.
    pub fn wait_until_done(self) -> Wait {
        Wait { watch: self, ended: false }
    }

    /// The same as [`wait_until_done`](Self::wait_until_done), and the watch stays: for a wait that may be stopped and continued.
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
    /// use tokio::time::timeout;
    ///
    /// let mut watch = client.watch(&id);
    /// while timeout(Duration::from_secs(60), watch.done()).await.is_err() {
    ///     println!("still waiting for {}", watch.task_id());
    /// }
    /// let task = watch.done().await?; // the outcome, as often as it is asked for
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing but the events that it passed: a request in flight lives in the watch.
    pub fn done(&mut self) -> impl FusedFuture<Output = Result<Task, Error>> + Send + Unpin + '_ {
        poll_fn(|cx| self.poll_done(cx)).fuse()
    }

    /// The future that awaiting the watch makes: [`wait_until_done`](Self::wait_until_done).
    ///
    /// `IntoFuture` and `StreamExt` each have a method of this name. This one is chosen before both, so that a call is not ambiguous.
    pub fn into_future(self) -> Wait {
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

impl IntoFuture for Watch {
    type Output = Result<Task, Error>;
    type IntoFuture = Wait;

    fn into_future(self) -> Wait {
        self.wait_until_done()
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

/// The future of a [`Watch`]'s end, made by [`Watch::wait_until_done`] and
/// [`Client::wait_until_done`](crate::Client::wait_until_done).
///
/// It needs no pinning and borrows nothing: keep it in a struct, spawn it, or give it to `select!`, `select_ok` or
/// `FuturesUnordered`.
///
/// In the guide: [first wait](crate::guide::first_wait), [composing](crate::guide::composing), [deadlines](crate::guide::deadlines).
///
/// ```
/// # use luma_watch::simulator::{SimulatedTask, Simulator};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), luma_watch::Error> {
/// # tokio::time::pause();
/// # let simulator = Simulator::new();
/// # let ids = [simulator.add(SimulatedTask::new()), simulator.add(SimulatedTask::new())];
/// # let client = luma_watch::Client::builder("test-key").simulator(&simulator).build()?;
/// use futures::future::select_ok;
///
/// let (first, others) = select_ok(ids.map(|id| client.wait_until_done(id))).await?;
/// println!("{} is ready first, {} are not", first.id(), others.len());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Wait {
    watch: Watch,
    ended: bool,
}

impl Wait {
    /// The task that is watched.
    #[must_use]
    pub fn task_id(&self) -> &TaskId {
        self.watch.task_id()
    }
}

impl Future for Wait {
    type Output = Result<Task, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(self.watch.poll_done(cx));
        self.ended = true;
        Poll::Ready(outcome)
    }
}

impl FusedFuture for Wait {
    fn is_terminated(&self) -> bool {
        self.ended
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

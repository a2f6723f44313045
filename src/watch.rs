//! One task as a stream: the polling loop.

mod shared;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_stream::stream;
use futures::Stream;
use futures::stream::FusedStream;

use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::event::StatusEvent;
use crate::notify::{NextPoll, Subscription};
use crate::poll_state::{Decision, Next};
use crate::task::{Task, TaskId};
use crate::task_watch::{Shared, TaskWatch};

pub use shared::{SharedWait, SharedWatch};

/// One task, watched: a lazy [`Stream`] of [`StatusEvent`]s that ends with the task, or with the reason why waiting is
/// over. Made by [`Client::watch`](crate::Client::watch).
///
/// Nothing is sent before it is polled first. An event is yielded the moment it is known, and the pause to the next
/// request passes inside the next poll of the stream. After the one terminal event
/// ([`is_terminal`](StatusEvent::is_terminal)) come `None`s for ever. A failed poll is an event, never an error of the
/// stream: no combinator ends at a blip.
///
/// Awaiting it, or [`wait_until_done`](Self::wait_until_done), passes over the events and gives the end.
///
/// # Cancel safety
/// Dropping a future that polls the stream (`next()` in a `select!`, a `timeout` around it) loses nothing: a request in
/// flight lives in the watch and goes on when it is polled again. Dropping the watch stops it: a request in flight is
/// aborted and no other follows.
///
/// # Panics
/// Polled outside a tokio runtime with its timer and I/O enabled, or after the runtime that polled it before was shut
/// down.
#[must_use = "a watch does nothing unless it is polled or awaited"]
pub struct Watch {
    task_id: TaskId,
    life: Life,
}

enum Life {
    Running(Pin<Box<dyn Stream<Item = Decision> + Send>>),
    Ended(Result<Task, Error>),
}

impl Watch {
    pub(crate) fn new(shared: Arc<Shared>, task_id: TaskId) -> Self {
        let life = Life::Running(Box::pin(events(TaskWatch::new(shared, task_id.clone()))));
        Self { task_id, life }
    }

    /// The task that is watched.
    #[must_use]
    pub fn task_id(&self) -> &TaskId {
        &self.task_id
    }

    pub(crate) const fn outcome(&self) -> Option<&Result<Task, Error>> {
        match &self.life {
            Life::Running(_) => None,
            Life::Ended(outcome) => Some(outcome),
        }
    }

    /// Waits for the end, from wherever the stream stands: a watch that has already yielded its terminal event answers
    /// from that.
    ///
    /// `Ok` means that there is a result to fetch: flag 1, or flag 4 (only the vendor's callback failed;
    /// [`Task::status`] tells), with at least one URL.
    ///
    /// # Errors
    /// [`TaskFailed`](ErrorKind::TaskFailed) for flags 2 and 3, with the vendor's code and message;
    /// [`MissingResult`](ErrorKind::MissingResult) for a success without a URL; [`Deadline`](ErrorKind::Deadline) when
    /// the schedule's `max_wait` is over: the task may still finish, watch the same id again. At once, whatever polling
    /// again cannot mend: [`Unauthorized`](ErrorKind::Unauthorized), [`InvalidRequest`](ErrorKind::InvalidRequest), an
    /// untrusted certificate ([`Transport`](ErrorKind::Transport)), and [`NotFound`](ErrorKind::NotFound) after its
    /// grace.
    ///
    /// # Cancel safety
    /// It owns the watch: dropping it stops the watch. To keep the watch, poll the stream.
    pub async fn wait_until_done(self) -> Result<Task, Error> {
        self.await
    }
}

impl Stream for Watch {
    type Item = StatusEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<StatusEvent>> {
        let this = self.get_mut();
        let Life::Running(events) = &mut this.life else { return Poll::Ready(None) };
        let Some(Decision { event, next }) = ready!(events.as_mut().poll_next(cx)) else { return Poll::Ready(None) };
        if let Next::End(outcome) = next {
            this.life = Life::Ended(outcome);
        }
        Poll::Ready(Some(event))
    }
}

impl FusedStream for Watch {
    fn is_terminated(&self) -> bool {
        matches!(self.life, Life::Ended(_))
    }
}

impl IntoFuture for Watch {
    type Output = Result<Task, Error>;
    type IntoFuture = Wait;

    fn into_future(self) -> Wait {
        Wait(self)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Watch");
        out.field("task_id", &self.task_id);
        match &self.life {
            Life::Running(_) => out.finish_non_exhaustive(),
            Life::Ended(outcome) => out.field("outcome", outcome).finish(),
        }
    }
}

/// The future of a [`Watch`]'s end, see [`Watch::wait_until_done`].
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Wait(Watch);

impl Future for Wait {
    type Output = Result<Task, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            if let Some(outcome) = self.0.outcome() {
                return Poll::Ready(outcome.clone());
            }
            ready!(Pin::new(&mut self.0).poll_next(cx));
        }
    }
}

/// The loop: ask, judge, tell, pause. What lives across the pause exists once per watch, so it is kept small.
fn events(mut run: TaskWatch) -> impl Stream<Item = Decision> + Send {
    stream! {
        let subscription = run.subscribe();
        if let Some(first) = run.start() {
            Subscription::sleep_or_notified(NextPoll { until: first, firm: false }, &subscription).await;
        }
        loop {
            // One expression, so that nothing of the poll is left when the pause begins.
            Subscription::sleep_or_notified(
                {
                    let answer = run.ask_in_turn(subscription.send_handle()).await;
                    let (decision, pause) = run.on_response(answer, subscription.scheduled_at());
                    yield decision;
                    let Some(pause) = pause else { return };
                    pause
                },
                &subscription,
            )
            .await;
        }
    }
}

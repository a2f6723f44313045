//! One task as a stream: the only polling loop in the crate.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_stream::stream;
use futures::Stream;
use futures::stream::FusedStream;
use tokio::time::{Instant, sleep_until};
use tracing::field::{self, Empty};
use tracing::{Instrument, Span, debug, info, info_span, warn};

use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::event::{PollFailure, StatusEvent};
use crate::pace::{Next, Pace, Rules, Verdict};
use crate::task::{Task, TaskId};
use crate::transport::{Asking, Line};

/// What all watches of one client share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) line: Line,
    pub(crate) rules: Rules,
    /// What watches count their time from, in half the bytes of an instant.
    pub(crate) epoch: Instant,
}

impl Shared {
    /// Nanoseconds from the epoch to now.
    fn nanos(&self, now: Instant) -> i64 {
        let nanos = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        match now.checked_duration_since(self.epoch) {
            Some(after) => nanos(after),
            None => nanos(self.epoch.saturating_duration_since(now)).saturating_neg(),
        }
    }
}

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
    Running(Pin<Box<dyn Stream<Item = Verdict> + Send>>),
    Ended(Result<Task, Error>),
}

impl Watch {
    pub(crate) fn new(shared: Arc<Shared>, task_id: TaskId) -> Self {
        let life = Life::Running(Box::pin(events(Run::new(shared, task_id.clone()))));
        Self { task_id, life }
    }

    /// The task that is watched.
    #[must_use]
    pub fn task_id(&self) -> &TaskId {
        &self.task_id
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
        let Some(Verdict { event, next }) = ready!(events.as_mut().poll_next(cx)) else { return Poll::Ready(None) };
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
            if let Life::Ended(outcome) = &self.0.life {
                return Poll::Ready(outcome.clone());
            }
            ready!(Pin::new(&mut self.0).poll_next(cx));
        }
    }
}

/// The loop: ask, judge, tell, pause. What lives across the pause exists once per watch, so it is kept small.
fn events(mut run: Run) -> impl Stream<Item = Verdict> + Send {
    stream! {
        if let Some(first) = run.start() {
            sleep_until(first).await;
        }
        loop {
            // One expression, so that nothing of the poll is left when the pause begins.
            sleep_until({
                let answer = run.ask().await;
                let (verdict, next) = run.judge(answer);
                yield verdict;
                let Some(next) = next else { return };
                next
            })
            .await;
        }
    }
}

/// A watch under way, from the first poll of the stream to its end or its drop.
struct Run {
    shared: Arc<Shared>,
    id: TaskId,
    pace: Pace,
    /// Nanoseconds since the client was made, or before it: its clock may have been another.
    started: i64,
    /// Boxed, for most programs have no use for it.
    span: Option<Box<Span>>,
}

impl Run {
    fn new(shared: Arc<Shared>, id: TaskId) -> Self {
        let pace = Pace::new(&shared.rules);
        Self { shared, id, pace, started: 0, span: None }
    }

    /// At the first poll of the stream. Returns when the first request is due, unless that is now.
    fn start(&mut self) -> Option<Instant> {
        let span = info_span!("luma.watch", task_id = %self.id, outcome = Empty, polls = Empty, elapsed = Empty);
        self.span = (!span.is_disabled()).then(|| Box::new(span));
        let now = Instant::now();
        self.started = self.shared.nanos(now);
        self.pace.start();
        let pause = self.shared.rules.schedule.first_pause();
        (!pause.is_zero()).then(|| later(now, pause))
    }

    fn elapsed(&self, now: Instant) -> Duration {
        Duration::from_nanos(u64::try_from(self.shared.nanos(now).saturating_sub(self.started)).unwrap_or(0))
    }

    fn span(&self) -> Span {
        self.span.as_ref().map_or_else(Span::none, |span| Span::clone(span))
    }

    fn ask(&self) -> Asking {
        let asking = self.shared.line.ask(&self.id);
        match &self.span {
            Some(span) => Box::pin(asking.instrument(Span::clone(span))),
            None => asking,
        }
    }

    /// The verdict on an answer that came just now, and the time of the next poll.
    fn judge(&mut self, answer: Result<Task, Error>) -> (Verdict, Option<Instant>) {
        let now = Instant::now();
        let elapsed = self.elapsed(now);
        let verdict = self.pace.judge(&self.shared.rules, &self.id, answer, elapsed, fastrand::f64());
        self.span().in_scope(|| self.tell(&verdict.event));
        let next = match &verdict.next {
            // From the end of the answer, wherever the consumer is meanwhile.
            Next::Poll(pause) => Some(later(now, *pause)),
            Next::End(outcome) => {
                match outcome {
                    Ok(task) => self.close(task.status()),
                    Err(error) => self.close(format_args!("{:?}", error.kind())),
                }
                None
            }
        };
        (verdict, next)
    }

    /// One event per poll, for the log. No result URL is in any of them.
    fn tell(&self, event: &StatusEvent) {
        match event {
            StatusEvent::Generating(progress) => {
                debug!(polls = progress.polls, status = %progress.task.status(), next_poll_in = ?progress.next_poll_in, "not finished");
            }
            StatusEvent::PollFailed(failure) => {
                let PollFailure { error, consecutive, polls, next_poll_in, .. } = failure;
                warn!(polls, consecutive, ?next_poll_in, error = error as &dyn std::error::Error, "poll failed");
            }
            StatusEvent::Done(task) => debug!(polls = self.pace.polls(), status = %task.status(), "finished"),
            StatusEvent::GaveUp(error) => {
                warn!(polls = self.pace.polls(), error = error as &dyn std::error::Error, "gave up");
            }
        }
    }

    fn close(&mut self, outcome: impl fmt::Display) {
        let (polls, elapsed) = (self.pace.polls(), self.elapsed(Instant::now()));
        let span = self.span();
        span.record("outcome", field::display(&outcome))
            .record("polls", polls)
            .record("elapsed", field::debug(elapsed));
        span.in_scope(|| info!(%outcome, polls, ?elapsed, "watch ended"));
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if self.pace.is_under_way() {
            self.close("dropped");
        }
    }
}

/// No schedule and no `Retry-After` is long enough to pass the clock's end; should one be, asking at once is the lesser
/// evil.
fn later(from: Instant, by: Duration) -> Instant {
    from.checked_add(by).unwrap_or(from)
}

//! One task's watch from its first poll to its end, whoever drives it: the question, the verdict on each answer, and what
//! the log is told.

use std::fmt;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::field::{self, Empty};
use tracing::{Instrument, Span, debug, info, info_span, warn};

use crate::error::{Error, ErrorKind};
use crate::event::{PollFailure, StatusEvent};
use crate::gateway::{Answer, Gateway, PollFuture, PollRequest, validate};
use crate::history::History;
#[cfg(doc)]
use crate::limiter::Limiter;
use crate::limiter::{Acquire, Permit, Priority};
use crate::notify::{NextPoll, Registry, SendHandle, Subscription};
use crate::poll_state::{Decision, Next, PollState, ResponseContext, WatchConfig};
use crate::task::TaskId;

/// What all watches of one client share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) gateway: Gateway,
    pub(crate) config: WatchConfig,
    pub(crate) registry: Registry,
    /// What watches count their time from, in half the bytes of an instant.
    pub(crate) epoch: Instant,
}

impl Shared {
    /// A turn right now, see [`Limiter::try_acquire`].
    pub(crate) fn try_acquire(&self) -> Option<Permit> {
        self.gateway.limiter().try_acquire(self.config.schedule.cooldown())
    }

    /// A turn through a closed gate, see [`Limiter::try_acquire_final`].
    pub(crate) fn try_acquire_final(&self) -> Option<Permit> {
        self.gateway.limiter().try_acquire_final(self.config.schedule.cooldown())
    }

    /// A turn to wait for.
    pub(crate) fn acquire(&self) -> Acquire {
        self.gateway.limiter().acquire(self.config.schedule.cooldown())
    }

    /// Nanoseconds from the epoch to this instant.
    pub(crate) fn nanos(&self, now: Instant) -> i64 {
        let nanos = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        match now.checked_duration_since(self.epoch) {
            Some(after) => nanos(after),
            None => nanos(self.epoch.saturating_duration_since(now)).saturating_neg(),
        }
    }

    /// From then, in nanoseconds from the epoch, to this instant.
    fn since(&self, then: i64, now: Instant) -> Duration {
        Duration::from_nanos(u64::try_from(self.nanos(now).saturating_sub(then)).unwrap_or(0))
    }

    /// The instant so many nanoseconds from the epoch.
    pub(crate) fn instant(&self, nanos: i64) -> Option<Instant> {
        let away = Duration::from_nanos(nanos.unsigned_abs());
        if nanos < 0 { self.epoch.checked_sub(away) } else { self.epoch.checked_add(away) }
    }
}

/// A watch under way, from the first poll of its stream to its end or its drop.
pub(crate) struct TaskWatch {
    shared: Arc<Shared>,
    id: TaskId,
    state: PollState,
    /// Nanoseconds since the client was made, or before it: its clock may have been another.
    started: i64,
    /// Boxed, for most programs have no use for it.
    span: Option<Box<Span>>,
}

impl TaskWatch {
    pub(crate) fn new(shared: Arc<Shared>, id: TaskId) -> Self {
        let state = PollState::new(&shared.config);
        Self { shared, id, state, started: 0, span: None }
    }

    /// At the first poll of the stream. Returns when the first request is due, unless that is now.
    pub(crate) fn start(&mut self) -> Option<Instant> {
        let span = info_span!("luma.watch", task_id = %self.id, outcome = Empty, polls = Empty, elapsed = Empty);
        self.span = (!span.is_disabled()).then(|| Box::new(span));
        let now = Instant::now();
        self.started = self.shared.nanos(now);
        self.state.start(self.shared.gateway.limiter().register(now));
        let pause = self.shared.config.schedule.first_pause();
        (!pause.is_zero()).then(|| add_or_now(now, pause))
    }

    fn elapsed(&self, now: Instant) -> Duration {
        self.shared.since(self.started, now)
    }

    fn span(&self) -> Span {
        self.span.as_ref().map_or_else(Span::none, |span| Span::clone(span))
    }

    pub(crate) fn id(&self) -> &TaskId {
        &self.id
    }

    /// When the wait is over.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let limit = i64::try_from(self.shared.config.schedule.limit()?.as_nanos()).ok()?;
        self.shared.instant(self.started.saturating_add(limit))
    }

    /// Why no gateway need be asked about the task.
    pub(crate) fn validate(&self) -> Option<Error> {
        validate(&self.id)
    }

    /// From now on the watch can be rung for.
    pub(crate) fn subscribe(&self) -> Subscription {
        Subscription::subscribe(&self.shared.registry, &self.id)
    }

    /// Asks when it is this watch's turn; past the deadline, turn and answer together take no longer than a request may.
    pub(crate) fn ask_in_turn(&self, send_handle: SendHandle) -> PollFuture {
        if let Some(error) = self.validate() {
            return Box::pin(ready(Err(error)));
        }
        if let Some(permit) = self.shared.try_acquire() {
            send_handle.sent();
            return self.ask(permit, self.shared.gateway.timeout());
        }
        let mut acquire = self.shared.acquire();
        acquire.priority(self.priority());
        let time = self.deadline().map(|deadline| deadline.max(Instant::now()));
        let (gateway, request) = (self.shared.gateway.clone(), self.request());
        self.in_span(Box::pin(async move {
            let Some(permit) = acquire.acquire_until(time, gateway.timeout()).await else { return Err(not_polled()) };
            send_handle.sent();
            let over = time.map_or(Duration::ZERO, |time| Instant::now().saturating_duration_since(time));
            gateway.ask(request, permit, gateway.timeout().saturating_sub(over)).await
        }))
    }

    /// What a turn is worth to this watch as time goes by, if its schedule can tell.
    pub(crate) fn priority(&self) -> Option<Priority> {
        let priority = self.state.priority(&self.shared.config)?;
        let (shared, started) = (Arc::clone(&self.shared), self.started);
        Some(Priority::new(move |now| priority.gain(&shared.config, shared.since(started, now))))
    }

    /// The same, now.
    pub(crate) fn gain(&self, now: Instant) -> Option<f64> {
        let priority = self.state.priority(&self.shared.config)?;
        Some(priority.gain(&self.shared.config, self.elapsed(now)))
    }

    /// Asks at once, and waits so long for the answer.
    pub(crate) fn ask(&self, permit: Permit, timeout: Duration) -> PollFuture {
        self.in_span(self.shared.gateway.ask(self.request(), permit, timeout))
    }

    fn request(&self) -> PollRequest {
        PollRequest { id: self.id.clone(), age: self.shared.config.schedule.history().is_some() }
    }

    fn in_span(&self, asking: PollFuture) -> PollFuture {
        match &self.span {
            Some(span) => Box::pin(asking.instrument(Span::clone(span))),
            None => asking,
        }
    }

    /// The verdict on an answer that came just now, and the pause to the next poll. `scheduled_at`: when that would have been,
    /// had the watch not been rung for.
    pub(crate) fn on_response(
        &mut self,
        answer: Answer,
        scheduled_at: Option<Instant>,
    ) -> (Decision, Option<NextPoll>) {
        let now = Instant::now();
        let (answer, age) = match answer {
            Ok(reading) => (Ok(reading.task), reading.age),
            Err(error) => (Err(error), None),
        };
        let scheduled_at = scheduled_at.map(|scheduled_at| self.elapsed(scheduled_at));
        let context = ResponseContext { elapsed: self.elapsed(now), jitter_sample: fastrand::f64(), scheduled_at, age };
        if self.state.polls() == 0 && !self.is_staggered() {
            self.state.clear_offset();
        }
        let decision = self.state.on_response(&self.shared.config, &self.id, answer, context);
        if let Some(history) = self.shared.config.schedule.history() {
            self.tell_history(history, &decision, context);
        }
        self.span().in_scope(|| self.log_event(&decision.event));
        let next = match &decision.next {
            // From the end of the answer, wherever the consumer is meanwhile.
            Next::Poll(pause) => Some(NextPoll { until: add_or_now(now, *pause), firm: decision.is_firm() }),
            Next::End(outcome) => {
                match outcome {
                    Ok(task) => self.end_span(task.status()),
                    Err(error) => self.end_span(format_args!("{:?}", error.kind())),
                }
                None
            }
        };
        (decision, next)
    }

    fn tell_history(&self, history: &History, decision: &Decision, context: ResponseContext) {
        if let (1, Some(age)) = (self.state.good_answers(), context.age) {
            history.watched_from(age.saturating_sub(context.elapsed));
        }
        if let Next::End(_) = decision.next {
            if let Some(observation) = self.state.observation(&self.shared.config, &decision.event, context) {
                history.learn_of(&self.id, observation);
            }
        }
    }

    fn is_staggered(&self) -> bool {
        let started = self.shared.instant(self.started);
        started.is_some_and(|started| self.shared.gateway.limiter().is_staggered(started))
    }

    /// One event per poll, for the log. No result URL is in any of them.
    fn log_event(&self, event: &StatusEvent) {
        match event {
            StatusEvent::Generating(progress) => {
                debug!(polls = progress.polls, status = %progress.task.status(), next_poll_in = ?progress.next_poll_in, "not finished");
            }
            StatusEvent::PollFailed(failure) => {
                let PollFailure { error, consecutive, polls, next_poll_in, .. } = failure;
                warn!(polls, consecutive, ?next_poll_in, error = error as &dyn std::error::Error, "poll failed");
            }
            StatusEvent::Done(task) => debug!(polls = self.state.polls(), status = %task.status(), "finished"),
            StatusEvent::GaveUp(error) => {
                warn!(polls = self.state.polls(), error = error as &dyn std::error::Error, "gave up");
            }
        }
    }

    fn end_span(&mut self, outcome: impl fmt::Display) {
        let (polls, elapsed) = (self.state.polls(), self.elapsed(Instant::now()));
        let span = self.span();
        span.record("outcome", field::display(&outcome))
            .record("polls", polls)
            .record("elapsed", field::debug(elapsed));
        span.in_scope(|| info!(%outcome, polls, ?elapsed, "watch ended"));
    }
}

impl Drop for TaskWatch {
    fn drop(&mut self) {
        if self.state.is_under_way() {
            self.end_span("dropped");
        }
    }
}

/// Instead of an answer: the wait was over before it was this watch's turn.
pub(crate) fn not_polled() -> Error {
    Error::new(
        ErrorKind::Deadline,
        "its acquire did not come, for the request budget, the requests in flight or the gateway's refusals",
    )
}

/// No schedule and no `Retry-After` is long enough to pass the clock's end; should one be, asking at once is the lesser
/// evil.
pub(crate) fn add_or_now(from: Instant, by: Duration) -> Instant {
    from.checked_add(by).unwrap_or(from)
}

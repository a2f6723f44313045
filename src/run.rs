//! One task's watch from its first poll to its end, whoever drives it: the question, the verdict on each answer, and what
//! the log is told.

use std::fmt;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::field::{self, Empty};
use tracing::{Instrument, Span, debug, info, info_span, warn};

use crate::bell::{Bell, Bells, Ear, Pause};
#[cfg(doc)]
use crate::budget::Turnstile;
use crate::budget::{Permit, Rank, Turn};
use crate::error::{Error, ErrorKind};
use crate::event::{PollFailure, StatusEvent};
use crate::history::History;
use crate::pace::{Moment, Next, Pace, Rules, Verdict};
use crate::task::TaskId;
use crate::transport::{Answer, Asking, Line, Question, objection};

/// What all watches of one client share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) line: Line,
    pub(crate) rules: Rules,
    pub(crate) bells: Bells,
    /// What watches count their time from, in half the bytes of an instant.
    pub(crate) epoch: Instant,
}

impl Shared {
    /// A turn right now, see [`Turnstile::try_enter`].
    pub(crate) fn try_enter(&self) -> Option<Permit> {
        self.line.turnstile().try_enter(self.rules.schedule.rest())
    }

    /// A turn through a closed gate, see [`Turnstile::last_look`].
    pub(crate) fn last_look(&self) -> Option<Permit> {
        self.line.turnstile().last_look(self.rules.schedule.rest())
    }

    /// A turn to wait for.
    pub(crate) fn turn(&self) -> Turn {
        self.line.turnstile().turn(self.rules.schedule.rest())
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
pub(crate) struct Run {
    shared: Arc<Shared>,
    id: TaskId,
    pace: Pace,
    /// Nanoseconds since the client was made, or before it: its clock may have been another.
    started: i64,
    /// Boxed, for most programs have no use for it.
    span: Option<Box<Span>>,
}

impl Run {
    pub(crate) fn new(shared: Arc<Shared>, id: TaskId) -> Self {
        let pace = Pace::new(&shared.rules);
        Self { shared, id, pace, started: 0, span: None }
    }

    /// At the first poll of the stream. Returns when the first request is due, unless that is now.
    pub(crate) fn start(&mut self) -> Option<Instant> {
        let span = info_span!("luma.watch", task_id = %self.id, outcome = Empty, polls = Empty, elapsed = Empty);
        self.span = (!span.is_disabled()).then(|| Box::new(span));
        let now = Instant::now();
        self.started = self.shared.nanos(now);
        self.pace.start(self.shared.line.turnstile().enrol(now));
        let pause = self.shared.rules.schedule.first_pause();
        (!pause.is_zero()).then(|| later(now, pause))
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
        let limit = i64::try_from(self.shared.rules.schedule.limit()?.as_nanos()).ok()?;
        self.shared.instant(self.started.saturating_add(limit))
    }

    /// Why no gateway need be asked about the task.
    pub(crate) fn objection(&self) -> Option<Error> {
        objection(&self.id)
    }

    /// From now on the watch can be rung for.
    pub(crate) fn bell(&self) -> Bell {
        Bell::hang(&self.shared.bells, &self.id)
    }

    /// Asks when it is this watch's turn; past the deadline, turn and answer together take no longer than a request may.
    pub(crate) fn ask_in_turn(&self, ear: Ear) -> Asking {
        if let Some(error) = self.objection() {
            return Box::pin(ready(Err(error)));
        }
        if let Some(permit) = self.shared.try_enter() {
            ear.heard();
            return self.ask(permit, self.shared.line.timeout());
        }
        let mut turn = self.shared.turn();
        turn.rank(self.rank());
        let time = self.deadline().map(|deadline| deadline.max(Instant::now()));
        let (line, question) = (self.shared.line.clone(), self.question());
        self.in_span(Box::pin(async move {
            let Some(permit) = turn.by(time, line.timeout()).await else { return Err(no_turn()) };
            ear.heard();
            let over = time.map_or(Duration::ZERO, |time| Instant::now().saturating_duration_since(time));
            line.ask(question, permit, line.timeout().saturating_sub(over)).await
        }))
    }

    /// What a turn is worth to this watch as time goes by, if its schedule can tell.
    pub(crate) fn rank(&self) -> Option<Rank> {
        let standing = self.pace.standing(&self.shared.rules)?;
        let (shared, started) = (Arc::clone(&self.shared), self.started);
        Some(Rank::new(move |now| standing.gain(&shared.rules, shared.since(started, now))))
    }

    /// The same, now.
    pub(crate) fn gain(&self, now: Instant) -> Option<f64> {
        let standing = self.pace.standing(&self.shared.rules)?;
        Some(standing.gain(&self.shared.rules, self.elapsed(now)))
    }

    /// Asks at once, and waits so long for the answer.
    pub(crate) fn ask(&self, permit: Permit, timeout: Duration) -> Asking {
        self.in_span(self.shared.line.ask(self.question(), permit, timeout))
    }

    fn question(&self) -> Question {
        Question { id: self.id.clone(), age: self.shared.rules.schedule.history().is_some() }
    }

    fn in_span(&self, asking: Asking) -> Asking {
        match &self.span {
            Some(span) => Box::pin(asking.instrument(Span::clone(span))),
            None => asking,
        }
    }

    /// The verdict on an answer that came just now, and the pause to the next poll. `planned`: when that would have been,
    /// had the watch not been rung for.
    pub(crate) fn judge(&mut self, answer: Answer, planned: Option<Instant>) -> (Verdict, Option<Pause>) {
        let now = Instant::now();
        let (answer, age) = match answer {
            Ok(reading) => (Ok(reading.task), reading.age),
            Err(error) => (Err(error), None),
        };
        let planned = planned.map(|planned| self.elapsed(planned));
        let moment = Moment { elapsed: self.elapsed(now), luck: fastrand::f64(), planned, age };
        if self.pace.polls() == 0 && !self.is_crowded() {
            self.pace.keep_step();
        }
        let verdict = self.pace.judge(&self.shared.rules, &self.id, answer, moment);
        if let Some(history) = self.shared.rules.schedule.history() {
            self.tell_history(history, &verdict, moment);
        }
        self.span().in_scope(|| self.tell(&verdict.event));
        let next = match &verdict.next {
            // From the end of the answer, wherever the consumer is meanwhile.
            Next::Poll(pause) => Some(Pause { until: later(now, *pause), firm: verdict.is_firm() }),
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

    fn tell_history(&self, history: &History, verdict: &Verdict, moment: Moment) {
        if let (1, Some(age)) = (self.pace.good_answers(), moment.age) {
            history.watched_from(age.saturating_sub(moment.elapsed));
        }
        if let Next::End(_) = verdict.next {
            if let Some(lesson) = self.pace.lesson(&self.shared.rules, &verdict.event, moment) {
                history.learn_of(&self.id, lesson);
            }
        }
    }

    fn is_crowded(&self) -> bool {
        let started = self.shared.instant(self.started);
        started.is_some_and(|started| self.shared.line.turnstile().is_crowded(started))
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

/// Instead of an answer: the wait was over before it was this watch's turn.
pub(crate) fn no_turn() -> Error {
    Error::new(
        ErrorKind::Deadline,
        "its turn did not come, for the request budget, the requests in flight or the gateway's refusals",
    )
}

/// No schedule and no `Retry-After` is long enough to pass the clock's end; should one be, asking at once is the lesser
/// evil.
pub(crate) fn later(from: Instant, by: Duration) -> Instant {
    from.checked_add(by).unwrap_or(from)
}

//! One task's watch from the first poll of its stream to its end, whatever drives it. It reads the clock, draws the jitter,
//! sends the polls and writes the log; [`PollState`] decides.

mod log;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::Span;

use crate::checkpoint::Checkpoint;
use crate::client_core::{ClientCore, PollFuture, PollOutcome};
use crate::clock::{add_or_now, nanos};
use crate::error::{Error, ErrorKind};
use crate::event::{StatusEvent, outcome_name};
use crate::gateway::{PollRequest, PollResponse};
use crate::limiter::{Cooldown, Permit, Priority};
use crate::observe::{WatchEnded, WatchEvent, WatchStarted};
use crate::poll_state::{Next, PermitWait, PollState, Response, ResponseContext, was_away};
use crate::spelling::is_quotation_mark;
use crate::task::{Status, Task, TaskId};
use crate::wire::is_blank;
use log::{end_span, log_event, log_late};

pub(crate) struct TaskWatch {
    core: Arc<ClientCore>,
    id: TaskId,
    state: PollState,
    /// In nanoseconds from the client's epoch.
    started: i64,
    span: Option<Box<Span>>,
}

impl TaskWatch {
    pub(crate) fn new(core: Arc<ClientCore>, id: TaskId) -> Self {
        let state = PollState::new(&core.config);
        Self { core, id, state, started: 0, span: None }
    }

    /// Goes on from a checkpoint of a watch that has not ended. `core`: with the checkpoint's deadline.
    pub(crate) fn resumed(core: Arc<ClientCore>, checkpoint: &Checkpoint) -> Self {
        let id = checkpoint.task_id().clone();
        if checkpoint.started_at().is_none() {
            return Self::new(core, id);
        }
        let state = PollState::restore(&core.config, checkpoint.state().clone());
        let lasted = checkpoint.elapsed(core.gateway.wall_clock());
        let started = core.epoch.nanos(Instant::now()).saturating_sub(nanos(lasted));
        Self { core, id, state, started, span: None }
    }

    /// How long the watch before this one has lasted, how many polls it made, and how many of them failed. `None`: there was
    /// none, or this one has started.
    pub(crate) fn resumed_from(&self, now: Instant) -> Option<(Duration, u32, u32)> {
        let saved = self.state.is_resumed().then(|| self.state.save())?;
        Some((self.elapsed(now), saved.polls, saved.failures))
    }

    /// The same watch as data.
    pub(crate) fn checkpoint(&self, now: Instant) -> Checkpoint {
        let lasted = if self.state.is_new() { Duration::ZERO } else { self.elapsed(now) };
        self.core.checkpoint(&self.id, lasted, self.state.save(), None)
    }

    /// At the first poll of the stream. Returns when the first poll is, unless it is now.
    pub(crate) fn start(&mut self) -> Option<Instant> {
        self.span = log::span(&self.id);
        let now = Instant::now();
        self.note_start(now);
        self.state.start(self.core.stagger.register(now));
        self.observe_start();
        self.first_poll(now)
    }

    /// Begins one step of a watch that lives as data between its polls. Returns when its poll is, unless it is now.
    pub(crate) fn start_step(&mut self) -> Option<Instant> {
        let now = Instant::now();
        self.note_start(now);
        self.state.start_step();
        self.first_poll(now)
    }

    pub(crate) fn observe_start(&self) {
        self.core.observers.call(|observer| observer.watch_started(&WatchStarted { task_id: &self.id }));
    }

    fn note_start(&mut self, now: Instant) {
        if !self.state.is_resumed() {
            self.started = self.core.epoch.nanos(now);
        }
    }

    fn first_poll(&self, now: Instant) -> Option<Instant> {
        let first = if self.state.polls() == 0 { self.core.config.schedule.first_pause() } else { Duration::ZERO };
        let pause = first.max(self.state.not_before()).saturating_sub(self.elapsed(now));
        (!pause.is_zero()).then(|| add_or_now(now, pause))
    }

    pub(crate) fn id(&self) -> &TaskId {
        &self.id
    }

    pub(crate) fn core(&self) -> &Arc<ClientCore> {
        &self.core
    }

    /// How a poll that is due waits for its permit now. `None`: its time is over.
    pub(crate) fn permit_wait(&mut self, now: Instant) -> Option<PermitWait> {
        let elapsed = self.elapsed(now);
        self.state.permit_wait(&self.core.config, elapsed, self.core.gateway.timeout())
    }

    /// How long a request may take that has waited in this way, and is sent then.
    pub(crate) fn time_for_request(&self, wait: PermitWait, at: Instant) -> Duration {
        wait.time_for_request(|| self.elapsed(at), self.core.gateway.timeout())
    }

    /// When a poll may be sent that is wanted then: not before the end of a `Retry-After`.
    pub(crate) fn allowed_from(&self, at: Instant) -> Instant {
        self.instant(self.state.not_before()).map_or(at, |not_before| not_before.max(at))
    }

    /// The outcome of the first poll of a task whose id no gateway needs to be asked about: it ends the watch.
    pub(crate) fn validate(&self) -> Option<PollOutcome> {
        if self.state.polls() > 0 {
            return None;
        }
        let error = validate(&self.id)?;
        Some(PollOutcome::Polled { result: Err(error), sent_at: Instant::now() })
    }

    /// The next poll comes before the schedule's own, which is due then.
    pub(crate) fn poll_early(&mut self, scheduled_at: Instant) {
        self.state.poll_early(self.elapsed(scheduled_at));
    }

    /// Whether a request that is sent now is an extra poll.
    pub(crate) fn is_extra(&self, now: Instant) -> bool {
        self.state.is_extra(self.elapsed(now))
    }

    /// Whether its schedule learns.
    pub(crate) fn learns(&self) -> bool {
        self.core.config.schedule.history().is_some()
    }

    /// The value of a permit to this watch as time goes by, if its schedule learns.
    pub(crate) fn priority(&self) -> Option<Priority> {
        let priority = self.state.priority(&self.core.config)?;
        // Without the client: the limiter drops it under its lock.
        let (schedule, epoch, started) = (self.core.config.schedule.clone(), self.core.epoch, self.started);
        Some(Priority::new(move |now| priority.expected_gain(&schedule, epoch.since(started, now))))
    }

    /// The same, now.
    pub(crate) fn expected_gain(&self, now: Instant) -> Option<f64> {
        let priority = self.state.priority(&self.core.config)?;
        Some(priority.expected_gain(&self.core.config.schedule, self.elapsed(now)))
    }

    /// Sends a request at once.
    pub(crate) fn poll(&self, permit: Permit, timeout: Duration) -> PollFuture {
        let pause = self.core.config.schedule.max_pause();
        if let Some(late) = self.core.late_polls.note(permit.waited(), pause, || self.core.limiter.report()) {
            log_late(self.span.as_deref(), late);
        }
        self.core.poll(self.request(), permit, timeout, self.span.as_deref())
    }

    /// The status in the last record, the number of polls, and the time since the start, so far.
    pub(crate) fn progress(&self, now: Instant) -> (Option<Status>, u32, Duration) {
        let elapsed = if self.state.is_running() { self.elapsed(now) } else { Duration::ZERO };
        (self.state.last_status(), self.state.polls(), elapsed)
    }

    /// Whether the last event was yielded.
    pub(crate) fn is_over(&self) -> bool {
        !self.state.is_running()
    }

    /// When the schedule's own poll is due, if the next poll is an early repeat of a failed one without a token.
    pub(crate) fn held_until(&self) -> Option<Instant> {
        self.instant(self.state.held_until()?)
    }

    /// Whether the next poll is an early repeat of a failed one without a token.
    pub(crate) fn is_held(&self) -> bool {
        self.state.held_until().is_some()
    }

    /// The place in the client's queue, for when the poll waits on after an event.
    pub(crate) fn keep_ticket(&mut self, ticket: Option<u64>) {
        self.state.keep_ticket(ticket);
    }

    pub(crate) fn take_ticket(&mut self) -> Option<u64> {
        self.state.take_ticket()
    }

    /// The number of the last refusal of which the watch has yielded an event.
    pub(crate) fn known_refusal(&self) -> Option<u32> {
        self.state.known_refusal()
    }

    /// The event of a poll's outcome, and when the next poll is. `None`: the event is the last, or the poll waits on.
    pub(crate) fn on_response(&mut self, outcome: PollOutcome) -> (StatusEvent, Option<Instant>) {
        let now = Instant::now();
        let (response, sent_at, age, retry_after) = match outcome {
            PollOutcome::Polled { result: Ok(PollResponse { task, age, retry_after, http_status: _ }), sent_at } => {
                (Response::Polled(Ok(task)), sent_at, age, retry_after)
            }
            PollOutcome::Polled { result: Err(error), sent_at } => {
                let retry_after = error.retry_after();
                (Response::Polled(Err(error)), sent_at, None, retry_after)
            }
            PollOutcome::HeldBack(cooldown) => return (self.on_held_back(*cooldown), None),
            PollOutcome::NotPolled => (Response::NotPolled(Box::new(self.core.limiter.report())), now, None, None),
        };
        let (sent, elapsed) = (self.elapsed(sent_at), self.elapsed(now));
        let was_away = was_away(sent, elapsed, self.core.gateway.timeout());
        let context = ResponseContext { sent, elapsed, jitter_sample: fastrand::f64(), age, retry_after, was_away };
        if self.state.polls() == 0 && !self.is_staggered() {
            self.state.clear_offset();
        }
        let was_answered = matches!(response, Response::Polled(Ok(_)));
        let core = &self.core;
        let take_retry = || core.limiter.take_retry();
        let decision = self.state.on_response(&core.config, &self.id, response, context, take_retry);
        self.learn(&decision.event, context);
        let line = match &decision.event {
            StatusEvent::PollFailed(_) => self.core.failure_log.failed(now),
            StatusEvent::Generating(_) | StatusEvent::Done(_) if was_answered => self.core.failure_log.answered(now),
            _ => None,
        };
        log_event(self.span.as_deref(), &decision.event, self.state.polls(), line);
        self.observe(&decision.event);
        let next = match decision.next {
            // From the end of the response, wherever the consumer is meanwhile.
            Next::Poll { after } => Some(add_or_now(now, after)),
            Next::End => {
                let outcome = decision.event.outcome();
                let delay = detection_delay(&decision.event, age);
                self.end(outcome.as_ref().map(Result::as_ref), elapsed, delay);
                None
            }
        };
        (decision.event, next)
    }

    /// The event of a poll that waits because all watches of the client are held back.
    pub(crate) fn on_held_back(&mut self, cooldown: Cooldown) -> StatusEvent {
        let event = self.state.held_back(&self.core.config, cooldown, self.elapsed(Instant::now()));
        log_event(self.span.as_deref(), &event, self.state.polls(), None);
        self.observe(&event);
        event
    }

    fn request(&self) -> PollRequest {
        let wants_age = self.learns() || !self.core.observers.is_empty();
        PollRequest { id: self.id.clone(), wants_age }
    }

    /// From the first poll of the stream.
    fn elapsed(&self, at: Instant) -> Duration {
        self.core.epoch.since(self.started, at)
    }

    /// This long after the first poll of the stream.
    pub(crate) fn instant(&self, elapsed: Duration) -> Option<Instant> {
        let elapsed = i64::try_from(elapsed.as_nanos()).ok()?;
        self.core.epoch.instant(self.started.saturating_add(elapsed))
    }

    fn is_staggered(&self) -> bool {
        let started = self.core.epoch.instant(self.started);
        started.is_some_and(|started| self.core.stagger.is_staggered(started))
    }

    fn learn(&self, event: &StatusEvent, context: ResponseContext) {
        let Some(history) = self.core.config.schedule.history() else { return };
        if let (1, Some(age)) = (self.state.good_answers(), context.age) {
            history.watched_from(age.saturating_sub(context.elapsed));
        }
        if event.is_terminal() {
            if let Some(observation) = self.state.observe(&self.core.config, event, context) {
                history.learn_of(&self.id, observation);
            }
        }
    }

    fn observe(&self, event: &StatusEvent) {
        self.core.observers.call(|observer| observer.event(&WatchEvent { task_id: &self.id, event }));
    }

    /// `result`: of the watch. `None`: it is dropped.
    fn end(&self, result: Option<Result<&Task, &Error>>, elapsed: Duration, detection_delay: Option<Duration>) {
        let (none, polls) = (Span::none(), self.state.polls());
        end_span(self.span.as_deref().unwrap_or(&none), outcome_name(result), polls, elapsed);
        let ended = WatchEnded { task_id: &self.id, result, polls, elapsed, detection_delay };
        self.core.observers.call(|observer| observer.watch_ended(&ended));
    }
}

/// The time from the task's end to the answer that said so. `age`: of the task, at that answer.
fn detection_delay(event: &StatusEvent, age: Option<Duration>) -> Option<Duration> {
    let StatusEvent::Done(finished) = event else { return None };
    age?.checked_sub(finished.task.generation_time()?)
}

impl Drop for TaskWatch {
    fn drop(&mut self) {
        if self.state.is_running() {
            self.end(None, self.elapsed(Instant::now()), None);
        }
    }
}

/// Why no gateway needs to be asked about this id.
pub(crate) fn validate(id: &TaskId) -> Option<Error> {
    let id = id.as_str();
    let is_in_quotes = || {
        let inner = id.strip_prefix(is_quotation_mark);
        inner.is_some_and(|inner| inner.ends_with(is_quotation_mark))
    };
    let is_invisible = |c: char| matches!(c, '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}');
    let why = if is_blank(id) {
        "the task id is empty"
    } else if id.trim() != id {
        "the task id has blanks or line ends around it: give it without them"
    } else if id.contains(char::is_control) {
        "the task id holds a control character: give it without that"
    } else if id.contains(is_invisible) {
        "the task id holds an invisible character: give it without that"
    } else if is_in_quotes() {
        "the task id is in quotes: give it without them"
    } else {
        return None;
    };
    Some(Error::new(ErrorKind::InvalidRequest, why).nothing_sent())
}

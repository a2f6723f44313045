//! What a watch remembers between polls, and what can be asked of it.

use std::time::Duration;

use super::config::WatchConfig;
use super::deadline::{Deadline, Failures};
use super::decision::Decision;
use super::last_record::{self, LastObservation};
use super::learn;
use super::next_poll;
use super::permit_wait::PermitWait;
use super::poll_priority::PollPriority;
use super::response::ResponseContext;
use super::uncommon::Uncommon;
use crate::event::{HeldBack, StatusEvent};
use crate::history::Observation;
use crate::limiter::{Class, ClientLimits, Cooldown};
use crate::millis;
use crate::schedule::{NoPause, PauseInput, PolicyState};
use crate::task::{Status, Task, TaskId};

/// What a watch remembers between polls: only what the next decision needs, because there may be 100,000 watches.
#[derive(Debug)]
pub(crate) struct PollState {
    pub(super) polls: u32,
    pub(super) lifecycle: Lifecycle,
    /// In 1/65536 of a pause: how far its polls are from those of the watches that started with it. 0: not staggered.
    pub(super) offset: u16,
    /// Boxed: most watches never have any.
    pub(super) uncommon: Option<Box<Uncommon>>,
}

#[derive(Debug, PartialEq)]
pub(super) enum Lifecycle {
    Idle,
    /// It is to go on from where another watch was.
    Resumed,
    Running,
    /// It makes one poll, and then lives on as data.
    Step,
    Over,
}

impl PollState {
    pub(crate) fn new(config: &WatchConfig) -> Self {
        let policy = config.schedule.start();
        let uncommon = policy.has_state().then(|| Box::new(Uncommon { policy, ..Uncommon::default() }));
        Self { polls: 0, lifecycle: Lifecycle::Idle, offset: 0, uncommon }
    }

    /// The stream is polled for the first time.
    pub(crate) fn start(&mut self, offset: u16) {
        self.lifecycle = Lifecycle::Running;
        self.offset = offset;
    }

    /// It goes on from where another watch was, when the stream is polled for the first time.
    pub(super) fn resumed(&mut self) {
        self.lifecycle = Lifecycle::Resumed;
    }

    /// Whether it has no start yet.
    pub(crate) fn is_new(&self) -> bool {
        self.lifecycle == Lifecycle::Idle
    }

    pub(crate) fn is_resumed(&self) -> bool {
        self.lifecycle == Lifecycle::Resumed
    }

    /// The watch makes one poll. Its place among others is not known.
    pub(crate) fn start_step(&mut self) {
        self.lifecycle = Lifecycle::Step;
        self.offset = 0;
    }

    /// The watch does not belong to a group that is staggered.
    pub(crate) fn clear_offset(&mut self) {
        self.offset = 0;
    }

    pub(crate) fn is_running(&self) -> bool {
        self.lifecycle == Lifecycle::Running
    }

    /// How many requests were sent and are over.
    pub(crate) fn polls(&self) -> u32 {
        self.polls
    }

    pub(crate) fn good_answers(&self) -> u32 {
        self.polls.saturating_sub(self.uncommon.as_ref().map_or(0, |uncommon| uncommon.counts.failures))
    }

    /// The next poll comes before the schedule's own, which is due at `scheduled_at`.
    pub(crate) fn poll_early(&mut self, scheduled_at: Duration) {
        let uncommon = self.uncommon.get_or_insert_default();
        uncommon.extra.begin(scheduled_at);
        uncommon.wait.held_until = None; // there is a reason to ask
    }

    /// Whether a request that is sent then is an extra one.
    pub(crate) fn is_extra(&self, sent: Duration) -> bool {
        self.uncommon.as_ref().is_some_and(|uncommon| uncommon.extra.scheduled_after(sent).is_some())
    }

    /// The gateway asked for no poll before (`Retry-After`). From the first poll of the stream.
    pub(crate) fn not_before(&self) -> Duration {
        self.uncommon.as_ref().map_or(Duration::ZERO, |uncommon| uncommon.not_before)
    }

    /// What a poll is worth beside those of other tasks, if the schedule learns.
    pub(crate) fn priority(&self, config: &WatchConfig) -> Option<PollPriority> {
        config.schedule.history()?;
        Some(PollPriority(self.last_observation()))
    }

    /// What the end of the watch says about the time that tasks take, if the schedule learns.
    pub(crate) fn observe(
        &self,
        config: &WatchConfig,
        end: &StatusEvent,
        context: ResponseContext,
    ) -> Option<Observation> {
        config.schedule.history()?;
        learn::observe(end, context, self.last_observation(), config.schedule.longest_learned_pause())
    }

    /// The place in the client's queue of a poll that waits on after an event.
    pub(crate) fn keep_ticket(&mut self, ticket: Option<u64>) {
        self.uncommon.get_or_insert_default().wait.ticket = ticket;
    }

    pub(crate) fn take_ticket(&mut self) -> Option<u64> {
        self.uncommon.as_mut()?.wait.ticket.take()
    }

    /// When the schedule's own poll is due, if the next poll is an early repeat of a failed one without a token.
    pub(crate) fn held_until(&self) -> Option<Duration> {
        self.uncommon.as_ref()?.wait.held_until
    }

    /// How a poll that is due waits for its permit now. `None`: its time is over.
    pub(crate) fn permit_wait(
        &mut self,
        config: &WatchConfig,
        elapsed: Duration,
        request_timeout: Duration,
    ) -> Option<PermitWait> {
        if let Some(until) = self.held_until().filter(|until| *until > elapsed) {
            return Some(PermitWait { class: Class::Retry, until: Some(until) });
        }
        let limit = config.schedule.limit();
        let Some(deadline) = limit.filter(|limit| *limit <= elapsed) else {
            return Some(PermitWait { class: Class::Normal, until: limit });
        };
        self.uncommon.get_or_insert_default().wait.final_poll(deadline, elapsed, request_timeout)
    }

    /// The number of the last refusal of which the watch has yielded an event.
    pub(crate) fn known_refusal(&self) -> Option<u32> {
        self.uncommon.as_ref()?.wait.known_refusal
    }

    /// The next poll waits, because all watches of the client hold back.
    pub(crate) fn held_back(&mut self, config: &WatchConfig, cooldown: Cooldown, elapsed: Duration) -> StatusEvent {
        let next_poll_in = self.uncommon.get_or_insert_default().wait.held_back(config, &cooldown, elapsed);
        let (error, elapsed, next_poll_in) = (cooldown.error, millis::whole(elapsed), millis::whole(next_poll_in));
        StatusEvent::HeldBack(HeldBack { error, polls: self.polls, elapsed, next_poll_in })
    }

    /// When the schedule's own poll is due, if the request that was sent then was an extra one.
    pub(super) fn scheduled_after(&mut self, sent: Duration) -> Option<Duration> {
        let extra = &mut self.uncommon.as_mut()?.extra;
        let scheduled_at = extra.scheduled_after(sent);
        if scheduled_at.is_none() {
            extra.end();
        }
        scheduled_at
    }

    /// The gateway asks to wait. Returns the context with the time as far as it is obeyed.
    pub(super) fn note_retry_after(&mut self, config: &WatchConfig, context: ResponseContext) -> ResponseContext {
        let wait = context.retry_after.unwrap_or_default().min(config.retry_after_cap);
        if !wait.is_zero() || self.uncommon.is_some() {
            self.uncommon.get_or_insert_default().not_before = context.elapsed.saturating_add(wait);
        }
        ResponseContext { retry_after: Some(wait), ..context }
    }

    /// Notes from when the final poll is due, if a response was awaited until after the deadline.
    pub(super) fn note_overdue(&mut self, config: &WatchConfig, context: ResponseContext) {
        if next_poll::left(config, context.elapsed).is_zero() && !context.was_away {
            self.uncommon.get_or_insert_default().wait.overdue(context);
        }
    }

    /// The schedule's own pause.
    pub(super) fn pause(&mut self, config: &WatchConfig, step: u32, input: PauseInput) -> Result<Duration, NoPause> {
        let mut stateless = PolicyState::default();
        let policy = self.uncommon.as_mut().map_or(&mut stateless, |uncommon| &mut uncommon.policy);
        policy.pause(&config.schedule, step, input)
    }

    /// How many good answers have moved the schedule on.
    pub(super) fn steps(&self) -> u32 {
        self.good_answers().saturating_sub(self.uncommon.as_ref().map_or(0, |uncommon| uncommon.counts.extra))
    }

    pub(super) fn last_observation(&self) -> Option<LastObservation> {
        self.uncommon.as_ref()?.last_record.observation
    }

    /// What is left of the last record, if there was one.
    pub(super) fn last_record(&self, id: &TaskId) -> Option<Task> {
        Some(last_record::remains(id, self.last_status()?))
    }

    /// The status in the last record, if there was one.
    pub(crate) fn last_status(&self) -> Option<Status> {
        let kept = self.uncommon.as_ref().and_then(|uncommon| uncommon.last_record.status());
        kept.or_else(|| (self.good_answers() > 0).then_some(Status::Generating))
    }

    /// The end at the deadline. A task that was last seen as a success has ended, whatever came of the final poll.
    pub(super) fn at_deadline(
        &self,
        id: &TaskId,
        last_record: Option<Task>,
        elapsed: Duration,
        unpolled: Option<&ClientLimits>,
    ) -> Decision {
        let last_record = match last_record {
            Some(task) if last_record::is_without_result(&task) => return Decision::done(task, self.polls, elapsed),
            other => other,
        };
        let failures = self.uncommon.as_ref().map(|uncommon| Failures {
            count: uncommon.counts.failures,
            answered_since: self.polls.saturating_sub(uncommon.counts.last_failed_poll),
            last_error: uncommon.streak.last_error.clone(),
        });
        let failures = failures.unwrap_or_default();
        Decision::give_up(Deadline { id, last_record, failures, polls: self.polls, elapsed, unpolled }.into_error())
    }
}

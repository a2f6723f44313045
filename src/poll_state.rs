//! The decision after each response: an event, and when the next poll is, or the end.
//!
//! Pure: no clock, no I/O, no async. `(state, response, time) -> (event, state, next poll | end)`. Each driver stands on it:
//! one watch, and `WatchAll`.

mod config;
mod deadline;
mod decision;
mod extra;
mod failure_streak;
mod last_record;
mod learn;
mod next_poll;
mod permit_wait;
mod poll_priority;
mod response;
mod uncommon;
mod wait_state;

use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::event::{Finished, HeldBack, PollFailure, Progress, StatusEvent};
use crate::history::Observation;
use crate::limiter::{Class, ClientLimits, Cooldown};
use crate::schedule::{NoPause, PauseInput, PolicyState};
use crate::task::{Status, Task, TaskId};

pub(crate) use config::WatchConfig;
use deadline::{Deadline, Failures};
pub(crate) use decision::{Decision, Next};
use failure_streak::Verdict;
use last_record::{LastObservation, LastRecord};
use next_poll::RetryPause;
pub(crate) use permit_wait::{PermitWait, was_away};
pub(crate) use poll_priority::PollPriority;
pub(crate) use response::{Response, ResponseContext};
use uncommon::Uncommon;

/// What a watch remembers between polls: only what the next decision needs, because there may be 100,000 watches.
#[derive(Debug)]
pub(crate) struct PollState {
    polls: u32,
    lifecycle: Lifecycle,
    /// In 1/65536 of a pause: how far its polls are from those of the watches that started with it. 0: not staggered.
    offset: u16,
    /// Boxed: most watches never have any.
    uncommon: Option<Box<Uncommon>>,
}

#[derive(Debug, PartialEq)]
enum Lifecycle {
    Idle,
    Running,
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
        let error = cooldown.error;
        StatusEvent::HeldBack(HeldBack { error, polls: self.polls, elapsed, next_poll_in })
    }

    /// Decides what follows from a response. `take_retry`: takes a token for an early repeat, if there is one.
    pub(crate) fn on_response(
        &mut self,
        config: &WatchConfig,
        id: &TaskId,
        response: Response,
        context: ResponseContext,
        take_retry: impl FnOnce() -> bool,
    ) -> Decision {
        if let Some(uncommon) = &mut self.uncommon {
            uncommon.wait.answered();
        }
        let decision = match response {
            Response::NotPolled(limits) => {
                give_up(self.deadline(id, self.last_record(id), context.elapsed, Some(&limits)))
            }
            Response::Polled(result) => {
                self.polls = self.polls.saturating_add(1);
                let scheduled_at = self.scheduled_after(context.sent);
                let context = self.note_retry_after(config, context);
                match result {
                    Ok(task) if is_without_result(&task) => {
                        let error = Error::missing_result(&task);
                        self.failed(config, id, error, scheduled_at, context, take_retry)
                    }
                    Ok(task) if task.status().is_terminal() => self.done(task, context.elapsed),
                    Ok(task) => self.generating(config, task, scheduled_at, context),
                    Err(error) => self.failed(config, id, error, scheduled_at, context, take_retry),
                }
            }
        };
        match decision.next {
            Next::End => self.lifecycle = Lifecycle::Over,
            Next::Poll { .. } => self.note_overdue(config, context),
        }
        decision
    }

    /// When the schedule's own poll is due, if the request that was sent then was an extra one.
    fn scheduled_after(&mut self, sent: Duration) -> Option<Duration> {
        let extra = &mut self.uncommon.as_mut()?.extra;
        let scheduled_at = extra.scheduled_after(sent);
        if scheduled_at.is_none() {
            extra.end();
        }
        scheduled_at
    }

    /// The gateway asks to wait. Returns the context with the time as far as it is obeyed.
    fn note_retry_after(&mut self, config: &WatchConfig, context: ResponseContext) -> ResponseContext {
        let wait = context.retry_after.unwrap_or_default().min(config.retry_after_cap);
        if !wait.is_zero() || self.uncommon.is_some() {
            self.uncommon.get_or_insert_default().not_before = context.elapsed.saturating_add(wait);
        }
        ResponseContext { retry_after: Some(wait), ..context }
    }

    /// The final poll follows at once if the request before it took until after the deadline.
    fn note_overdue(&mut self, config: &WatchConfig, context: ResponseContext) {
        if next_poll::left(config, context.elapsed).is_zero() && !context.was_away {
            self.uncommon.get_or_insert_default().wait.overdue(context);
        }
    }

    fn done(&self, task: Task, elapsed: Duration) -> Decision {
        Decision { event: StatusEvent::Done(Finished::new(task, self.polls, elapsed)), next: Next::End }
    }

    /// The end because of a failed poll.
    fn end(&self, error: Error, elapsed: Duration) -> Decision {
        match error.task().filter(|_| error.kind() == ErrorKind::MissingResult) {
            Some(task) => self.done(task.clone(), elapsed),
            None => give_up(error),
        }
    }

    fn generating(
        &mut self,
        config: &WatchConfig,
        task: Task,
        scheduled_at: Option<Duration>,
        context: ResponseContext,
    ) -> Decision {
        let ResponseContext { sent, elapsed, jitter_sample, .. } = context;
        let wait = context.retry_after.unwrap_or_default();
        // Pauses grow with each good answer before this one.
        let step = self.steps().saturating_sub(1);
        self.note_good_answer(&task, scheduled_at.is_some());
        let age = if config.schedule.history().is_some() { Some(self.note_age(context)) } else { context.age };
        let next_poll_in = if let Some(scheduled_at) = scheduled_at {
            // As if there had been no extra poll: the final poll of the schedule is still to come.
            Some(scheduled_at.saturating_sub(elapsed).max(wait.min(next_poll::left(config, elapsed))))
        } else {
            match self.pause(config, step, PauseInput { jitter_sample, offset: self.offset, elapsed, age }) {
                Ok(pause) => next_poll::cut_at_deadline(config, pause.max(wait), sent, elapsed),
                Err(NoPause::Over) => None,
                Err(NoPause::Failed(error)) => {
                    let id = task.id().clone();
                    return give_up(error.of_task(&id, Some(task)).in_watch(self.polls, elapsed));
                }
            }
        };
        let Some(next_poll_in) = next_poll_in else {
            let id = task.id().clone();
            return give_up(self.deadline(&id, Some(task), elapsed, None));
        };
        let progress = Progress { task, polls: self.polls, elapsed, next_poll_in };
        let next = Next::Poll { after: next_poll_in };
        Decision { event: StatusEvent::Generating(progress), next }
    }

    fn failed(
        &mut self,
        config: &WatchConfig,
        id: &TaskId,
        error: Error,
        scheduled_at: Option<Duration>,
        context: ResponseContext,
        take_retry: impl FnOnce() -> bool,
    ) -> Decision {
        let ResponseContext { sent, elapsed, jitter_sample, .. } = context;
        let wait = context.retry_after.unwrap_or_default();
        let (consecutive, failures) = self.uncommon.get_or_insert_default().failed(scheduled_at.is_some(), self.polls);
        let before = self.last_record(id);
        let uncommon = self.uncommon.get_or_insert_default();
        if error.kind() == ErrorKind::MissingResult {
            uncommon.last_record.set_flag(error.task().map(|task| task.status().flag()));
        }
        let was_answered = before.is_some();
        let last_record = error.task().cloned().or(before);
        let error = error.of_task(id, last_record.clone()).in_watch(self.polls, elapsed);
        let verdict = uncommon.streak.failed(&error, was_answered, self.polls == 1, elapsed, config.grace);
        if verdict == Verdict::Ends {
            return self.end(error.permanent(), elapsed);
        }
        let error = error.unconfirmed();
        if config.schedule.failures_to_give_up().is_some_and(|limit| consecutive >= limit) {
            return self.end(error.and(format!("{consecutive} polls in a row have failed")), elapsed);
        }
        let grace_left = match verdict {
            Verdict::EndsAt(at) => at.saturating_sub(elapsed),
            Verdict::GoesOn | Verdict::Ends => Duration::MAX,
        };
        let bounded = |pause: Duration| pause.min(grace_left).max(wait);
        let pause = if let Some(scheduled_at) = scheduled_at {
            let remaining = scheduled_at.saturating_sub(elapsed);
            Ok(next_poll::after_extra_failure(config, &error, failures, wait, jitter_sample, remaining))
        } else {
            let age = self.last_observation().map(|last| last.age_at(elapsed));
            let input = PauseInput { elapsed, age, ..PauseInput::with_jitter(jitter_sample) };
            let step = self.steps();
            let policy = &mut self.uncommon.get_or_insert_default().policy;
            next_poll::after_failure(config, policy, &error, failures, step, wait, input)
        };
        let cut = |pause: Duration| match scheduled_at {
            Some(_) => Some(bounded(pause).min(next_poll::left(config, elapsed))),
            None => next_poll::cut_at_deadline(config, bounded(pause), sent, elapsed),
        };
        let pause = match pause {
            Ok(RetryPause { retry, own }) => cut(retry).zip(cut(own)).ok_or(NoPause::Over),
            Err(no_pause) => Err(no_pause),
        };
        let (retry, own) = match pause {
            Ok(pause) => pause,
            // Nothing follows, and the task has ended.
            Err(_) if error.kind() == ErrorKind::MissingResult => return self.end(error, elapsed),
            Err(NoPause::Over) => return give_up(self.deadline(id, last_record, elapsed, None)),
            Err(NoPause::Failed(failed)) => {
                return give_up(failed.of_task(id, last_record).in_watch(self.polls, elapsed));
            }
        };
        // Without a token, it may be repeated when good answers come again, and else when the schedule says so.
        let is_held = retry < own && needs_token(&error) && !take_retry();
        self.uncommon.get_or_insert_default().wait.held_until = is_held.then(|| elapsed.saturating_add(own));
        let next_poll_in = if is_held { own } else { retry };
        let failure = PollFailure { error, consecutive, polls: self.polls, elapsed, next_poll_in };
        let next = Next::Poll { after: retry };
        Decision { event: StatusEvent::PollFailed(failure), next }
    }

    fn note_good_answer(&mut self, task: &Task, extra: bool) {
        let flag = LastRecord::flag_to_keep(task.status());
        if flag.is_none() && !extra && self.uncommon.is_none() {
            return;
        }
        self.uncommon.get_or_insert_default().good_answer(flag, extra);
    }

    /// Keeps the task's age: at least what it was before plus the time since, whatever the gateway says.
    fn note_age(&mut self, context: ResponseContext) -> Duration {
        let ResponseContext { elapsed, age, .. } = context;
        let known = self.last_observation().map_or(elapsed, |last| last.age_at(elapsed).max(elapsed));
        let age = age.unwrap_or_default().max(known);
        self.uncommon.get_or_insert_default().last_record.observation = Some(LastObservation { age, at: elapsed });
        age
    }

    /// The schedule's own pause.
    fn pause(&mut self, config: &WatchConfig, step: u32, input: PauseInput) -> Result<Duration, NoPause> {
        let mut stateless = PolicyState::default();
        let policy = self.uncommon.as_mut().map_or(&mut stateless, |uncommon| &mut uncommon.policy);
        policy.pause(&config.schedule, step, input)
    }

    /// How many good answers have moved the schedule on.
    fn steps(&self) -> u32 {
        self.good_answers().saturating_sub(self.uncommon.as_ref().map_or(0, |uncommon| uncommon.counts.extra))
    }

    fn last_observation(&self) -> Option<LastObservation> {
        self.uncommon.as_ref()?.last_record.observation
    }

    /// What is left of the last record, if there was one.
    fn last_record(&self, id: &TaskId) -> Option<Task> {
        let kept = self.uncommon.as_ref().and_then(|uncommon| uncommon.last_record.status());
        let status = kept.or_else(|| (self.good_answers() > 0).then_some(Status::Generating))?;
        Some(last_record::remains(id, status))
    }

    fn deadline(
        &self,
        id: &TaskId,
        last_record: Option<Task>,
        elapsed: Duration,
        unpolled: Option<&ClientLimits>,
    ) -> Error {
        let failures = self.uncommon.as_ref().map(|uncommon| Failures {
            count: uncommon.counts.failures,
            answered_since: self.polls.saturating_sub(uncommon.counts.last_failed_poll),
            last_error: uncommon.streak.last_error.clone(),
        });
        let failures = failures.unwrap_or_default();
        Deadline { id, last_record, failures, polls: self.polls, elapsed, unpolled }.into_error()
    }
}

/// Whether an early repeat after this failure needs a token. That there is no such record, or no result in it yet, is no trouble
/// of the gateway's.
fn needs_token(error: &Error) -> bool {
    !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::MissingResult)
}

fn is_without_result(task: &Task) -> bool {
    task.status().is_success() && task.result_urls().is_empty()
}

fn give_up(error: Error) -> Decision {
    Decision { event: StatusEvent::GaveUp(error), next: Next::End }
}

#[cfg(test)]
mod tests;

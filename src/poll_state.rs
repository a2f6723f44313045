//! What now, after this answer? A pure step: no clock, no I/O, no async.
//!
//! `(state, answer, time) -> (event, state, pause | end)`. Whoever reads [`PollState::on_response`] knows what a watch does.

mod decision;
mod observation;
mod poll_priority;

use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::event::{PollFailure, Progress, StatusEvent, settle};
use crate::history::Observation;
use crate::schedule::{self, PauseInput, PolicyState};
use crate::task::{Record, Status, Task, TaskId};
pub(crate) use decision::{Decision, Next, ResponseContext, WatchConfig};
use poll_priority::LastObservation;
pub(crate) use poll_priority::PollPriority;

/// What a watch remembers between polls: only what the next decision needs, for there may be 100,000 of them.
#[derive(Debug)]
pub(crate) struct PollState {
    polls: u32,
    stage: Stage,
    /// In 1/65536: how far it lies apart from the watches that started together with it.
    offset: u16,
    /// Boxed: most watches never have any.
    rare: Option<Box<Rare>>,
}

#[derive(Debug, PartialEq)]
enum Stage {
    Idle,
    UnderWay,
    Over,
}

/// What a smooth watch on a schedule without a state of its own never needs.
#[derive(Debug, Default)]
struct Rare {
    policy_state: PolicyState,
    /// Failed polls in all.
    failures: u32,
    /// Good answers to polls beside the schedule, which do not move it on.
    beside: u32,
    /// Failed polls since the last good answer, but for those beside the schedule.
    consecutive: u32,
    /// Those.
    extra_failures: u32,
    /// When the first of a row of "no such record" came.
    not_found_since: Option<Duration>,
    last_error: Option<Error>,
    /// Of a schedule that learns: the task as it was at the last good answer.
    seen: Option<LastObservation>,
    /// The flag of the last record, if it is not the one of a task under way.
    unknown_flag: Option<i64>,
}

impl PollState {
    pub(crate) fn new(config: &WatchConfig) -> Self {
        let policy_state = config.schedule.start();
        let rare = policy_state.has_state().then(|| Box::new(Rare { policy_state, ..Rare::default() }));
        Self { polls: 0, stage: Stage::Idle, offset: 0, rare }
    }

    pub(crate) fn polls(&self) -> u32 {
        self.polls
    }

    pub(crate) fn start(&mut self, offset: u16) {
        self.stage = Stage::UnderWay;
        self.offset = offset;
    }

    /// There is nobody to go apart from.
    pub(crate) fn clear_offset(&mut self) {
        self.offset = 0;
    }

    pub(crate) fn is_under_way(&self) -> bool {
        self.stage == Stage::UnderWay
    }

    /// An answer that is a Deadline says why there is none: it was not asked any more.
    pub(crate) fn on_response(
        &mut self,
        config: &WatchConfig,
        id: &TaskId,
        answer: Result<Task, Error>,
        context: ResponseContext,
    ) -> Decision {
        let ResponseContext { elapsed, .. } = context;
        if let Err(error) = &answer {
            if error.kind() == ErrorKind::Deadline {
                self.stage = Stage::Over;
                return give_up(self.deadline(id, self.last_record(id), elapsed, Some(error)));
            }
        }
        self.polls = self.polls.saturating_add(1);
        let decision = match answer {
            Ok(task) if task.status().is_terminal() => self.done(task, elapsed),
            Ok(task) => self.generating(config, task, context),
            Err(error) => self.failed(config, id, error, context),
        };
        if matches!(decision.next, Next::End(_)) {
            self.stage = Stage::Over;
        }
        decision
    }

    fn done(&self, task: Task, elapsed: Duration) -> Decision {
        let outcome = settle(&task).map_err(|error| error.in_watch(self.polls, elapsed));
        Decision { event: StatusEvent::Done(task), next: Next::End(outcome) }
    }

    fn generating(&mut self, config: &WatchConfig, task: Task, context: ResponseContext) -> Decision {
        let ResponseContext { elapsed, jitter_sample, scheduled_at, age } = context;
        // Schedules grow with each good answer before this one.
        let step = self.steps().saturating_sub(1);
        let unknown_flag = Some(task.status().flag()).filter(|_| task.status() != Status::Generating);
        if unknown_flag.is_some() || scheduled_at.is_some() || self.rare.is_some() {
            let rare = self.rare.get_or_insert_default();
            rare.beside = rare.beside.saturating_add(u32::from(scheduled_at.is_some()));
            if rare.consecutive > 0 || rare.extra_failures > 0 {
                rare.policy_state.recovered();
            }
            (rare.consecutive, rare.extra_failures) = (0, 0);
            rare.not_found_since = None;
            rare.unknown_flag = unknown_flag;
        }
        let mut age = age;
        if config.schedule.history().is_some() {
            // The gateway may tell what cannot be: the task is at least as old as it has been watched.
            let known = self.seen().map_or(elapsed, |seen| seen.age_at(elapsed).max(elapsed));
            let seen = LastObservation { age: age.unwrap_or_default().max(known), at: elapsed };
            self.rare.get_or_insert_default().seen = Some(seen);
            age = Some(seen.age);
        }
        let shift = PauseInput { jitter_sample, offset: self.offset, elapsed, age };
        let next_poll_in = match scheduled_at {
            // The schedule goes on as if nothing had been, and has its last look.
            Some(scheduled_at) => Some(scheduled_at.saturating_sub(elapsed)),
            None => cut_at_deadline(config, self.pause(config, step, shift), elapsed),
        };
        let Some(next_poll_in) = next_poll_in else {
            let id = task.id().clone();
            return give_up(self.deadline(&id, Some(task), elapsed, None));
        };
        let progress = Progress { task, polls: self.polls, elapsed, next_poll_in };
        Decision { event: StatusEvent::Generating(progress), next: Next::Poll(next_poll_in) }
    }

    fn failed(&mut self, config: &WatchConfig, id: &TaskId, error: Error, context: ResponseContext) -> Decision {
        let ResponseContext { elapsed, jitter_sample, scheduled_at, .. } = context;
        let rare = self.rare.get_or_insert_default();
        rare.failures = rare.failures.saturating_add(1);
        let in_a_row = if scheduled_at.is_some() { &mut rare.extra_failures } else { &mut rare.consecutive };
        *in_a_row = in_a_row.saturating_add(1);
        let in_a_row = *in_a_row;
        let last_record = self.last_record(id);
        let error = error.of_task(id, last_record.clone()).in_watch(self.polls, elapsed);
        if !error.is_transient() {
            return give_up(error);
        }
        let rare = self.rare.get_or_insert_default();
        rare.last_error = Some(error.clone());
        rare.not_found_since = (error.kind() == ErrorKind::NotFound).then(|| rare.not_found_since.unwrap_or(elapsed));
        let consecutive = rare.consecutive.saturating_add(rare.extra_failures);
        let grace_over = rare.not_found_since.map(|since| since.saturating_add(config.grace));
        if grace_over.is_some_and(|over| elapsed >= over) {
            return give_up(error.permanent());
        }

        let grace_left = grace_over.map_or(Duration::MAX, |over| over.saturating_sub(elapsed));
        let floor = error.retry_after().unwrap_or_default();
        let next_poll_in = if let Some(scheduled_at) = scheduled_at {
            // Repeated soon, for there was a reason to ask; and the schedule goes on as if nothing had been.
            let retry = if is_told_to_rest(&error) {
                config.schedule.cooldown()
            } else {
                schedule::retry_pause(in_a_row, jitter_sample)
            };
            let pause = retry.min(scheduled_at.saturating_sub(elapsed)).min(grace_left).max(floor);
            Some(config.schedule.limit().map_or(pause, |limit| pause.min(limit.saturating_sub(elapsed))))
        } else {
            let age = self.seen().map(|seen| seen.age_at(elapsed));
            let shift = PauseInput { elapsed, age, ..PauseInput::with_jitter(jitter_sample) };
            let pause = self.pause_after_failure(config, &error, in_a_row, shift);
            cut_at_deadline(config, pause.map(|pause| pause.min(grace_left).max(floor)), elapsed)
        };
        let Some(next_poll_in) = next_poll_in else {
            return give_up(self.deadline(id, last_record, elapsed, None));
        };
        let failure = PollFailure { error, consecutive, polls: self.polls, elapsed, next_poll_in };
        Decision { event: StatusEvent::PollFailed(failure), next: Next::Poll(next_poll_in) }
    }

    /// The schedule's own pause.
    fn pause(&mut self, config: &WatchConfig, step: u32, shift: PauseInput) -> Option<Duration> {
        let mut stateless = PolicyState::default();
        let policy_state = self.rare.as_mut().map_or(&mut stateless, |rare| &mut rare.policy_state);
        policy_state.pause(&config.schedule, step, shift)
    }

    pub(crate) fn good_answers(&self) -> u32 {
        self.polls.saturating_sub(self.rare.as_ref().map_or(0, |rare| rare.failures))
    }

    /// How far the schedule has come.
    fn steps(&self) -> u32 {
        self.good_answers().saturating_sub(self.rare.as_ref().map_or(0, |rare| rare.beside))
    }

    /// Before `Retry-After`, grace and deadline have their say.
    fn pause_after_failure(
        &mut self,
        config: &WatchConfig,
        error: &Error,
        consecutive: u32,
        shift: PauseInput,
    ) -> Option<Duration> {
        let step = self.steps();
        let retry = schedule::retry_pause(consecutive, shift.jitter_sample);
        if is_told_to_rest(error) {
            // Told to hold back, but not for how long: the whole interval, or longer where the schedule may grow.
            let own = self.pause(config, step, PauseInput { jitter_sample: 0.0, ..shift })?;
            return Some(retry.min(config.schedule.max_pause()).max(own));
        }
        Some(retry.min(self.pause(config, step, shift)?))
    }

    /// Where a watch stands among others, if its schedule can tell.
    pub(crate) fn priority(&self, config: &WatchConfig) -> Option<PollPriority> {
        config.schedule.history()?;
        Some(PollPriority(self.seen()))
    }

    fn seen(&self) -> Option<LastObservation> {
        self.rare.as_ref()?.seen
    }

    /// What the end of the watch tells those that come after it, if its schedule learns.
    pub(crate) fn observation(
        &self,
        config: &WatchConfig,
        end: &StatusEvent,
        context: ResponseContext,
    ) -> Option<Observation> {
        config.schedule.history()?;
        observation::observation(end, context, self.seen(), config.schedule.longest_learned_pause())
    }

    fn deadline(&self, id: &TaskId, task: Option<Task>, elapsed: Duration, no_last_look: Option<&Error>) -> Error {
        let status = match &task {
            Some(task) => format!("last seen {}", task.status()),
            None => "never seen".to_owned(),
        };
        let last_error = self.rare.as_ref().and_then(|rare| rare.last_error.clone()).map(Error::without_task);
        let rare = last_error.as_ref().map_or_else(String::new, |error| format!("; last poll error: {error}"));
        let unasked = no_last_look.map_or_else(String::new, |why| format!("; no last look: {}", why.detail()));
        let polls = self.polls;
        let plural = if polls == 1 { "" } else { "s" };
        let deadline = Error::new(
            ErrorKind::Deadline,
            format!(
                "no end after {} and {polls} poll{plural}; {status}{rare}{unasked}; the task may still finish and be billed, \
                 so watch the same id again and do not create it again",
                seconds(elapsed)
            ),
        )
        .of_task(id, task)
        .in_watch(polls, elapsed);
        match last_error {
            Some(last) => deadline.caused_like(&last),
            None => deadline,
        }
    }

    /// What is left of the last record.
    fn last_record(&self, id: &TaskId) -> Option<Task> {
        let flag = self.rare.as_ref().and_then(|rare| rare.unknown_flag);
        let status = flag.map_or(Status::Generating, Status::from_flag);
        (self.good_answers() > 0).then(|| Task::from(Record::new(id.clone(), status)))
    }
}

/// By the gateway, which does not say for how long.
fn is_told_to_rest(error: &Error) -> bool {
    error.kind().is_throttling() && error.retry_after().is_none_or(|wait| wait.is_zero())
}

fn give_up(error: Error) -> Decision {
    Decision { event: StatusEvent::GaveUp(error.clone()), next: Next::End(Err(error)) }
}

/// The pause, at most up to the deadline. `None`: the deadline is here, or the policy has had enough.
fn cut_at_deadline(config: &WatchConfig, pause: Option<Duration>, elapsed: Duration) -> Option<Duration> {
    let pause = pause?;
    match config.schedule.limit() {
        Some(limit) if elapsed >= limit => None,
        Some(limit) => Some(pause.min(limit.saturating_sub(elapsed))),
        None => Some(pause),
    }
}

fn seconds(elapsed: Duration) -> String {
    format!("{:?}", Duration::from_millis(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests;

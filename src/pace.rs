//! What now, after this answer? A pure step: no clock, no I/O, no async.
//!
//! `(state, answer, time) -> (event, state, pause | end)`. Whoever reads [`Pace::judge`] knows what a watch does.

mod lesson;
mod standing;
mod verdict;

use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::event::{PollFailure, Progress, StatusEvent, settle};
use crate::history::Lesson;
use crate::schedule::{self, Beat, Shift};
use crate::task::{Record, Status, Task, TaskId};
use standing::Seen;
pub(crate) use standing::Standing;
pub(crate) use verdict::{Moment, Next, Rules, Verdict};

/// What a watch remembers between polls: only what the next decision needs, for there may be 100,000 of them.
#[derive(Debug)]
pub(crate) struct Pace {
    polls: u32,
    stage: Stage,
    /// In 1/65536: how far it lies apart from the watches that started together with it.
    phase: u16,
    /// Boxed: most watches never have any.
    trouble: Option<Box<Trouble>>,
}

#[derive(Debug, PartialEq)]
enum Stage {
    Idle,
    UnderWay,
    Over,
}

/// What a smooth watch on a schedule without a state of its own never needs.
#[derive(Debug, Default)]
struct Trouble {
    beat: Beat,
    /// Failed polls in all.
    failures: u32,
    /// Good answers to polls beside the schedule, which do not move it on.
    beside: u32,
    /// Failed polls since the last good answer, but for those beside the schedule.
    consecutive: u32,
    /// Those.
    consecutive_beside: u32,
    /// When the first of a row of "no such record" came.
    not_found_since: Option<Duration>,
    last_error: Option<Error>,
    /// Of a schedule that learns: the task as it was at the last good answer.
    seen: Option<Seen>,
    /// The flag of the last record, if it is not the one of a task under way.
    unknown_flag: Option<i64>,
}

impl Pace {
    pub(crate) fn new(rules: &Rules) -> Self {
        let beat = rules.schedule.start();
        let trouble = beat.has_state().then(|| Box::new(Trouble { beat, ..Trouble::default() }));
        Self { polls: 0, stage: Stage::Idle, phase: 0, trouble }
    }

    pub(crate) fn polls(&self) -> u32 {
        self.polls
    }

    pub(crate) fn start(&mut self, phase: u16) {
        self.stage = Stage::UnderWay;
        self.phase = phase;
    }

    /// There is nobody to go apart from.
    pub(crate) fn keep_step(&mut self) {
        self.phase = 0;
    }

    pub(crate) fn is_under_way(&self) -> bool {
        self.stage == Stage::UnderWay
    }

    /// An answer that is a Deadline says why there is none: it was not asked any more.
    pub(crate) fn judge(&mut self, rules: &Rules, id: &TaskId, answer: Result<Task, Error>, moment: Moment) -> Verdict {
        let Moment { elapsed, .. } = moment;
        if let Err(error) = &answer {
            if error.kind() == ErrorKind::Deadline {
                self.stage = Stage::Over;
                return give_up(self.deadline(id, self.last_record(id), elapsed, Some(error)));
            }
        }
        self.polls = self.polls.saturating_add(1);
        let verdict = match answer {
            Ok(task) if task.status().is_terminal() => self.done(task, elapsed),
            Ok(task) => self.generating(rules, task, moment),
            Err(error) => self.failed(rules, id, error, moment),
        };
        if matches!(verdict.next, Next::End(_)) {
            self.stage = Stage::Over;
        }
        verdict
    }

    fn done(&self, task: Task, elapsed: Duration) -> Verdict {
        let outcome = settle(&task).map_err(|error| error.in_watch(self.polls, elapsed));
        Verdict { event: StatusEvent::Done(task), next: Next::End(outcome) }
    }

    fn generating(&mut self, rules: &Rules, task: Task, moment: Moment) -> Verdict {
        let Moment { elapsed, luck, planned, age } = moment;
        // Schedules grow with each good answer before this one.
        let step = self.steps().saturating_sub(1);
        let unknown_flag = Some(task.status().flag()).filter(|_| task.status() != Status::Generating);
        if unknown_flag.is_some() || planned.is_some() || self.trouble.is_some() {
            let trouble = self.trouble.get_or_insert_default();
            trouble.beside = trouble.beside.saturating_add(u32::from(planned.is_some()));
            if trouble.consecutive > 0 || trouble.consecutive_beside > 0 {
                trouble.beat.recovered();
            }
            (trouble.consecutive, trouble.consecutive_beside) = (0, 0);
            trouble.not_found_since = None;
            trouble.unknown_flag = unknown_flag;
        }
        let mut age = age;
        if rules.schedule.history().is_some() {
            // The gateway may tell what cannot be: the task is at least as old as it has been watched.
            let known = self.seen().map_or(elapsed, |seen| seen.age_at(elapsed).max(elapsed));
            let seen = Seen { age: age.unwrap_or_default().max(known), at: elapsed };
            self.trouble.get_or_insert_default().seen = Some(seen);
            age = Some(seen.age);
        }
        let shift = Shift { luck, phase: self.phase, elapsed, age };
        let next_poll_in = match planned {
            // The schedule goes on as if nothing had been, and has its last look.
            Some(planned) => Some(planned.saturating_sub(elapsed)),
            None => cut_at_deadline(rules, self.pause(rules, step, shift), elapsed),
        };
        let Some(next_poll_in) = next_poll_in else {
            let id = task.id().clone();
            return give_up(self.deadline(&id, Some(task), elapsed, None));
        };
        let progress = Progress { task, polls: self.polls, elapsed, next_poll_in };
        Verdict { event: StatusEvent::Generating(progress), next: Next::Poll(next_poll_in) }
    }

    fn failed(&mut self, rules: &Rules, id: &TaskId, error: Error, moment: Moment) -> Verdict {
        let Moment { elapsed, luck, planned, .. } = moment;
        let trouble = self.trouble.get_or_insert_default();
        trouble.failures = trouble.failures.saturating_add(1);
        let in_a_row = if planned.is_some() { &mut trouble.consecutive_beside } else { &mut trouble.consecutive };
        *in_a_row = in_a_row.saturating_add(1);
        let in_a_row = *in_a_row;
        let last_record = self.last_record(id);
        let error = error.of_task(id, last_record.clone()).in_watch(self.polls, elapsed);
        if !error.is_transient() {
            return give_up(error);
        }
        let trouble = self.trouble.get_or_insert_default();
        trouble.last_error = Some(error.clone());
        trouble.not_found_since =
            (error.kind() == ErrorKind::NotFound).then(|| trouble.not_found_since.unwrap_or(elapsed));
        let consecutive = trouble.consecutive.saturating_add(trouble.consecutive_beside);
        let grace_over = trouble.not_found_since.map(|since| since.saturating_add(rules.not_found_grace));
        if grace_over.is_some_and(|over| elapsed >= over) {
            return give_up(error.lasting());
        }

        let grace_left = grace_over.map_or(Duration::MAX, |over| over.saturating_sub(elapsed));
        let floor = error.retry_after().unwrap_or_default();
        let next_poll_in = if let Some(planned) = planned {
            // Repeated soon, for there was a reason to ask; and the schedule goes on as if nothing had been.
            let retry =
                if is_told_to_rest(&error) { rules.schedule.rest() } else { schedule::retry_pause(in_a_row, luck) };
            let pause = retry.min(planned.saturating_sub(elapsed)).min(grace_left).max(floor);
            Some(rules.schedule.limit().map_or(pause, |limit| pause.min(limit.saturating_sub(elapsed))))
        } else {
            let age = self.seen().map(|seen| seen.age_at(elapsed));
            let shift = Shift { elapsed, age, ..Shift::by_luck(luck) };
            let pause = self.pause_after_failure(rules, &error, in_a_row, shift);
            cut_at_deadline(rules, pause.map(|pause| pause.min(grace_left).max(floor)), elapsed)
        };
        let Some(next_poll_in) = next_poll_in else {
            return give_up(self.deadline(id, last_record, elapsed, None));
        };
        let failure = PollFailure { error, consecutive, polls: self.polls, elapsed, next_poll_in };
        Verdict { event: StatusEvent::PollFailed(failure), next: Next::Poll(next_poll_in) }
    }

    /// The schedule's own pause.
    fn pause(&mut self, rules: &Rules, step: u32, shift: Shift) -> Option<Duration> {
        let mut stateless = Beat::default();
        let beat = self.trouble.as_mut().map_or(&mut stateless, |trouble| &mut trouble.beat);
        beat.pause(&rules.schedule, step, shift)
    }

    pub(crate) fn good_answers(&self) -> u32 {
        self.polls.saturating_sub(self.trouble.as_ref().map_or(0, |trouble| trouble.failures))
    }

    /// How far the schedule has come.
    fn steps(&self) -> u32 {
        self.good_answers().saturating_sub(self.trouble.as_ref().map_or(0, |trouble| trouble.beside))
    }

    /// Before `Retry-After`, grace and deadline have their say.
    fn pause_after_failure(
        &mut self,
        rules: &Rules,
        error: &Error,
        consecutive: u32,
        shift: Shift,
    ) -> Option<Duration> {
        let step = self.steps();
        let retry = schedule::retry_pause(consecutive, shift.luck);
        if is_told_to_rest(error) {
            // Told to hold back, but not for how long: the whole interval, or longer where the schedule may grow.
            let own = self.pause(rules, step, Shift { luck: 0.0, ..shift })?;
            return Some(retry.min(rules.schedule.max_pause()).max(own));
        }
        Some(retry.min(self.pause(rules, step, shift)?))
    }

    /// Where a watch stands among others, if its schedule can tell.
    pub(crate) fn standing(&self, rules: &Rules) -> Option<Standing> {
        rules.schedule.history()?;
        Some(Standing(self.seen()))
    }

    fn seen(&self) -> Option<Seen> {
        self.trouble.as_ref()?.seen
    }

    /// What the end of the watch tells those that come after it, if its schedule learns.
    pub(crate) fn lesson(&self, rules: &Rules, end: &StatusEvent, moment: Moment) -> Option<Lesson> {
        rules.schedule.history()?;
        lesson::lesson(end, moment, self.seen(), rules.schedule.longest())
    }

    fn deadline(&self, id: &TaskId, task: Option<Task>, elapsed: Duration, no_last_look: Option<&Error>) -> Error {
        let status = match &task {
            Some(task) => format!("last seen {}", task.status()),
            None => "never seen".to_owned(),
        };
        let last_error = self.trouble.as_ref().and_then(|trouble| trouble.last_error.clone()).map(Error::anonymous);
        let trouble = last_error.as_ref().map_or_else(String::new, |error| format!("; last poll error: {error}"));
        let unasked = no_last_look.map_or_else(String::new, |why| format!("; no last look: {}", why.detail()));
        let polls = self.polls;
        let plural = if polls == 1 { "" } else { "s" };
        let deadline = Error::new(
            ErrorKind::Deadline,
            format!(
                "no end after {} and {polls} poll{plural}; {status}{trouble}{unasked}; the task may still finish and be billed, \
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
        let flag = self.trouble.as_ref().and_then(|trouble| trouble.unknown_flag);
        let status = flag.map_or(Status::Generating, Status::from_flag);
        (self.good_answers() > 0).then(|| Task::from(Record::new(id.clone(), status)))
    }
}

/// By the gateway, which does not say for how long.
fn is_told_to_rest(error: &Error) -> bool {
    error.kind().asks_for_rest() && error.retry_after().is_none_or(|wait| wait.is_zero())
}

fn give_up(error: Error) -> Verdict {
    Verdict { event: StatusEvent::GaveUp(error.clone()), next: Next::End(Err(error)) }
}

/// The pause, at most up to the deadline. `None`: the deadline is here, or the policy has had enough.
fn cut_at_deadline(rules: &Rules, pause: Option<Duration>, elapsed: Duration) -> Option<Duration> {
    let pause = pause?;
    match rules.schedule.limit() {
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

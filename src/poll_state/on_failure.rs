//! What follows from a failed poll.

use std::time::Duration;

use super::config::WatchConfig;
use super::deadline::{WATCH_AGAIN, seconds};
use super::decision::{Decision, Next};
use super::failure_streak::FailureAction;
use super::next_poll::{self, RetryPause};
use super::response::ResponseContext;
use super::state::PollState;
use crate::error::{Error, ErrorKind};
use crate::event::{PollFailure, StatusEvent};
use crate::millis;
use crate::schedule::{NoPause, PauseInput};
use crate::task::TaskId;

impl PollState {
    pub(super) fn failed(
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
        let error = error.obeyed_up_to(config.retry_after_cap);
        let action = uncommon.streak.failed(&error, was_answered, self.polls == 1, elapsed, config.grace);
        match action {
            FailureAction::End => return self.end(error.permanent(), elapsed),
            FailureAction::EndAfter(time) => {
                let error =
                    if time.is_zero() { error } else { error.and(format!("this has lasted for {}", seconds(time))) };
                return self.end(with_advice(error).permanent(), elapsed);
            }
            FailureAction::GoOn | FailureAction::EndAt(_) => {}
        }
        let error = error.unconfirmed();
        if config.schedule.failures_to_give_up().is_some_and(|limit| consecutive >= limit) {
            let failed = if consecutive == 1 {
                "1 poll has failed".to_owned()
            } else {
                format!("{consecutive} polls in a row have failed")
            };
            return self.end(with_advice(error.and(failed)), elapsed);
        }
        let grace_left = match action {
            FailureAction::EndAt(at) => at.saturating_sub(elapsed),
            _ => Duration::MAX,
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
            Err(NoPause::Over) => return self.at_deadline(id, last_record, elapsed, None),
            Err(NoPause::Failed(failed)) => {
                return Decision::give_up(failed.of_task(id, last_record).in_watch(self.polls, elapsed));
            }
        };
        // Without a token, it may be repeated when good answers come again, and else when the schedule says so.
        let is_held = retry < own && needs_token(&error) && !take_retry();
        self.uncommon.get_or_insert_default().wait.held_until = is_held.then(|| elapsed.saturating_add(own));
        let next_poll_in = if is_held { own } else { retry };
        let (elapsed, next_poll_in) = (millis::whole(elapsed), millis::whole(next_poll_in));
        let failure = PollFailure { error, consecutive, polls: self.polls, elapsed, next_poll_in };
        let next = Next::Poll { after: retry };
        Decision { event: StatusEvent::PollFailed(failure), next }
    }

    /// The end because of a failed poll.
    fn end(&self, error: Error, elapsed: Duration) -> Decision {
        match error.task().filter(|_| error.kind() == ErrorKind::MissingResult) {
            Some(task) => Decision::done(task.clone(), self.polls, elapsed),
            None => Decision::give_up(error),
        }
    }
}

/// Says what to do, unless the task may never have existed, or was last seen as ended.
fn with_advice(error: Error) -> Error {
    let may_go_on = match error.task() {
        Some(task) => !task.status().is_terminal(),
        None => error.kind() != ErrorKind::NotFound,
    };
    if may_go_on { error.and(format!("the task {WATCH_AGAIN}")) } else { error }
}

/// Whether an early repeat after this failure needs a token. That there is no such record, or no result in it yet, is no trouble
/// of the gateway's.
fn needs_token(error: &Error) -> bool {
    !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::MissingResult)
}

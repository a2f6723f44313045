//! What follows from a good answer about a task that is not finished.

use std::time::Duration;

use super::config::WatchConfig;
use super::decision::{Decision, Next};
use super::last_record::{LastObservation, LastRecord};
use super::next_poll;
use super::response::ResponseContext;
use super::state::PollState;
use crate::event::{Progress, StatusEvent};
use crate::millis;
use crate::schedule::{NoPause, PauseInput};
use crate::task::Task;

impl PollState {
    pub(super) fn generating(
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
                    return Decision::give_up(error.of_task(&id, Some(task)).in_watch(self.polls, elapsed));
                }
            }
        };
        let Some(next_poll_in) = next_poll_in else {
            let id = task.id().clone();
            return self.at_deadline(&id, Some(task), elapsed, None);
        };
        let next = Next::Poll { after: next_poll_in };
        let (elapsed, next_poll_in) = (millis::whole(elapsed), millis::whole(next_poll_in));
        let progress = Progress { task, polls: self.polls, elapsed, next_poll_in };
        Decision { event: StatusEvent::Generating(progress), next }
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
}

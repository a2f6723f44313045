//! What follows from a response: an event, and the next poll or the end.

use super::config::WatchConfig;
use super::decision::{Decision, Next};
use super::last_record;
use super::response::{Response, ResponseContext};
use super::state::{Lifecycle, PollState};
use crate::error::Error;
use crate::task::TaskId;

impl PollState {
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
            Response::NotPolled(limits) => self.at_deadline(id, self.last_record(id), context.elapsed, Some(&limits)),
            Response::Polled(result) => {
                self.polls = self.polls.saturating_add(1);
                let scheduled_at = self.scheduled_after(context.sent);
                let context = self.note_retry_after(config, context);
                match result {
                    Ok(task) if last_record::is_without_result(&task) => {
                        let error = Error::missing_result(&task);
                        self.failed(config, id, error, scheduled_at, context, take_retry)
                    }
                    Ok(task) if task.status().is_terminal() => Decision::done(task, self.polls, context.elapsed),
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
}

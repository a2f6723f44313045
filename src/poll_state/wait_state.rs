//! What a watch remembers of the wait for a permit. Times count from the first poll of the stream.

use std::time::Duration;

use super::config::WatchConfig;
use super::next_poll;
use super::permit_wait::{PermitWait, final_poll_ends};
use super::response::ResponseContext;
use crate::clock::ATTENTION;
use crate::limiter::{Class, Cooldown};

#[derive(Debug, Default)]
pub(super) struct WaitState {
    /// Until when the next poll needs a token of the retry budget.
    pub(super) held_until: Option<Duration>,
    /// The number of the last refusal of which the watch has yielded an event.
    pub(super) known_refusal: Option<u32>,
    /// The place in the client's queue of a poll that waits on after an event.
    pub(super) ticket: Option<u64>,
    /// When the last response was taken, if that was after the deadline, its consumer was there, and the final poll is still
    /// to come.
    pub(super) overdue_since: Option<Duration>,
    /// When permit and response of the final poll are over, from when it begins to wait.
    final_poll_ends: Option<Duration>,
}

impl WaitState {
    /// A response came: the wait before it is over.
    pub(super) fn answered(&mut self) {
        self.held_until = None;
        self.final_poll_ends = None;
        self.ticket = None;
    }

    /// A response was taken after the deadline, and the final poll is still to come: it is due now, and not since the deadline.
    pub(super) fn overdue(&mut self, context: ResponseContext) {
        self.overdue_since = Some(context.elapsed);
    }

    /// Notes of which refusal the watch has yielded an event, and returns how long its poll waits.
    pub(super) fn held_back(&mut self, config: &WatchConfig, cooldown: &Cooldown, elapsed: Duration) -> Duration {
        self.known_refusal = Some(cooldown.number);
        // An early repeat without a token may have to wait for longer.
        let held = self.held_until.map_or(Duration::ZERO, |until| until.saturating_sub(elapsed));
        // At the deadline comes the final poll, even if the client holds back.
        cooldown.remaining.max(held).min(next_poll::left(config, elapsed))
    }

    /// How the final poll waits. `None`: its time is over.
    pub(super) fn final_poll(
        &mut self,
        deadline: Duration,
        elapsed: Duration,
        request_timeout: Duration,
    ) -> Option<PermitWait> {
        let due = self.overdue_since.unwrap_or(deadline);
        let ends = final_poll_ends(deadline, due, elapsed, request_timeout);
        let until = self.final_poll_ends.get_or_insert(ends);
        if elapsed.saturating_sub(*until) > ATTENTION {
            *until = elapsed.saturating_add(request_timeout); // the consumer was away while it waited
        }
        let until = *until;
        (until > elapsed).then_some(PermitWait { class: Class::Urgent, until: Some(until) })
    }
}

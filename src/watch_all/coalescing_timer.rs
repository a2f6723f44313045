//! The timer of all tasks of a fleet: set to the first that is due, or a little later if others have just been, so that of
//! many tasks each does not wake the runtime for itself.

use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use crate::lazy_sleep::LazySleep;

#[derive(Default)]
pub(super) struct CoalescingTimer {
    timer: LazySleep,
    rests_until: Option<Instant>,
}

impl CoalescingTimer {
    pub(super) fn cooldown(&mut self, now: Instant) {
        self.rests_until = now.checked_add(Duration::from_millis(10));
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>, due: Instant) -> Poll<()> {
        let at = self.rests_until.map_or(due, |rests_until| rests_until.max(due));
        self.timer.poll(cx, at)
    }
}

//! The timer of all tasks of a `WatchAll`: set to the first task that is due, or up to 10 ms later if others have just been,
//! so that many tasks do not wake the runtime one by one.

use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use crate::lazy_sleep::LazySleep;

const MIN_GAP: Duration = Duration::from_millis(10);

#[derive(Default)]
pub(super) struct CoalescingTimer {
    sleep: LazySleep,
    not_before: Option<Instant>,
}

impl CoalescingTimer {
    /// Tasks were due now.
    pub(super) fn fired(&mut self, now: Instant) {
        self.not_before = now.checked_add(MIN_GAP);
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>, due: Instant) -> Poll<()> {
        let at = self.not_before.map_or(due, |not_before| not_before.max(due));
        self.sleep.poll(cx, at)
    }
}

//! The timer of all tasks of a fleet: set to the first that is due, or a little later if others have just been, so that of
//! many tasks each does not wake the runtime for itself.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

#[derive(Default)]
pub(super) struct Alarm {
    timer: Option<Pin<Box<Sleep>>>,
    rests_until: Option<Instant>,
}

impl Alarm {
    pub(super) fn rest(&mut self, now: Instant) {
        self.rests_until = now.checked_add(Duration::from_millis(10));
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>, due: Instant) -> Poll<()> {
        let at = self.rests_until.map_or(due, |rests_until| rests_until.max(due));
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if timer.deadline() != at {
            timer.as_mut().reset(at);
        }
        timer.as_mut().poll(cx)
    }
}

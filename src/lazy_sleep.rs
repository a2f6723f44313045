//! A timer that is set again and again, and costs nothing before it is set first.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

#[derive(Debug, Default)]
pub(crate) struct LazySleep(Option<Pin<Box<Sleep>>>);

impl LazySleep {
    /// Ready from `at` on.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, at: Instant) -> Poll<()> {
        let mut sleep = self.timer(at);
        if sleep.deadline() != at {
            sleep.as_mut().reset(at);
        }
        sleep.poll(cx)
    }

    /// The timer, to be set by another. `first`: what it is set to when it is made.
    pub(crate) fn timer(&mut self, first: Instant) -> Pin<&mut Sleep> {
        self.0.get_or_insert_with(|| Box::pin(sleep_until(first))).as_mut()
    }
}

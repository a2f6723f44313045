//! The pause of a single watch, which a notification ends.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::notified::Notified;
use super::registry::{Registry, WatchKey};

pin_project! {
    /// Ready when the pause is over, or with a notification that came before.
    pub(crate) struct SleepOrNotified<'a> {
        #[pin]
        sleep: Sleep,
        registry: &'a Registry,
        key: WatchKey,
    }
}

impl Registry {
    /// With [`WatchKey::NONE`], notifications do not end the pause.
    pub(crate) fn sleep_or_notified(&self, key: WatchKey, until: Instant) -> SleepOrNotified<'_> {
        SleepOrNotified { sleep: sleep_until(until), registry: self, key }
    }
}

impl Future for SleepOrNotified<'_> {
    type Output = Option<Notified>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let scheduled_at = this.sleep.deadline();
        match this.registry.poll_notified(*this.key, cx.waker()) {
            Poll::Ready(not_before) if not_before < scheduled_at => {
                Poll::Ready(Some(Notified { scheduled_at, not_before }))
            }
            _ => this.sleep.poll(cx).map(|()| None),
        }
    }
}

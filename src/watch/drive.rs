//! A shared watch, polled for readers that are not polled themselves.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::shared_state::Inner;
use crate::event::StatusEvent;

/// The future of [`SharedWatch::drive`](crate::SharedWatch::drive).
#[must_use = "a future does nothing unless it is spawned or awaited"]
pub struct Drive {
    inner: Arc<Inner>,
    slot: Option<usize>,
    /// The version of the last event that it has seen.
    seen: u64,
}

impl Drive {
    pub(super) fn new(inner: Arc<Inner>) -> Self {
        Self { inner, slot: None, seen: 0 }
    }
}

impl Future for Drive {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { inner, slot, seen } = self.get_mut();
        let slot = inner.wakers.set(slot, cx.waker().clone());
        loop {
            // After the waker is set: the last reader wakes it.
            if inner.state().is_closed {
                return Poll::Ready(());
            }
            let state = inner.poll(*seen, slot);
            if *seen == state.version {
                return Poll::Pending;
            }
            *seen = state.version;
            if state.latest.as_ref().is_none_or(StatusEvent::is_terminal) {
                return Poll::Ready(());
            }
            drop(state);
            inner.wakers.set(&mut Some(slot), cx.waker().clone());
        }
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            self.inner.wakers.remove(slot);
        }
    }
}

impl fmt::Debug for Drive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drive").field("task_id", &self.inner.task_id).finish_non_exhaustive()
    }
}

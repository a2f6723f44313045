//! The observers of a client, kept from harming it.

use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::Instant;
use tracing::error;

use super::observations::{PollEnded, PollSent};
use super::observer::Observer;
use crate::error::Error;
use crate::gateway::PollResponse;
use crate::limiter::{Limiter, Permit};
use crate::task::{Task, TaskId};

/// None for most clients.
#[derive(Clone, Default)]
pub(crate) struct Observers(Option<Arc<Set>>);

struct Set {
    observers: Vec<Arc<dyn Observer>>,
    has_panicked: AtomicBool,
}

impl Observers {
    pub(crate) fn new(observers: Vec<Arc<dyn Observer>>) -> Self {
        let is_empty = observers.is_empty();
        Self((!is_empty).then(|| Arc::new(Set { observers, has_panicked: AtomicBool::new(false) })))
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Calls each observer. To be called without a lock.
    pub(crate) fn call(&self, hook: impl Fn(&dyn Observer)) {
        let Some(set) = &self.0 else { return };
        for observer in &set.observers {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| hook(&**observer))) {
                let dropped = catch_unwind(AssertUnwindSafe(|| drop(panic)));
                mem::forget(dropped); // what is dropped may panic again
                if !set.has_panicked.swap(true, Ordering::Relaxed) {
                    error!("an observer of a client panicked; the client goes on, and still calls it");
                }
            }
        }
    }
}

/// A poll that is observed: dropped before its [end](Self::end), it counts as dropped.
pub(crate) struct ObservedPoll<'a> {
    observers: &'a Observers,
    task_id: &'a TaskId,
    limiter: &'a Limiter,
    sent_at: Instant,
    is_over: bool,
}

impl<'a> ObservedPoll<'a> {
    /// Its request is sent now.
    pub(crate) fn begin(observers: &'a Observers, task_id: &'a TaskId, limiter: &'a Limiter, permit: &Permit) -> Self {
        let (waited, sent_at) = (permit.waited(), permit.acquired_at());
        observers.call(|observer| observer.poll_sent(&PollSent { task_id, waited, limiter }));
        Self { observers, task_id, limiter, sent_at, is_over: false }
    }

    pub(crate) fn end(&mut self, result: &Result<PollResponse, Error>) {
        let http_status = match result {
            Ok(response) => Some(response.http_status),
            Err(error) => error.http_status(),
        };
        self.over(Some(result.as_ref().map(|response| &response.task)), http_status);
    }

    fn over(&mut self, result: Option<Result<&Task, &Error>>, http_status: Option<u16>) {
        self.is_over = true;
        let Self { task_id, limiter, .. } = *self;
        let latency = self.sent_at.elapsed();
        let ended = PollEnded { task_id, result, http_status, latency, limiter };
        self.observers.call(|observer| observer.poll_ended(&ended));
    }
}

impl Drop for ObservedPoll<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.over(None, None);
        }
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Observers").field(&self.0.as_ref().map_or(0, |set| set.observers.len())).finish()
    }
}

//! What all watches of one client share, and how a request gets its permit and is sent.

mod release;
mod second_request;

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tracing::{Instrument, Span};

use crate::checkpoint::Checkpoint;
use crate::clock::Epoch;
use crate::error::Error;
use crate::event::StatusEvent;
use crate::failure_log::FailureLog;
#[cfg(feature = "download")]
use crate::file_source::FileSource;
use crate::gateway::{Failed, Gateway, PollRequest, PollResponse};
use crate::late_polls::LatePolls;
use crate::limiter::{Acquire, Acquired, Class, Cooldown, Limiter, Permit, PermitRequest, Release};
use crate::notify::Registry;
use crate::observe::{ObservedPoll, Observers};
use crate::poll_state::{SavedState, WatchConfig};
use crate::schedule::Schedule;
use crate::stagger::Stagger;
use crate::task::TaskId;
use release::{release, settle};
use second_request::SecondRequest;

#[derive(Debug)]
pub(crate) struct ClientCore {
    pub(crate) gateway: Gateway,
    #[cfg(feature = "download")]
    pub(crate) files: Arc<FileSource>,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) config: WatchConfig,
    pub(crate) registry: Registry,
    pub(crate) stagger: Arc<Stagger>,
    pub(crate) epoch: Epoch,
    pub(crate) failure_log: Arc<FailureLog>,
    pub(crate) late_polls: Arc<LatePolls>,
    pub(crate) observers: Observers,
}

/// What came of one poll.
#[derive(Debug)]
pub(crate) enum PollOutcome {
    Polled {
        result: Result<PollResponse, Error>,
        sent_at: Instant,
    },
    /// There was no permit in time, so no request was sent.
    NotPolled,
    /// The poll waits, because all watches of the client are held back.
    HeldBack(Box<Cooldown>),
}

/// A poll in progress. Dropping it aborts the request.
pub(crate) type PollFuture = Pin<Box<dyn Future<Output = PollOutcome> + Send>>;

impl ClientCore {
    /// The same client with other settings for its watches.
    pub(crate) fn with_config(&self, config: WatchConfig) -> Self {
        Self {
            gateway: self.gateway.clone(),
            #[cfg(feature = "download")]
            files: Arc::clone(&self.files),
            limiter: Arc::clone(&self.limiter),
            config,
            registry: self.registry.clone(),
            stagger: Arc::clone(&self.stagger),
            epoch: self.epoch,
            failure_log: Arc::clone(&self.failure_log),
            late_polls: Arc::clone(&self.late_polls),
            observers: self.observers.clone(),
        }
    }

    /// A watch of this client as data, which has lasted this long.
    pub(crate) fn checkpoint(
        &self,
        id: &TaskId,
        lasted: Duration,
        state: SavedState,
        end: Option<StatusEvent>,
    ) -> Checkpoint {
        let now = self.gateway.wall_clock();
        let start = now.checked_sub(lasted).unwrap_or(now);
        Checkpoint::new(id, self.gateway.host(), start, self.config.schedule.limit(), state, end)
    }

    /// The schedule for a watch that goes on from a checkpoint: with its deadline.
    pub(crate) fn schedule_of(&self, checkpoint: &Checkpoint) -> Schedule {
        let schedule = self.config.schedule.clone();
        match checkpoint.max_wait() {
            Some(limit) => schedule.max_wait(limit),
            None => schedule.no_max_wait(),
        }
    }

    /// The same client with the checkpoint's deadline for its watches.
    pub(crate) fn with_deadline_of(self: &Arc<Self>, checkpoint: &Checkpoint) -> Arc<Self> {
        let schedule = self.schedule_of(checkpoint);
        if schedule == self.config.schedule {
            return Arc::clone(self);
        }
        Arc::new(self.with_config(WatchConfig { schedule, ..self.config.clone() }))
    }

    /// The last event of a watch that goes on from a checkpoint, if it does not go on: it has ended, or is another gateway's.
    pub(crate) fn end_of(&self, checkpoint: &Checkpoint) -> Option<StatusEvent> {
        let (theirs, ours) = (checkpoint.host(), self.gateway.host());
        if theirs == ours {
            return checkpoint.last_event().cloned();
        }
        let text = format!("the checkpoint is of a watch at {theirs}, and this client asks {ours}");
        Some(StatusEvent::GaveUp(Error::config(text).of_task(checkpoint.task_id(), None)))
    }

    /// A permit, if one is free now and nothing waits for it.
    pub(crate) fn try_acquire(&self) -> Option<Permit> {
        self.limiter.try_acquire()
    }

    /// A waiter for a permit.
    pub(crate) fn acquire(&self) -> Acquire {
        Acquire::new(Arc::clone(&self.limiter))
    }

    /// Waits for a permit for a single check: past an open circuit breaker, and without an end.
    pub(crate) async fn acquire_urgent(&self) -> Permit {
        let (mut acquire, mut timer) = (self.acquire(), pin!(sleep_until(Instant::now())));
        let class = Class::Urgent;
        let request =
            PermitRequest { ticket: None, weight: 1, class, priority: None, until: None, known_refusal: None };
        poll_fn(|cx| {
            loop {
                if let Some(Acquired::Permit(permit)) = ready!(acquire.poll(timer.as_mut(), cx, &request)) {
                    return Poll::Ready(permit);
                }
            }
        })
        .await
    }

    /// Sends a request, and settles its permit with the response. If a [second request](SecondRequest) may mend the
    /// response, sends that as well. `timeout`: for both.
    pub(crate) async fn send(
        &self,
        request: &PollRequest,
        permit: Permit,
        timeout: Duration,
    ) -> Result<PollResponse, Error> {
        if self.observers.is_empty() {
            return self.exchange(request, permit, timeout).await;
        }
        // On the heap, so that a poll that nobody observes takes no room for it.
        Box::pin(async {
            let mut observed = ObservedPoll::begin(&self.observers, &request.id, &self.limiter, &permit);
            let result = self.exchange(request, permit, timeout).await;
            observed.end(&result);
            result
        })
        .await
    }

    async fn exchange(&self, request: &PollRequest, permit: Permit, timeout: Duration) -> Result<PollResponse, Error> {
        let Failed { error, second } = match self.gateway.poll(request, timeout).await {
            Ok(response) => {
                permit.settle(&Release::Answered);
                return Ok(response);
            }
            Err(failed) => failed,
        };
        let Self { gateway, limiter, config, observers, .. } = self;
        let class = permit.class_of_second();
        let until = permit.acquired_at().checked_add(timeout);
        settle(permit, &release(config, &request.id, &error), observers);
        let Some(second) = second else { return Err(error) };
        let sender = SecondRequest { gateway, limiter, config, observers, request, class, until };
        // For the same reason.
        Box::pin(sender.send(error, second)).await
    }

    /// Sends a request at once, in one allocation for all that a poll in flight needs: an idle watch holds none of it.
    pub(crate) fn poll(
        self: &Arc<Self>,
        request: PollRequest,
        permit: Permit,
        timeout: Duration,
        span: Option<&Span>,
    ) -> PollFuture {
        let (core, sent_at) = (Arc::clone(self), permit.acquired_at());
        let poll = async move { PollOutcome::Polled { result: core.send(&request, permit, timeout).await, sent_at } };
        match span {
            Some(span) => Box::pin(poll.instrument(span.clone())),
            None => Box::pin(poll),
        }
    }
}

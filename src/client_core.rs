//! What all watches of one client share, and how a request gets its permit and is sent.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, Span};

use crate::clock::Epoch;
use crate::error::Error;
use crate::final_poll::PermitWait;
use crate::gateway::{Gateway, PollRequest, PollResponse};
use crate::limiter::{Acquire, Limiter, Permit};
use crate::notify::Registry;
use crate::poll_state::WatchConfig;
use crate::stagger::Stagger;

#[derive(Debug)]
pub(crate) struct ClientCore {
    pub(crate) gateway: Gateway,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) config: WatchConfig,
    pub(crate) registry: Registry,
    pub(crate) stagger: Arc<Stagger>,
    pub(crate) epoch: Epoch,
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
}

/// A poll in progress. Dropping it aborts the request.
pub(crate) type PollFuture = Pin<Box<dyn Future<Output = PollOutcome> + Send>>;

impl ClientCore {
    /// The same client with other settings for its watches.
    pub(crate) fn with_config(&self, config: WatchConfig) -> Self {
        let Self { gateway, limiter, config: _, registry, stagger, epoch } = self;
        let (gateway, limiter, stagger) = (gateway.clone(), Arc::clone(limiter), Arc::clone(stagger));
        Self { gateway, limiter, config, registry: registry.clone(), stagger, epoch: *epoch }
    }

    /// A permit, if one is free now and nothing waits for it.
    pub(crate) fn try_acquire(&self) -> Option<Permit> {
        self.limiter.try_acquire(self.config.schedule.cooldown())
    }

    /// A permit for a final poll in spite of an open circuit breaker, see [`Limiter::try_acquire_final`].
    pub(crate) fn try_acquire_final(&self) -> Option<Permit> {
        self.limiter.try_acquire_final(self.config.schedule.cooldown())
    }

    /// A waiter for a permit.
    pub(crate) fn acquire(&self) -> Acquire {
        Acquire::new(Arc::clone(&self.limiter), self.config.schedule.cooldown())
    }

    /// Waits for a permit around the deadline, and says how long the request may take. `None`: no permit came in time.
    pub(crate) async fn acquire_until(&self, mut acquire: Acquire, mut wait: PermitWait) -> Option<(Permit, Duration)> {
        let timeout = self.gateway.timeout();
        loop {
            let final_permit = match wait {
                PermitWait::Final { .. } => self.try_acquire_final(),
                PermitWait::Queued { .. } => None,
            };
            let permit = match (final_permit, wait.until()) {
                (Some(permit), _) => Some(permit),
                (None, Some(until)) => timeout_at(until, acquire.permit()).await.ok(),
                (None, None) => Some(acquire.permit().await),
            };
            let now = Instant::now();
            match permit {
                Some(permit) => return Some((permit, wait.time_for_request(now, timeout))),
                None => wait = wait.after(now, timeout)?,
            }
        }
    }

    /// Sends a request, and settles its permit with the response.
    pub(crate) async fn send(
        &self,
        request: &PollRequest,
        permit: Permit,
        timeout: Duration,
    ) -> Result<PollResponse, Error> {
        let result = self.gateway.poll(request, timeout).await;
        permit.settle(result.as_ref().err());
        result
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

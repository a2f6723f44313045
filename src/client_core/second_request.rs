//! The second request of a poll: a request like any other for the limits, and at most one.
//!
//! It follows a redirect within the origin, repeats the poll with a fresh key, or repeats it after 421, over a fresh connection
//! unless the user brought the HTTP client. The permit of the first request is settled before: with one request in flight at
//! most, the second one would wait for the first one for ever. It waits in front of the polls that have not been sent yet, and
//! passes an open circuit breaker only if the first one might. Both requests, the source of the key and the wait share one
//! timeout.

use std::borrow::Cow;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};

use tokio::time::{Instant, sleep_until, timeout_at};

use super::release::{release, settle};
use crate::error::Error;
use crate::gateway::{Gateway, PollRequest, PollResponse, Second};
use crate::limiter::{Acquire, Acquired, Class, Limiter, Permit, PermitRequest, Release};
use crate::observe::Observers;
use crate::poll_state::WatchConfig;
use crate::transport::Key;

/// What sends it.
#[derive(Clone, Copy)]
pub(super) struct SecondRequest<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) limiter: &'a Arc<Limiter>,
    pub(super) config: &'a WatchConfig,
    pub(super) observers: &'a Observers,
    pub(super) request: &'a PollRequest,
    pub(super) class: Class,
    /// When the time of the poll is over. `None`: never.
    pub(super) until: Option<Instant>,
}

impl SecondRequest<'_> {
    /// Sends it for a poll whose first request failed with `error`.
    pub(super) async fn send(self, error: Error, second: Second) -> Result<PollResponse, Error> {
        let Self { gateway, config, request, until, .. } = self;
        let url = match &second {
            Second::Redirected(url) => Some(&**url),
            Second::Misdirected => None,
            Second::KeyRefused(key) => {
                self.fresh_key(&error, key).await?;
                None
            }
        };
        let Some(permit) = self.permit().await else { return Err(not_sent(&error, &second, NO_PERMIT)) };
        let left = |until: Instant| until.saturating_duration_since(permit.acquired_at());
        let left = until.map_or_else(|| gateway.timeout(), left);
        if left.is_zero() {
            return Err(not_sent(&error, &second, NO_TIME));
        }
        let failed = match gateway.poll_as(request, url, left).await {
            Ok(response) => {
                permit.settle(&Release::Answered);
                return Ok(response);
            }
            Err(failed) => failed,
        };
        settle(permit, &release(config, &request.id, &failed.error), self.observers);
        match (second, failed.second) {
            // There is no third request. But the next poll has a fresh key.
            (Second::Redirected(_) | Second::Misdirected, Some(Second::KeyRefused(key))) => {
                self.fresh_key(&failed.error, &key).await?;
                Err(failed.error.passing())
            }
            (Second::KeyRefused(_), Some(Second::KeyRefused(_))) => {
                Err(failed.error.and("a fresh key from the source was refused, too".to_owned()))
            }
            _ => Err(failed.error),
        }
    }

    /// Waits for a permit in front of all polls that wait already. `None`: there is none in time, or all requests are held back.
    async fn permit(self) -> Option<Permit> {
        let Self { limiter, class, until, .. } = self;
        let (mut acquire, mut timer) = (Acquire::new(Arc::clone(limiter)), pin!(sleep_until(Instant::now())));
        let ticket = Some(limiter.issue_front());
        let request = PermitRequest { ticket, weight: 1, class, priority: None, until, known_refusal: None };
        poll_fn(|cx| match ready!(acquire.poll(timer.as_mut(), cx, &request)) {
            Some(Acquired::Permit(permit)) => Poll::Ready(Some(permit)),
            Some(Acquired::HeldBack(_)) | None => Poll::Ready(None),
        })
        .await
    }

    /// Returns when there is a key that was not refused as this one was, or the error of the poll.
    async fn fresh_key(self, refusal: &Error, refused: &Key) -> Result<(), Error> {
        let another = self.gateway.has_another_key(refused);
        let another = match self.until {
            Some(until) => timeout_at(until, another).await.ok(),
            None => Some(another.await),
        };
        match another {
            Some(Ok(true)) => Ok(()),
            Some(Ok(false)) => Err(refusal.clone()),
            Some(Err(no_key)) => Err(no_key.after(refusal)),
            None => Err(like(refusal, "the source of the API key gave no other one in time").passing()),
        }
    }
}

const NO_PERMIT: &str = "the client's limits let no second request go in time";
const NO_TIME: &str = "no time was left for a second request";

/// The error of a poll whose second request was not sent. It passes.
fn not_sent(first: &Error, second: &Second, why: &str) -> Error {
    let detail = match second {
        Second::Redirected(_) => format!("a redirect within the host that is not followed: {why}"),
        Second::Misdirected => format!("this connection leads to a server that is not responsible, and {why}"),
        Second::KeyRefused(_) => format!("there is a fresh one, but {why}"),
    };
    like(first, detail).passing()
}

/// The same answer, said in other words.
fn like(error: &Error, detail: impl Into<Cow<'static, str>>) -> Error {
    Error::new(error.kind(), detail).with_response(error.http_status(), error.code(), error.retry_after())
}

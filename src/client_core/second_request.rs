//! The second request of a poll: a request like any other for the limits, and at most one.
//!
//! It follows a redirect within the origin, or repeats a poll with a fresh key. The permit of the first request is settled
//! before, so that the one request in flight does not wait for itself. The second one waits in front of the polls that have
//! not been sent yet, and passes an open circuit breaker only if the first one might. Both requests, the source of the key and the wait
//! share one timeout.

use tokio::time::Instant;

use super::ClientCore;
use crate::error::Error;
use crate::gateway::{PollRequest, PollResponse, Second};
use crate::limiter::{Class, Release};
use crate::transport::Key;

/// Under which limits it goes.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) class: Class,
    /// When the time of the poll is over. `None`: never.
    pub(super) until: Option<Instant>,
}

impl ClientCore {
    /// Sends the second request of a poll whose first one failed with `error`.
    pub(super) async fn send_second(
        &self,
        request: &PollRequest,
        error: Error,
        second: Second,
        limits: Limits,
    ) -> Result<PollResponse, Error> {
        let url = match &second {
            Second::Redirected(url) => Some(&**url),
            Second::KeyRefused(key) => {
                self.fresh_key(&error, key, limits).await?;
                None
            }
        };
        let Some(permit) = self.acquire_in_front(limits.class, limits.until).await else {
            return Err(no_permit(&error, &second));
        };
        let timeout = limits
            .until
            .map_or_else(|| self.gateway.timeout(), |until| until.saturating_duration_since(permit.acquired_at()));
        let failed = match self.gateway.poll_as(request, url, timeout).await {
            Ok(response) => {
                permit.settle(Release::Answered);
                return Ok(response);
            }
            Err(failed) => failed,
        };
        permit.settle(self.release(request, &failed.error));
        match (second, failed.second) {
            // There is no third request. But the next poll has a fresh key.
            (Second::Redirected(_), Some(Second::KeyRefused(key))) => {
                self.fresh_key(&failed.error, &key, limits).await?;
                Err(failed.error.passing())
            }
            _ => Err(failed.error),
        }
    }

    /// Returns when there is a key that was not refused as this one was, or the error of the poll.
    async fn fresh_key(&self, refusal: &Error, refused: &Key, limits: Limits) -> Result<(), Error> {
        let another = self.gateway.has_another_key(refused);
        let another = match limits.until {
            Some(until) => tokio::time::timeout_at(until, another).await.ok(),
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

/// The error of a poll for whose second request there was no permit in time. It passes.
fn no_permit(first: &Error, second: &Second) -> Error {
    like(
        first,
        match second {
            Second::Redirected(_) => {
                "a redirect within the host that is not followed: the client's limits let no second request go in time"
            }
            Second::KeyRefused(_) => "there is a fresh one, but the client's limits let no second request go in time",
        },
    )
    .passing()
}

/// The same answer, said in other words.
fn like(error: &Error, detail: &'static str) -> Error {
    Error::new(error.kind(), detail).with_response(error.http_status(), error.code(), error.retry_after())
}

//! One question, one answer, in turn: the seam between a watch and whatever carries its polls.

mod http;

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind};
use crate::limiter::{Limiter, Permit};
use crate::task::{Task, TaskId};
use crate::wire::{self, Reply};

#[cfg(feature = "simulator")]
pub(crate) use http::bearer;
pub(crate) use http::{Http, Settings};

/// No record is longer; what is longer is not the gateway's.
pub(crate) const LONGEST_BODY: usize = 1024 * 1024;

/// What any transport says of a reply that did not come, or not whole.
pub(crate) fn broken() -> Error {
    Error::new(ErrorKind::Transport, "the connection broke before an answer")
}

pub(crate) fn cut_short() -> Error {
    Error::new(ErrorKind::Decode, "it was cut short")
}

pub(crate) fn too_long() -> Error {
    Error::new(ErrorKind::Decode, "it is over 1 MiB long")
}

/// Why no gateway need be asked about such an id.
pub(crate) fn validate(id: &TaskId) -> Option<Error> {
    wire::is_blank(id.as_ref()).then(|| Error::new(ErrorKind::InvalidRequest, "the task id is empty"))
}

/// Carries a question to the gateway and its reply back. The future owns what it needs; dropping it aborts the request.
pub(crate) trait Transport: Send + Sync + 'static {
    fn fetch(self: Arc<Self>, id: TaskId) -> impl Future<Output = Result<Reply, Error>> + Send + 'static;

    /// What must not show in what the other side says, even if it repeats it.
    fn secret(&self) -> &str;
}

/// A record, and how old the task is, if that was asked for and can be told.
#[derive(Debug)]
pub(crate) struct PollResponse {
    pub(crate) task: Task,
    pub(crate) age: Option<Duration>,
}

pub(crate) type Answer = Result<PollResponse, Error>;

/// A question under way.
pub(crate) type PollFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// What is asked about a task.
#[derive(Clone, Debug)]
pub(crate) struct PollRequest {
    pub(crate) id: TaskId,
    /// How old the task is, too.
    pub(crate) age: bool,
}

/// A transport, whichever it is, that answers in tasks and errors, and within the request timeout; and where its
/// requests take their turn.
#[derive(Clone)]
pub(crate) struct Gateway {
    transport: Arc<dyn DynTransport>,
    limiter: Arc<Limiter>,
    timeout: Duration,
}

impl Gateway {
    pub(crate) fn new<T: Transport>(
        transport: T,
        endpoint: &'static Endpoint,
        timeout: Duration,
        limiter: Arc<Limiter>,
    ) -> Self {
        Self { transport: Arc::new(Adapter { transport: Arc::new(transport), endpoint }), limiter, timeout }
    }

    pub(crate) fn limiter(&self) -> &Arc<Limiter> {
        &self.limiter
    }

    /// Of one request, at most.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Nothing is sent before the future is polled, and then at once. It fails at the latest when `timeout` is over.
    pub(crate) fn ask(&self, request: PollRequest, permit: Permit, timeout: Duration) -> PollFuture {
        self.transport.ask(request, permit, timeout)
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gateway")
    }
}

trait DynTransport: Send + Sync {
    fn ask(&self, request: PollRequest, permit: Permit, timeout: Duration) -> PollFuture;
}

struct Adapter<T> {
    transport: Arc<T>,
    endpoint: &'static Endpoint,
}

impl<T: Transport> DynTransport for Adapter<T> {
    // One box for all that a poll in flight needs, so that an idle watch holds none of it.
    fn ask(&self, request: PollRequest, permit: Permit, timeout: Duration) -> PollFuture {
        let (transport, endpoint) = (Arc::clone(&self.transport), self.endpoint);
        Box::pin(async move {
            let PollRequest { id, age } = request;
            let answer = match timeout_with_grace(timeout, Arc::clone(&transport).fetch(id.clone())).await {
                Some(Ok(reply)) => {
                    // The gateway's own clock, where it tells: whether it is the one here does not matter then.
                    let now = age.then(|| wire::date(&reply.headers).unwrap_or_else(SystemTime::now));
                    endpoint
                        .read(&id, reply, SystemTime::now, transport.secret())
                        .map(|task| PollResponse { age: now.and_then(|now| task.age(now)), task })
                }
                Some(Err(error)) => Err(error),
                None => Err(Error::new(ErrorKind::Timeout, format!("no whole answer within {timeout:?}"))),
            };
            permit.with_response(answer.as_ref().err());
            answer
        })
    }
}

/// A timeout that is fair to a consumer who was away: what came in time is still read when it comes back late. `None`:
/// too late.
async fn timeout_with_grace<F: Future>(timeout: Duration, future: F) -> Option<F::Output> {
    /// How late a timer is noticed by someone who waits for it.
    const ATTENTION: Duration = Duration::from_millis(100);
    const ALLOWANCE: Duration = Duration::from_secs(1);
    let mut future = pin!(future);
    let mut timer = pin!(sleep(timeout));
    let mut allowed = false;
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            ready!(timer.as_mut().poll(cx));
            let now = Instant::now();
            if allowed || now.saturating_duration_since(timer.deadline()) < ATTENTION {
                return Poll::Ready(None);
            }
            allowed = true;
            timer.as_mut().reset(now.checked_add(ALLOWANCE.min(timeout)).unwrap_or(now));
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const TIMEOUT: Duration = Duration::from_millis(300);

    /// An answer in two pieces, 30 ms each.
    async fn in_pieces() {
        sleep(Duration::from_millis(30)).await;
        sleep(Duration::from_millis(30)).await;
    }

    async fn after_absence(future: impl Future<Output = ()>) -> (Option<()>, Duration) {
        let started = Instant::now();
        let mut waiting = pin!(timeout_with_grace(TIMEOUT, future));
        assert!(poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx))).await.is_pending());
        advance(Duration::from_millis(500)).await;
        (waiting.await, started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_consumer_that_comes_back_late_still_gets_what_came_in_time() {
        assert_eq!(after_absence(in_pieces()).await, (Some(()), Duration::from_millis(530)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_absence_gains_a_dead_request_one_allowance_and_no_more() {
        assert_eq!(after_absence(std::future::pending()).await, (None, Duration::from_millis(500) + TIMEOUT));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_waited_for_ends_at_its_timeout() {
        let started = Instant::now();
        assert_eq!(timeout_with_grace(TIMEOUT, std::future::pending::<()>()).await, None);
        assert_eq!(started.elapsed(), TIMEOUT);
    }
}

//! One poll of the gateway: a request, its response read as a task or an error, within the request timeout.

mod timeout;

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind};
#[cfg(feature = "simulator")]
use crate::simulator::InMemory;
use crate::task::{Task, TaskId};
use crate::transport::Http;
use crate::wire::{self, Reply};
use timeout::timeout_with_grace;

/// The gateway, however it is reached. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Gateway {
    transport: Arc<Transport>,
    endpoint: &'static Endpoint,
    timeout: Duration,
}

/// What carries a request to the gateway.
#[allow(clippy::large_enum_variant)] // there is one per client
pub(crate) enum Transport {
    Http(Http),
    #[cfg(feature = "simulator")]
    InMemory(InMemory),
}

/// What to ask about a task.
#[derive(Clone, Debug)]
pub(crate) struct PollRequest {
    pub(crate) id: TaskId,
    /// Whether the response should say how old the task is.
    pub(crate) wants_age: bool,
}

/// What a good answer says.
#[derive(Debug)]
pub(crate) struct PollResponse {
    pub(crate) task: Task,
    /// How old the task is, if that was asked for and is known.
    pub(crate) age: Option<Duration>,
    /// How long the gateway asks to wait.
    pub(crate) retry_after: Option<Duration>,
}

impl Gateway {
    /// `timeout`: of one request, whole body included.
    pub(crate) fn new(transport: Transport, endpoint: &'static Endpoint, timeout: Duration) -> Self {
        Self { transport: Arc::new(transport), endpoint, timeout }
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends a request at the first poll of the future. It fails at the latest when `timeout` is over; dropping it aborts the
    /// request.
    pub(crate) async fn poll(&self, request: &PollRequest, timeout: Duration) -> Result<PollResponse, Error> {
        let PollRequest { id, wants_age } = request;
        let fetch = pin!(self.transport.fetch(id));
        let Some(response) = timeout_with_grace(timeout, fetch).await else {
            return Err(Error::new(ErrorKind::Timeout, format!("no complete answer came within {timeout:?}")));
        };
        let response = response?;
        // By the gateway's own clock where it says the time, so that a wrong clock here does not matter.
        let now = wants_age.then(|| wire::date(&response.headers).unwrap_or_else(SystemTime::now));
        let retry_after = wire::retry_after(&response.headers, SystemTime::now);
        let task = self.endpoint.read(id, response, SystemTime::now, self.transport.api_key())?;
        Ok(PollResponse { age: now.and_then(|now| task.age(now)), task, retry_after })
    }
}

impl Transport {
    async fn fetch(&self, id: &TaskId) -> Result<Reply, Error> {
        match self {
            Self::Http(http) => http.fetch(id).await,
            #[cfg(feature = "simulator")]
            Self::InMemory(simulator) => simulator.fetch(id).await,
        }
    }

    /// Taken out of what the gateway writes, should it repeat it.
    fn api_key(&self) -> &str {
        match self {
            Self::Http(http) => http.api_key(),
            #[cfg(feature = "simulator")]
            Self::InMemory(simulator) => simulator.api_key(),
        }
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

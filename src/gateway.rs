//! One poll of the gateway: a request, its response read as a task or an error, within the request timeout.

#[cfg(all(test, feature = "simulator"))]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::Url;
use reqwest::header::{HeaderValue, LOCATION};

use crate::clock::whole_millis;
use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind};
#[cfg(feature = "simulator")]
use crate::simulator::InMemory;
use crate::task::{Task, TaskId};
use crate::timeout::timeout_with_grace;
use crate::transport::{Ask, Http, Key, KeySource, NoKey, Variation};
use crate::wire::{self, Reply};

/// The gateway, however it is reached. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Gateway {
    transport: Arc<Transport>,
    endpoint: &'static Endpoint,
    timeout: Duration,
    /// `None`: the transport has its key.
    keys: Option<Arc<KeySource>>,
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
    pub(crate) http_status: u16,
    /// How old the task is, if that was asked for and is known.
    pub(crate) age: Option<Duration>,
    /// How long the gateway asks to wait.
    pub(crate) retry_after: Option<Duration>,
}

/// A poll that failed.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) error: Error,
    /// What a second request may mend.
    pub(crate) second: Option<Second>,
}

/// Why a second request may succeed.
#[derive(Debug)]
pub(crate) enum Second {
    /// The gateway redirects to this URL, of the same origin.
    Redirected(Box<Url>),
    /// The server at the other end of the connection is not responsible. The next request opens another one, unless the user
    /// brought the HTTP client.
    Misdirected,
    /// The gateway refused this key, and the source may have another one.
    KeyRefused(Arc<Key>),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, second: None }
    }
}

impl Gateway {
    /// `timeout`: of one poll, whole body included. `ask`: the source of the keys, if the transport has none.
    pub(crate) fn new(transport: Transport, endpoint: &'static Endpoint, timeout: Duration, ask: Option<Ask>) -> Self {
        // Half of the time is left for the request.
        let keys = ask.map(|ask| KeySource::new(ask, timeout.checked_div(2).unwrap_or(timeout)));
        Self { transport: Arc::new(transport), endpoint, timeout, keys }
    }

    /// The wall clock: a simulator in memory has one that goes with tokio's.
    pub(crate) fn wall_clock(&self) -> SystemTime {
        match &*self.transport {
            Transport::Http(_) => SystemTime::now(),
            #[cfg(feature = "simulator")]
            Transport::InMemory(simulator) => simulator.wall_clock(),
        }
    }

    /// Which gateway it is: the host of its URL.
    pub(crate) fn host(&self) -> &str {
        match &*self.transport {
            Transport::Http(http) => http.host(),
            #[cfg(feature = "simulator")]
            Transport::InMemory(_) => "simulator",
        }
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends a request at the first poll of the future. It fails at the latest when `timeout` is over; dropping it aborts the
    /// request.
    pub(crate) async fn poll(&self, request: &PollRequest, timeout: Duration) -> Result<PollResponse, Failed> {
        if self.keys.is_some() {
            return Box::pin(self.poll_as(request, None, timeout)).await;
        }
        let fetch = pin!(self.transport.fetch(&request.id, None));
        let Some(reply) = timeout_with_grace(timeout, fetch).await else { return Err(too_late(timeout).into()) };
        self.read(request, reply?, None)
    }

    /// The same, with a key from the source if there is one, and to another URL if one is given.
    pub(crate) async fn poll_as(
        &self,
        request: &PollRequest,
        url: Option<&Url>,
        timeout: Duration,
    ) -> Result<PollResponse, Failed> {
        let waits_for_key = AtomicBool::new(self.keys.is_some());
        let fetch = pin!(async {
            let key = match &self.keys {
                Some(keys) => Some(keys.key().await.map_err(NoKey::into_error)?),
                None => None,
            };
            waits_for_key.store(false, Ordering::Relaxed);
            let variation = Variation { key: key.as_deref(), url };
            let reply = self.transport.fetch(&request.id, Some(&variation)).await?;
            Ok::<_, Error>((reply, key))
        });
        let Some(fetched) = timeout_with_grace(timeout, fetch).await else {
            let nothing_sent = waits_for_key.load(Ordering::Relaxed);
            return Err(if nothing_sent { NoKey::in_time(timeout).into_error() } else { too_late(timeout) }.into());
        };
        let (mut reply, key) = fetched?;
        let present = self.keys.as_ref().and_then(|keys| keys.present());
        if let (Some(sent), Some(present)) = (&key, present) {
            // The texts are searched for the key that was sent. The present one may be another by now.
            if sent.text != present.text {
                redact_reply(&present.text, &mut reply);
            }
        }
        self.read(request, reply, key)
    }

    /// Whether there is another key than this one, which was refused.
    pub(crate) async fn has_another_key(&self, refused: &Key) -> Result<bool, NoKey> {
        match &self.keys {
            Some(keys) => keys.has_another(refused).await,
            None => Ok(false),
        }
    }

    /// `key`: the one that was sent, if it came from the source.
    fn read(&self, request: &PollRequest, reply: Reply, key: Option<Arc<Key>>) -> Result<PollResponse, Failed> {
        let PollRequest { id, wants_age } = request;
        // By the gateway's own clock where it says the time, so that a wrong clock here does not matter.
        let now = wants_age.then(|| wire::date(&reply.headers).unwrap_or_else(SystemTime::now));
        let (http_status, retry_after) = (reply.status, wire::retry_after(&reply.headers, SystemTime::now));
        let second = match reply.status {
            300..400 => self.transport.redirect(id, &reply).map(|url| Second::Redirected(Box::new(url))),
            421 => Some(Second::Misdirected),
            _ => None,
        };
        let secret = key.as_ref().map_or_else(|| self.transport.api_key(), |key| &key.text);
        match self.endpoint.read(id, reply, SystemTime::now, secret) {
            Ok(task) => Ok(PollResponse { age: now.and_then(|now| task.age(now)), task, http_status, retry_after }),
            Err(error) => {
                let refused = key.filter(|_| error.kind() == ErrorKind::Unauthorized).map(Second::KeyRefused);
                Err(Failed { error, second: second.or(refused) })
            }
        }
    }
}

fn too_late(timeout: Duration) -> Error {
    Error::new(ErrorKind::Timeout, format!("no complete answer came within {:?}", whole_millis(timeout)))
}

/// Removes this key from what is read of a reply.
fn redact_reply(key: &str, reply: &mut Reply) {
    if let Ok(body) = &mut reply.body {
        *body = without(key, mem::take(body));
    }
    // No error shows the address of a redirect, which is followed as it is.
    for (_, value) in reply.headers.iter_mut().filter(|(name, _)| *name != LOCATION) {
        let Ok(text) = std::str::from_utf8(value.as_bytes()) else { continue };
        let Cow::Owned(clean) = wire::redact(key, text.into()) else { continue };
        if let Ok(clean) = HeaderValue::try_from(clean) {
            *value = clean;
        }
    }
}

/// A body without this key, as JSON writes it.
fn without(key: &str, body: Bytes) -> Bytes {
    let quoted = serde_json::to_string(key).unwrap_or_default();
    let written = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or(key);
    match std::str::from_utf8(&body).map(|text| wire::redact(written, text.into())) {
        Ok(Cow::Owned(redacted)) => redacted.into(),
        _ => body,
    }
}

impl Transport {
    async fn fetch(&self, id: &TaskId, variation: Option<&Variation<'_>>) -> Result<Reply, Error> {
        match self {
            Self::Http(http) => http.fetch(id, variation).await,
            #[cfg(feature = "simulator")]
            Self::InMemory(simulator) => simulator.fetch(id, variation).await,
        }
    }

    /// Where the reply leads to, if it is a redirect that is followed.
    fn redirect(&self, id: &TaskId, reply: &Reply) -> Option<Url> {
        match self {
            Self::Http(http) => http.redirect(id, reply),
            #[cfg(feature = "simulator")]
            Self::InMemory(_) => None,
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

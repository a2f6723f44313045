//! The settings of a client, checked once.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::limiter::RateLimit;
use crate::observe::Observer;
use crate::schedule::Schedule;
#[cfg(feature = "simulator")]
use crate::simulator::Simulator;
use crate::transport::{ApiKey, Ask, ask};

pub(super) const BASE_URL: &str = "https://api.apikley.ru";
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
const GRACE: Duration = Duration::from_secs(60);
const RETRY_AFTER_CAP: Duration = Duration::from_secs(2 * 60);
/// Enough for 2,500 polls per second at 100 ms each. Few enough connections, where each request needs one, for a process that
/// may open 1,024 files.
const MAX_IN_FLIGHT: usize = 256;

/// The settings of a [`Client`](crate::Client), checked all at once by [`build`](Self::build).
///
/// In the guide: [defaults](crate::guide::defaults), [limits](crate::guide::limits).
///
/// ```
/// use std::time::Duration;
/// use luma_watch::{Client, RateLimit, Schedule};
///
/// let client = Client::builder("key")
///     .schedule(Schedule::every(Duration::from_secs(15)).max_wait(Duration::from_secs(25 * 60)))
///     .rate_limit(RateLimit::per(15, Duration::from_secs(10)))
///     .request_timeout(Duration::from_secs(10))
///     .build()?;
/// # Ok::<(), luma_watch::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct ClientBuilder {
    pub(super) api_key: String,
    /// Instead of the key.
    pub(super) api_key_source: Option<Ask>,
    /// None: the default.
    pub(super) base_url: Option<String>,
    pub(super) schedule: Schedule,
    pub(super) request_timeout: Duration,
    pub(super) grace: Duration,
    pub(super) retry_after_cap: Duration,
    pub(super) rate_limit: Option<RateLimit>,
    pub(super) max_in_flight: usize,
    pub(super) http_client: Option<reqwest::Client>,
    pub(super) observers: Vec<Arc<dyn Observer>>,
    #[cfg(feature = "simulator")]
    pub(super) simulator: Option<Simulator>,
}

impl ClientBuilder {
    pub(super) fn new(api_key: String) -> Self {
        Self {
            api_key,
            api_key_source: None,
            base_url: None,
            schedule: Schedule::default(),
            request_timeout: REQUEST_TIMEOUT,
            grace: GRACE,
            retry_after_cap: RETRY_AFTER_CAP,
            rate_limit: None,
            max_in_flight: MAX_IN_FLIGHT,
            http_client: None,
            observers: Vec::new(),
            #[cfg(feature = "simulator")]
            simulator: None,
        }
    }

    /// Sets a source of API keys, for keys that change. It replaces the key that [`Client::builder`](crate::Client::builder)
    /// was given, which may be empty then.
    ///
    /// The source is asked before the first request, when the gateway refuses the key, and before the key expires if
    /// [`ApiKey::expires_in`] says when. It returns a `String`, a `&str` or an [`ApiKey`].
    ///
    /// - **A refused key** (401, 403). The poll is repeated once with the fresh key, within its
    ///   [`request_timeout`](Self::request_timeout), and the [`rate_limit`](Self::rate_limit) counts the repeat. If the source
    ///   returns the same key, the poll is not repeated: the error is [`Unauthorized`](crate::ErrorKind::Unauthorized), as with
    ///   a key that does not change.
    /// - **Many watches at once.** The polls that wait for a key share one call of the source. If the watches are dropped, its
    ///   future is dropped with the last of them. A poll that waits holds its permit, so the
    ///   rate limit counts it as sent.
    /// - **A source that fails.** It has half of the request timeout. An error, a panic, no answer in that time, or a text that
    ///   cannot be a key is a failed poll, and the watch goes on: [`Config`](crate::ErrorKind::Config) if there is no
    ///   key to send, `Unauthorized` if the last one was refused. For half a second after that the source is not asked again.
    ///   A key that has not expired is used on.
    ///
    /// The error of the source becomes part of the failed poll's sentence, so it should not hold a secret. A source that uses this
    /// client waits for itself.
    ///
    /// ```
    /// use luma_watch::{ApiKey, Client};
    /// use std::time::Duration;
    ///
    /// # #[derive(Clone)] struct Vault;
    /// # impl Vault { async fn read(&self, _: &str) -> Result<String, std::io::Error> { Ok("key".into()) } }
    /// # let vault = Vault;
    /// let client = Client::builder("")
    ///     .api_key_from(move || {
    ///         let vault = vault.clone();
    ///         async move {
    ///             let text = vault.read("apikley").await?;
    ///             Ok::<_, std::io::Error>(ApiKey::new(text).expires_in(Duration::from_secs(3600)))
    ///         }
    ///     })
    ///     .build()?;
    /// # Ok::<(), luma_watch::Error>(())
    /// ```
    pub fn api_key_from<F, Fut, K, E>(mut self, source: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<K, E>> + Send + 'static,
        K: Into<ApiKey>,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.api_key_source = Some(ask(source));
        self
    }

    /// The URL of the gateway. Default: `https://api.apikley.ru`.
    ///
    /// A path in it is kept, and the endpoint's path `/api/v1/modify/record-info` is added: leave that out. Plain `http` is
    /// refused unless the host is a loopback address, because the key would travel unencrypted.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// When to poll, and when to stop waiting. Default: a poll every 30 s, for at most 15 min.
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// The time for one poll, from connecting to the last byte of the body. Default: 20 s. Zero and more than ten years are
    /// refused.
    ///
    /// A poll that needs a second request, for a redirect or with a fresh key, has this time for both, the wait for the second
    /// permit included. A [source of keys](Self::api_key_from) has half of it.
    pub const fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// For how long an answer that would end a watch must last before it does. Default: 60 s. Zero: it ends at once.
    /// [`Duration::MAX`]: such an answer never ends a watch, which goes on up to its deadline.
    ///
    /// Once the watch has had a good answer, the grace is for every answer that would end it, a 401 for example. Before that, it
    /// is for three answers only: there is no record of the task (the gateway may not know a new task yet), the record of a
    /// success names no result, or a server in front of the gateway answered. The time counts from the first such answer in a
    /// row; any other answer, or a failed request, ends the row. See [the
    /// guide](crate::guide::errors#what-is-confirmed-first).
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// For how long a `Retry-After` is obeyed at most. Default: 2 min. Zero: none is obeyed, as if the gateway did not ask.
    /// [`Duration::MAX`]: each is obeyed; more than 24 h is read as 24 h.
    ///
    /// By mistake, or because of a wrong clock, a gateway may ask for hours. For all of that time no watch would see that its
    /// task has ended. [`Error::retry_after`](crate::Error::retry_after) still says what the gateway asked for.
    pub const fn retry_after_cap(mut self, cap: Duration) -> Self {
        self.retry_after_cap = cap;
        self
    }

    /// How many requests may be sent in a period, by all watches of the client and of its clones together. Default: no limit.
    ///
    /// Polls beyond the limit wait, and are sent in the order in which they began to wait, each task of a
    /// [`WatchAll`](crate::WatchAll) for itself. A request that is repeated at once because its connection ended is not
    /// counted: the gateway has seldom seen it. The second request of a poll (for a redirect, or with a fresh key) is counted, and
    /// goes before the polls that wait. Set the limit a quarter below what the gateway allows: requests that leave at an even
    /// pace can arrive at an uneven one. If the gateway refuses requests that come at once, set [`RateLimit::burst`] as well.
    ///
    /// With a limit so low that a watch's turn does not come before its deadline, the watch ends there without another poll.
    pub const fn rate_limit(mut self, limit: RateLimit) -> Self {
        self.rate_limit = Some(limit);
        self
    }

    /// How many requests may be in flight at once, of all watches of the client and of its clones together. Default: 256.
    ///
    /// Over HTTP/1.1 each of them needs a connection of its own. At the start there is one, and the number doubles with each
    /// round trip; a refusal halves it.
    ///
    /// Answers that are read at the same time take at most 32 MiB together, beyond 64 KiB each. An answer that would take more is
    /// a failed poll ([`Decode`](crate::ErrorKind::Decode)). So 256 answers of 960 KiB at once take about 50 MiB of heap.
    pub const fn max_in_flight(mut self, requests: usize) -> Self {
        self.max_in_flight = requests;
        self
    }

    /// The HTTP client to use, for proxies, certificates, another TLS library or connection pools of your own.
    ///
    /// The default client follows one redirect per poll, within the base URL's origin only, and counts it in the limits. It
    /// ignores the environment's proxies for loopback, uses rustls if the feature is on, and takes HTTP/2 where the gateway
    /// offers it, with keep-alive pings while a request is open. Yours (of reqwest 0.13) follows its own settings: reqwest's
    /// defaults follow a redirect to another host, without the key, and send no pings.
    ///
    /// It has one pool of connections, and each belongs to the runtime that opened it: use the client in one runtime only.
    ///
    /// Unless it was built with `no_proxy()`, it follows the environment's proxies (`HTTP_PROXY`, `ALL_PROXY`), for loopback
    /// too: with a plain `http` base URL the API key goes to the proxy unencrypted. [`build`](Self::build) logs a warning if
    /// the environment names such a proxy. It does not see a proxy that was set on the client itself.
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http_client = Some(client);
        self
    }

    /// Calls this observer for every poll and every watch of the client and of its clones. Called again, it adds another one.
    ///
    /// See [`Observer`] for an example, and for what a slow observer or one that panics does. Without an observer
    /// a hook costs one comparison.
    pub fn observe(mut self, observer: impl Observer) -> Self {
        self.observers.push(Arc::new(observer));
        self
    }

    /// Asks a [`Simulator`] in memory instead of a gateway. Needs the feature `simulator`.
    ///
    /// Beside [`base_url`](Self::base_url) or [`http_client`](Self::http_client), [`build`](Self::build) refuses it.
    #[cfg(feature = "simulator")]
    #[cfg_attr(docsrs, doc(cfg(feature = "simulator")))]
    pub fn simulator(mut self, simulator: &Simulator) -> Self {
        self.simulator = Some(simulator.clone());
        self
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("base_url", &origin(self.base_url.as_deref().unwrap_or(BASE_URL)))
            .field("schedule", &self.schedule)
            .field("request_timeout", &self.request_timeout)
            .field("grace", &self.grace)
            .field("retry_after_cap", &self.retry_after_cap)
            .field("rate_limit", &self.rate_limit)
            .field("max_in_flight", &self.max_in_flight)
            .field("has_api_key_source", &self.api_key_source.is_some())
            .field("observers", &self.observers.len())
            .finish_non_exhaustive()
    }
}

/// What may be shown of a URL that is not checked yet: not its user, its password or its query.
fn origin(url: &str) -> Option<String> {
    Some(reqwest::Url::parse(url).ok()?.origin().ascii_serialization())
}

//! The settings of a client, checked once.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

#[cfg(doc)]
use crate::client::Client;
use crate::endpoint::LUMA_MODIFY;
use crate::error::Error;
use crate::gateway::{Gateway, Http, Settings};
use crate::limiter::{Limiter, Limits, RateLimit};
use crate::notify::Registry;
use crate::poll_state::WatchConfig;
use crate::schedule::Schedule;
#[cfg(feature = "simulator")]
use crate::simulator::{InMemory, Simulator};
use crate::task_watch::Shared;

const BASE_URL: &str = "https://api.apikley.ru";
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
const GRACE: Duration = Duration::from_secs(60);
/// Longer than this no request is taken to be in flight, and stays clear of the clock's end.
const LONGEST_LEASE: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// Enough for 2,500 polls per second at 100 ms each; few enough connections, where each needs one, for a process that
/// may open 1,024 files.
const MAX_IN_FLIGHT: usize = 256;

/// The settings of a [`Client`], checked all at once by [`build`](Self::build).
#[derive(Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct ClientBuilder {
    api_key: String,
    base_url: String,
    schedule: Schedule,
    request_timeout: Duration,
    grace: Duration,
    rate_limit: Option<RateLimit>,
    max_in_flight: usize,
    http_client: Option<reqwest::Client>,
    #[cfg(feature = "simulator")]
    simulator: Option<Simulator>,
}

impl ClientBuilder {
    pub(super) fn new(api_key: String) -> Self {
        Self {
            api_key,
            base_url: BASE_URL.to_owned(),
            schedule: Schedule::default(),
            request_timeout: REQUEST_TIMEOUT,
            grace: GRACE,
            rate_limit: None,
            max_in_flight: MAX_IN_FLIGHT,
            http_client: None,
            #[cfg(feature = "simulator")]
            simulator: None,
        }
    }

    /// Where the gateway is. Default: `https://api.apikley.ru`.
    ///
    /// A path in it is kept. Plain `http` is refused unless the host is a loopback address: the key would travel
    /// unencrypted.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self
    }

    /// When to poll, and when to stop waiting. Default: a poll each 30 s, for at most 15 min.
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// The time for one poll, from connecting to the body's last byte. Default: 20 s.
    pub const fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How long "no such record" may go on before the watch gives up. Default: 60 s.
    ///
    /// The gateway may not know a task yet in the first moments after it was created. The time counts from the first
    /// such answer in a row; any other answer, or none, ends the row. Zero: believed at once.
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How many requests may go out in how much time, for all watches of the client and of its clones together. Default:
    /// no bound.
    ///
    /// Polls beyond it wait for their turn, first come, first served, each task of a
    /// [`WatchAll`](crate::WatchAll) for itself. An immediate repeat on a broken kept connection,
    /// which the gateway has most likely not seen, is not counted. Set it a quarter below what the gateway allows:
    /// requests that leave at an even pace need not arrive at one.
    pub const fn rate_limit(mut self, budget: RateLimit) -> Self {
        self.rate_limit = Some(budget);
        self
    }

    /// How many requests may be in flight at once, for all watches of the client and of its clones together. Default:
    /// 256.
    ///
    /// Over HTTP/1.1 each of them needs a connection of its own.
    pub const fn max_in_flight(mut self, requests: usize) -> Self {
        self.max_in_flight = requests;
        self
    }

    /// The HTTP client to use, for proxies, certificates or pools of your own.
    ///
    /// The default one follows redirects within the base URL's origin only, ignores the environment's proxies for
    /// loopback, and takes HTTP/2 where the gateway offers it, with keep-alive pings while a request is open. Yours (of
    /// reqwest 0.13) follows its own settings; reqwest's default is to follow a redirect to another host, without the
    /// key, and to send no pings.
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http_client = Some(client);
        self
    }

    /// Asks a [`Simulator`], in memory, instead of a gateway; base URL and HTTP client have no part in it then. Needs
    /// the feature `simulator`.
    #[cfg(feature = "simulator")]
    #[cfg_attr(docsrs, doc(cfg(feature = "simulator")))]
    pub fn simulator(mut self, simulator: &Simulator) -> Self {
        self.simulator = Some(simulator.clone());
        self
    }

    /// What the client and its watches stand on, if the settings make sense.
    pub(super) fn shared(self) -> Result<Shared, Error> {
        let config = self.config()?;
        let limiter = Limiter::new(self.limits()?);
        Ok(Shared { gateway: self.gateway(limiter)?, config, registry: Registry::new(), epoch: Instant::now() })
    }

    fn limits(&self) -> Result<Limits, Error> {
        self.rate_limit.map_or(Ok(()), RateLimit::validate)?;
        if self.max_in_flight == 0 {
            return Err(Error::config("max_in_flight is 0: nothing could ever be asked"));
        }
        // A little longer than any request that someone waits for.
        let lease = self.request_timeout.saturating_add(Duration::from_secs(1)).min(LONGEST_LEASE);
        Ok(Limits { budget: self.rate_limit, in_flight: self.max_in_flight, lease })
    }

    fn gateway(self, limiter: Arc<Limiter>) -> Result<Gateway, Error> {
        #[cfg(feature = "simulator")]
        if let Some(simulator) = self.simulator {
            return Ok(Gateway::new(
                InMemory::new(simulator, self.api_key)?,
                &LUMA_MODIFY,
                self.request_timeout,
                limiter,
            ));
        }
        let http = Http::new(Settings {
            api_key: self.api_key,
            base_url: self.base_url,
            endpoint: &LUMA_MODIFY,
            client: self.http_client,
        })?;
        Ok(Gateway::new(http, &LUMA_MODIFY, self.request_timeout, limiter))
    }

    fn config(&self) -> Result<WatchConfig, Error> {
        self.schedule.validate()?;
        if self.request_timeout.is_zero() {
            return Err(Error::config("the request timeout is zero: no answer could come in time"));
        }
        Ok(WatchConfig { schedule: self.schedule.clone(), grace: self.grace })
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("base_url", &origin(&self.base_url))
            .field("schedule", &self.schedule)
            .field("request_timeout", &self.request_timeout)
            .field("grace", &self.grace)
            .field("rate_limit", &self.rate_limit)
            .field("max_in_flight", &self.max_in_flight)
            .finish_non_exhaustive()
    }
}

/// What may be shown of a URL that is still unchecked: not its user, its password, its query.
fn origin(url: &str) -> Option<String> {
    Some(reqwest::Url::parse(url).ok()?.origin().ascii_serialization())
}

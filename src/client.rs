//! The client and its builder: settings, checked once.

use std::env;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::budget::{Limits, RequestBudget, Turnstile};
use crate::error::Error;
use crate::fleet::WatchAll;
use crate::pace::Rules;
use crate::run::Shared;
use crate::schedule::Schedule;
#[cfg(feature = "simulator")]
use crate::simulator::{Memory, Simulator};
use crate::task::{Task, TaskId};
use crate::transport::{Http, Line, Settings};
use crate::watch::Watch;

const BASE_URL: &str = "https://api.apikley.ru";
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
const NOT_FOUND_GRACE: Duration = Duration::from_secs(60);
/// Enough for 2,500 polls per second at 100 ms each; few enough connections, where each needs one, for a process that
/// may open 1,024 files.
const MAX_IN_FLIGHT: usize = 256;

/// A connection to the gateway, and how to wait on it. Cheap to clone; clones share connections, the request budget and
/// the bound on requests in flight.
///
/// Where the gateway refuses a request because there are too many (429, 430) or because it is under maintenance (455,
/// 503), all watches of the client and of its clones hold back until its `Retry-After`, or else the schedule's interval,
/// is over. Then one request tries, and if it is not refused, the rest follow one after the other.
///
/// Its kept connections belong to the runtime that opened them: use one client per runtime.
///
/// ```no_run
/// # async fn run() -> Result<(), luma_watch::Error> {
/// let client = luma_watch::Client::from_env()?;
/// let task = client.wait_until_done("774d9a7dd608a0e49293903095e45a4c").await?;
/// println!("{}", task.result_urls()[0]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

impl Client {
    /// A client of `https://api.apikley.ru` with the default schedule: a poll each 30 s, for at most 15 min.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config): the key is empty or cannot stand in a header.
    pub fn new(api_key: impl Into<String>) -> Result<Self, Error> {
        Self::builder(api_key).build()
    }

    /// The same, from the environment: the key in `APIKLEY_API_KEY`, and a base URL in `APIKLEY_BASE_URL` if it is set
    /// and not empty.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config), for a variable that is missing, or with the setting that is wrong.
    pub fn from_env() -> Result<Self, Error> {
        let variable = |name: &str| match env::var(name) {
            Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
            Err(env::VarError::NotPresent) => Ok(None),
            Err(env::VarError::NotUnicode(_)) => {
                Err(Error::config(format!("the environment variable {name} is not UTF-8")))
            }
        };
        let api_key = variable("APIKLEY_API_KEY")?.ok_or_else(|| {
            Error::config("the environment variable APIKLEY_API_KEY is not set or empty: it holds the API key")
        })?;
        let builder = Self::builder(api_key);
        match variable("APIKLEY_BASE_URL")? {
            Some(url) => builder.base_url(url).build(),
            None => builder.build(),
        }
    }

    /// A client with settings of its own.
    pub fn builder(api_key: impl Into<String>) -> ClientBuilder {
        ClientBuilder {
            api_key: api_key.into(),
            base_url: BASE_URL.to_owned(),
            schedule: Schedule::default(),
            request_timeout: REQUEST_TIMEOUT,
            not_found_grace: NOT_FOUND_GRACE,
            request_budget: None,
            max_in_flight: MAX_IN_FLIGHT,
            http_client: None,
            #[cfg(feature = "simulator")]
            simulator: None,
        }
    }

    /// The same client, connections shared, with another schedule for the watches that it starts from now on.
    ///
    /// # Errors
    /// As [`Schedule::validate`].
    pub fn with_schedule(&self, schedule: Schedule) -> Result<Self, Error> {
        schedule.validate()?;
        let rules = Rules { schedule, ..self.shared.rules.clone() };
        Ok(Self { shared: Arc::new(Shared { line: self.shared.line.clone(), rules, epoch: self.shared.epoch }) })
    }

    /// Asks once: for a page that shows where a task stands.
    ///
    /// There is no retry, but for one: where a kept connection breaks in the moment of its use, the question is put
    /// again at once. It takes its turn within the request budget, but does not wait for a gateway that has asked the
    /// watches to hold back.
    ///
    /// # Errors
    /// Whatever kept the record from being read; a task that failed is no error here, its record says so.
    ///
    /// # Cancel safety
    /// Dropping the future aborts the request.
    ///
    /// # Panics
    /// Outside a tokio runtime with its timer and I/O enabled.
    pub async fn status(&self, task_id: impl Into<TaskId>) -> Result<Task, Error> {
        let id = task_id.into();
        let Shared { line, rules, .. } = &*self.shared;
        let rest = rules.schedule.rest();
        let permit = match line.turnstile().try_enter(rest) {
            Some(permit) => permit,
            None => line.turnstile().turn(rest).past_gate().next().await,
        };
        line.ask(&id, permit, line.timeout()).await.map_err(|error| error.of_task(&id, None))
    }

    /// Watches a task: a stream of its events, up to its end. Lazy: nothing is sent before the stream is polled. An
    /// empty id is told as the first event, [`GaveUp`](crate::StatusEvent::GaveUp).
    pub fn watch(&self, task_id: impl Into<TaskId>) -> Watch {
        Watch::new(Arc::clone(&self.shared), task_id.into())
    }

    /// Watches many tasks in one stream, in a few dozen bytes each. Lazy, as [`watch`](Self::watch) is; an id that comes
    /// twice is watched once.
    pub fn watch_all<I>(&self, task_ids: I) -> WatchAll
    where
        I: IntoIterator,
        I::Item: Into<TaskId>,
    {
        let mut all = WatchAll::new(Arc::clone(&self.shared));
        all.extend(task_ids);
        all
    }

    /// Waits for a task's end and gives the task: the same as `watch(task_id).wait_until_done()`, see
    /// [`Watch::wait_until_done`].
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// Dropping the future aborts a request in flight, and no other follows.
    ///
    /// # Panics
    /// Outside a tokio runtime with its timer and I/O enabled.
    pub async fn wait_until_done(&self, task_id: impl Into<TaskId>) -> Result<Task, Error> {
        self.watch(task_id).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("rules", &self.shared.rules).finish_non_exhaustive()
    }
}

/// The settings of a [`Client`], checked all at once by [`build`](Self::build).
#[derive(Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct ClientBuilder {
    api_key: String,
    base_url: String,
    schedule: Schedule,
    request_timeout: Duration,
    not_found_grace: Duration,
    request_budget: Option<RequestBudget>,
    max_in_flight: usize,
    http_client: Option<reqwest::Client>,
    #[cfg(feature = "simulator")]
    simulator: Option<Simulator>,
}

impl ClientBuilder {
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
    pub const fn not_found_grace(mut self, grace: Duration) -> Self {
        self.not_found_grace = grace;
        self
    }

    /// How many requests may go out in how much time, for all watches of the client and of its clones together. Default:
    /// no bound.
    ///
    /// Polls beyond it wait for their turn, first come, first served. An immediate repeat on a broken kept connection,
    /// which the gateway has most likely not seen, is not counted. Where the gateway counts itself, leave a little room:
    /// requests that leave at an even pace need not arrive at one.
    pub const fn request_budget(mut self, budget: RequestBudget) -> Self {
        self.request_budget = Some(budget);
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

    /// Makes the client.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config), with the setting that is wrong and why.
    pub fn build(self) -> Result<Client, Error> {
        let rules = self.rules()?;
        let turnstile = Turnstile::new(self.limits()?);
        let line = self.line(turnstile)?;
        Ok(Client { shared: Arc::new(Shared { line, rules, epoch: Instant::now() }) })
    }

    fn limits(&self) -> Result<Limits, Error> {
        self.request_budget.map_or(Ok(()), RequestBudget::validate)?;
        if self.max_in_flight == 0 {
            return Err(Error::config("max_in_flight is 0: nothing could ever be asked"));
        }
        // A little longer than any request that someone waits for.
        let lease = self.request_timeout.saturating_add(Duration::from_secs(1));
        Ok(Limits { budget: self.request_budget, in_flight: self.max_in_flight, lease })
    }

    fn line(self, turnstile: Arc<Turnstile>) -> Result<Line, Error> {
        #[cfg(feature = "simulator")]
        if let Some(simulator) = self.simulator {
            return Ok(Line::new(Memory::new(simulator, self.api_key)?, self.request_timeout, turnstile));
        }
        let http = Http::new(Settings { api_key: self.api_key, base_url: self.base_url, client: self.http_client })?;
        Ok(Line::new(http, self.request_timeout, turnstile))
    }

    fn rules(&self) -> Result<Rules, Error> {
        self.schedule.validate()?;
        if self.request_timeout.is_zero() {
            return Err(Error::config("the request timeout is zero: no answer could come in time"));
        }
        Ok(Rules { schedule: self.schedule.clone(), not_found_grace: self.not_found_grace })
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("base_url", &origin(&self.base_url))
            .field("schedule", &self.schedule)
            .field("request_timeout", &self.request_timeout)
            .field("not_found_grace", &self.not_found_grace)
            .field("request_budget", &self.request_budget)
            .field("max_in_flight", &self.max_in_flight)
            .finish_non_exhaustive()
    }
}

/// What may be shown of a URL that is still unchecked: not its user, its password, its query.
fn origin(url: &str) -> Option<String> {
    Some(reqwest::Url::parse(url).ok()?.origin().ascii_serialization())
}

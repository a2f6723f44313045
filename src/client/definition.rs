//! The client, and how it is made.

use std::env;
use std::fmt;
use std::sync::Arc;

use super::builder::ClientBuilder;
use crate::client_core::ClientCore;
use crate::error::Error;
use crate::limiter::ClientLimits;
use crate::poll_state::WatchConfig;
use crate::schedule::Schedule;
use crate::watch::SharedWatches;

/// The gateway, and how to wait for its tasks. Cheap to clone; clones share connections and limits.
///
/// Where the gateway refuses a request because there are too many (429, 430) or because it is under maintenance (455,
/// 503), all watches of the client and of its clones hold back until its `Retry-After` is over
/// ([2 min](ClientBuilder::retry_after_cap) at most), or else for the schedule's interval (30 s at most). Then one request
/// probes the gateway, and if it is not refused, the rest follow one by one. See [the guide](crate::guide::limits).
///
/// One client serves several tokio runtimes, at once or in turn. It keeps connections for each of the 16 that used it
/// last. A request in flight belongs to the runtime that sent it. With an
/// [`http_client`](ClientBuilder::http_client) of your own, use one client per runtime.
///
/// A request whose connection ends before an answer is sent again at once: up to twice, and no more often than answers came
/// before. One that the gateway says it did not process (HTTP/2) is sent again up to three times; one that it answers with 421
/// once, over a fresh connection. (An [`http_client`](ClientBuilder::http_client) of your own chooses the connection itself, and
/// may choose the same one.)
///
/// In the guide: [first wait](crate::guide::first_wait), [limits](crate::guide::limits).
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
    pub(super) core: Arc<ClientCore>,
    pub(super) shared: Arc<SharedWatches>,
}

impl Client {
    /// A client of `https://api.apikley.ru` with the default schedule: a poll every 30 s, for at most 15 min.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config): the key is empty or cannot stand in a header.
    pub fn new(api_key: impl Into<String>) -> Result<Self, Error> {
        Self::builder(api_key).build()
    }

    /// A client with settings from the environment: the key in `APIKLEY_API_KEY`, and the base URL in `APIKLEY_BASE_URL` if it
    /// is set and not empty.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config), with the variable that is missing or the setting that is wrong.
    pub fn from_env() -> Result<Self, Error> {
        let variable = |name: &str| match env::var(name) {
            Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
            Err(env::VarError::NotPresent) => Ok(None),
            Err(env::VarError::NotUnicode(_)) => {
                Err(Error::config(format!("the value of the environment variable {name} is not valid UTF-8")))
            }
        };
        let api_key = variable("APIKLEY_API_KEY")?.ok_or_else(|| {
            Error::config("the environment variable APIKLEY_API_KEY is not set, or is empty: set it to the API key")
        })?;
        let builder = Self::builder(api_key);
        match variable("APIKLEY_BASE_URL")? {
            Some(url) => builder.base_url(url).build(),
            None => builder.build(),
        }
    }

    /// A client with settings of its own.
    pub fn builder(api_key: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(api_key.into())
    }

    /// The same client, connections and limits shared, with another schedule for the watches that it starts from now on.
    ///
    /// ```
    /// # use luma_watch::simulator::{SimulatedTask, Simulator};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// # tokio::time::pause();
    /// # let simulator = Simulator::new();
    /// # let id = simulator.add(SimulatedTask::new());
    /// # let client = luma_watch::Client::builder("test-key").simulator(&simulator).build()?;
    /// use luma_watch::Schedule;
    /// use std::time::Duration;
    ///
    /// let patient = client.with_schedule(Schedule::default().max_wait(Duration::from_secs(25 * 60)))?;
    /// let task = patient.wait_until_done(&id).await?;
    /// assert!(task.status().is_success());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Schedule::validate`].
    pub fn with_schedule(&self, schedule: Schedule) -> Result<Self, Error> {
        schedule.validate()?;
        let config = WatchConfig { schedule, ..self.core.config.clone() };
        Ok(Self { core: Arc::new(self.core.with_config(config)), shared: Arc::clone(&self.shared) })
    }

    /// The schedule of the watches that this client starts.
    ///
    /// ```
    /// use luma_watch::{Client, Schedule};
    ///
    /// assert_eq!(*Client::new("key")?.schedule(), Schedule::default());
    /// # Ok::<(), luma_watch::Error>(())
    /// ```
    #[must_use]
    pub fn schedule(&self) -> &Schedule {
        &self.core.config.schedule
    }

    /// The current state of the limits of this client and its clones: whether they hold back, why and for how long, and how many
    /// requests are in flight or wait.
    ///
    /// ```
    /// # fn run(client: &luma_watch::Client) {
    /// if let Some(cooldown) = client.limits().cooldown {
    ///     println!("{cooldown}"); // which task was answered what, and how long the watches hold back
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn limits(&self) -> ClientLimits {
        self.core.limiter.report()
    }

    /// Ends the cooldown of this client and of its clones, if they hold back after a refusal. Returns whether
    /// they did.
    ///
    /// For an operator who knows that the gateway answers again. The waiting polls follow one after the other, within 10 s. A
    /// watch that was refused itself keeps its own `Retry-After`. If the gateway still refuses, a new cooldown begins.
    ///
    /// ```
    /// # use luma_watch::simulator::{Fault, Simulator};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// # let simulator = Simulator::new();
    /// # let client = luma_watch::Client::builder("test-key").simulator(&simulator).build()?;
    /// simulator.inject(Fault::status(503).retry_after("60"));
    /// assert!(client.status("774d9a7d").await.is_err());
    /// assert!(client.resume_now());
    /// assert!(client.limits().cooldown.is_none() && !client.resume_now());
    /// # Ok(())
    /// # }
    /// ```
    #[allow(clippy::must_use_candidate)] // whether they held back is news, and not what it is called for
    pub fn resume_now(&self) -> bool {
        self.core.limiter.resume()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("config", &self.core.config).finish_non_exhaustive()
    }
}

impl ClientBuilder {
    /// Makes the client.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config), with the setting that is wrong and why.
    pub fn build(self) -> Result<Client, Error> {
        Ok(Client { core: Arc::new(self.core()?), shared: Arc::default() })
    }
}

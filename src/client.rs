//! The client: where each way to ask begins.

mod builder;
#[cfg(feature = "callback")]
mod callbacks;

use std::env;
use std::fmt;
use std::sync::Arc;

use crate::error::Error;
use crate::gateway::{PollRequest, validate};
use crate::poll_state::WatchConfig;
use crate::schedule::Schedule;
use crate::task::{Task, TaskId};
use crate::task_watch::Shared;
use crate::watch::Watch;
use crate::watch_all::WatchAll;

pub use builder::ClientBuilder;

/// A connection to the gateway, and how to wait on it. Cheap to clone; clones share connections, the request budget and
/// the bound on requests in flight.
///
/// Where the gateway refuses a request because there are too many (429, 430) or because it is under maintenance (455,
/// 503), all watches of the client and of its clones hold back until its `Retry-After`, or else the schedule's interval
/// (30 s at most), is over. Then one request tries, and if it is not refused, the rest follow one after the other.
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
        ClientBuilder::new(api_key.into())
    }

    /// The same client, connections shared, with another schedule for the watches that it starts from now on.
    ///
    /// # Errors
    /// As [`Schedule::validate`].
    pub fn with_schedule(&self, schedule: Schedule) -> Result<Self, Error> {
        schedule.validate()?;
        let Shared { gateway, config, registry, epoch } = &*self.shared;
        let config = WatchConfig { schedule, ..config.clone() };
        Ok(Self {
            shared: Arc::new(Shared { gateway: gateway.clone(), config, registry: registry.clone(), epoch: *epoch }),
        })
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
        let gateway = &self.shared.gateway;
        if let Some(error) = validate(&id) {
            return Err(error.of_task(&id, None));
        }
        let permit = match self.shared.try_acquire() {
            Some(permit) => permit,
            None => self.shared.acquire().past_breaker().next().await,
        };
        let request = PollRequest { id: id.clone(), age: false };
        match gateway.ask(request, permit, gateway.timeout()).await {
            Ok(reading) => Ok(reading.task),
            Err(error) => Err(error.of_task(&id, None)),
        }
    }

    /// Watches a task: a stream of its events, up to its end. Lazy: nothing is sent before the stream is polled. An
    /// empty id is told as the first event, [`GaveUp`](crate::StatusEvent::GaveUp).
    pub fn watch(&self, task_id: impl Into<TaskId>) -> Watch {
        Watch::new(Arc::clone(&self.shared), task_id.into())
    }

    /// Watches many tasks in one stream, in less than 250 bytes each (300 with a schedule that learns). Lazy, as [`watch`](Self::watch) is; an id that comes
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
        f.debug_struct("Client").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

impl ClientBuilder {
    /// Makes the client.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config), with the setting that is wrong and why.
    pub fn build(self) -> Result<Client, Error> {
        Ok(Client { shared: Arc::new(self.shared()?) })
    }
}

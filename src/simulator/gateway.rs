//! The handle of a simulated gateway: its settings, tasks, faults and servers.

use std::fmt;
use std::io;
use std::time::Duration;

#[cfg(feature = "callback")]
use super::callback_request::{self, CallbackRequest};
use super::fault::Fault;
use super::http::Server;
use super::in_memory::InMemory;
use super::request::Request;
use super::shared_engine::SharedEngine;
#[cfg(feature = "download")]
use super::simulated_files::SimulatedFiles;
use super::task::SimulatedTask;
use crate::error::Error;
use crate::limiter::{Quota, RateLimit};
use crate::task::TaskId;

/// A simulated gateway. Clones are the same gateway.
///
/// Its time starts when it is made. Make it inside the runtime whose clock it should follow. The setters change the
/// running gateway, for all clones, servers and clients at once. They can be called at any time.
///
/// ```
/// use std::time::Duration;
/// use luma_watch::Client;
/// use luma_watch::simulator::{SimulatedTask, Simulator};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), luma_watch::Error> {
/// tokio::time::pause();
/// let simulator = Simulator::new();
/// simulator.api_key("another-key").latency(Duration::from_millis(200));
/// let id = simulator.add(SimulatedTask::new());
///
/// let client = Client::builder("another-key").simulator(&simulator).build()?;
/// assert!(client.status(&id).await.is_ok());
/// simulator.api_key("replaced");
/// assert!(client.status(&id).await.is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Simulator {
    engine: SharedEngine,
}

/// A gateway without tasks.
impl Default for Simulator {
    fn default() -> Self {
        Self::new()
    }
}

#[allow(clippy::must_use_candidate)] // setters act on the running gateway; what they return is for chaining
impl Simulator {
    /// Makes a gateway without tasks. It accepts the key `test-key`, answers at once, and its time passes like the
    /// clock's.
    #[must_use]
    pub fn new() -> Self {
        Self { engine: SharedEngine::new() }
    }

    /// Sets the only key that the gateway accepts. Default: `test-key`.
    ///
    /// Changes the running gateway, for all clones.
    pub fn api_key(&self, key: impl Into<String>) -> &Self {
        self.engine.lock().api_key = key.into();
        self
    }

    /// Sets how many times faster than the clock the gateway's time passes. Default: 1. At 0 it stands still.
    ///
    /// Changes the running gateway, for all clones. Set it before tasks are added: the time that has passed is sped up
    /// too. A client's schedule is not sped up, so divide its pauses by the same number. Use 1 with a learned schedule,
    /// which compares the tasks' ages with the clock.
    ///
    /// ```
    /// use std::time::Duration;
    /// use luma_watch::{Client, Schedule};
    /// use luma_watch::simulator::{SimulatedTask, Simulator};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let simulator = Simulator::new();
    /// simulator.speed(1_000);
    /// let server = simulator.serve().await?;
    /// // 5 minutes take 0.3 s, and the schedule polls every 30 ms.
    /// let id = simulator.add(SimulatedTask::new());
    /// let schedule = Schedule::every(Duration::from_secs(30) / 1_000);
    /// let client = Client::builder("test-key").base_url(server.url()).schedule(schedule).build()?;
    /// let task = client.wait_until_done(id).await?;
    /// assert_eq!(task.generation_time(), Some(Duration::from_secs(300)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn speed(&self, times: u32) -> &Self {
        self.engine.change(|engine| engine.speed = times);
        self
    }

    /// Sets how long a response takes, on the clock. Default: 0.
    ///
    /// Changes the running gateway, for all clones. The response shows the record as it was when the request came.
    pub fn latency(&self, latency: Duration) -> &Self {
        self.engine.lock().latency = latency;
        self
    }

    /// Sets how many requests the gateway accepts in a sliding window of time, and how many of them at once
    /// ([`RateLimit::burst`]), on the clock. Default: no limit.
    ///
    /// Changes the running gateway, for all clones. Requests over the limit get HTTP 429, and do not count.
    ///
    /// ```
    /// use std::time::Duration;
    /// use luma_watch::{Client, ErrorKind, RateLimit};
    /// use luma_watch::simulator::{SimulatedTask, Simulator};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// tokio::time::pause();
    /// let simulator = Simulator::new();
    /// simulator.rate_limit(RateLimit::per(1, Duration::from_secs(10)));
    /// let id = simulator.add(SimulatedTask::new());
    /// let client = Client::builder("test-key").simulator(&simulator).build()?;
    /// assert!(client.status(&id).await.is_ok());
    /// assert_eq!(client.status(&id).await.unwrap_err().kind(), ErrorKind::RateLimited);
    /// tokio::time::sleep(Duration::from_secs(60)).await;
    /// assert!(client.status(&id).await.is_ok());
    /// # Ok(())
    /// # }
    /// ```
    pub fn rate_limit(&self, limit: RateLimit) -> &Self {
        self.engine.lock().rate_limit = Some(Quota::new(limit));
        self
    }

    /// Sets the key that signs callbacks. Default: none, callbacks are not signed. With an empty text there is none. Needs the
    /// feature `callback`.
    ///
    /// Changes the running gateway, for all clones.
    #[cfg(feature = "callback")]
    #[cfg_attr(docsrs, doc(cfg(feature = "callback")))]
    pub fn callback_key(&self, key: impl Into<String>) -> &Self {
        let key = Some(key.into()).filter(|key: &String| !key.is_empty());
        self.engine.lock().callbacks.key = key;
        self
    }

    /// Sets the seed of task ids and of faults with a probability. Default: 0.
    ///
    /// Changes the running gateway, for all clones. Jitter of a client's pauses does not come from this seed.
    ///
    /// ```
    /// use luma_watch::simulator::{SimulatedTask, Simulator};
    ///
    /// let first_id = |seed| Simulator::new().seed(seed).add(SimulatedTask::new());
    /// assert_eq!(first_id(7), first_id(7));
    /// assert_ne!(first_id(7), first_id(8));
    /// ```
    pub fn seed(&self, seed: u64) -> &Self {
        self.engine.lock().random.seed(seed);
        self
    }

    /// Creates a task, now, with a random id. Returns the id.
    #[must_use = "only the id leads to the task"]
    pub fn add(&self, task: SimulatedTask) -> TaskId {
        self.engine.change(|engine| {
            let id = TaskId::from(format!("{:032x}", engine.random.u128(..)));
            engine.add(id.clone(), task);
            id
        })
    }

    /// Creates a task, now, with this id. It replaces a task of the same id, and its callbacks.
    pub fn add_as(&self, id: impl Into<TaskId>, task: SimulatedTask) {
        let id = id.into();
        self.engine.change(|engine| engine.add(id, task));
    }

    /// Lets a fault happen from now on. Where several faults fit a request, the one injected first happens.
    pub fn inject(&self, fault: Fault) {
        self.engine.lock().faults.push(fault);
    }

    /// Ends all faults, also those that have not happened yet.
    pub fn clear_faults(&self) {
        self.engine.lock().faults.clear();
    }

    /// Returns all requests for a task's record so far, in the order in which they came. Refused requests are included. Over
    /// HTTP, requests for another path, by another method or without a task id are not.
    ///
    /// ```
    /// use luma_watch::Client;
    /// use luma_watch::simulator::{SimulatedTask, Simulator};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// let simulator = Simulator::new();
    /// let id = simulator.add(SimulatedTask::new());
    /// let client = Client::builder("wrong-key").simulator(&simulator).build()?;
    /// assert!(client.status(&id).await.is_err());
    /// let request = &simulator.requests()[0];
    /// assert_eq!((&request.task_id, request.authorized, request.status), (&id, false, Some(401)));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.engine.lock().requests.clone()
    }

    /// Waits until the next callback is due, takes it in place of its receiver, and returns it. `None` if there is none to
    /// wait for: all are taken, or no task with a callback ends. At a [speed](Self::speed) of 0 it waits. Needs the feature
    /// `callback`.
    ///
    /// It works on tokio's paused clock, without a socket; [`Delivery`](super::Delivery) shows an example. Callbacks come in the order in
    /// which they are due. Dropping the future takes none. While a [`Server`] is alive, it posts callbacks itself.
    #[cfg(feature = "callback")]
    #[cfg_attr(docsrs, doc(cfg(feature = "callback")))]
    pub async fn next_callback(&self) -> Option<CallbackRequest> {
        callback_request::next(&self.engine).await
    }

    /// Starts an HTTP server on a free port of the loopback address. It answers, and posts callbacks, until it is
    /// dropped.
    ///
    /// Several servers of one simulator are the same gateway.
    ///
    /// # Errors
    /// If no port can be opened.
    ///
    /// # Panics
    /// Outside a tokio runtime with its I/O driver enabled.
    ///
    /// ```
    /// use luma_watch::Client;
    /// use luma_watch::simulator::{SimulatedTask, Simulator};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let simulator = Simulator::new();
    /// let id = simulator.add(SimulatedTask::new());
    /// let server = simulator.serve().await?;
    /// let client = Client::builder("test-key").base_url(server.url()).build()?;
    /// assert!(!client.status(id).await?.status().is_terminal());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn serve(&self) -> io::Result<Server> {
        self.serve_on(0).await
    }

    /// The same on this port, or on a free one if it is 0.
    ///
    /// # Errors
    /// If the port cannot be opened.
    ///
    /// # Panics
    /// Outside a tokio runtime with its I/O driver enabled.
    ///
    /// ```no_run
    /// # async fn run(simulator: luma_watch::simulator::Simulator) -> std::io::Result<()> {
    /// let server = simulator.serve_on(8765).await?;
    /// assert_eq!(server.url(), "http://127.0.0.1:8765");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn serve_on(&self, port: u16) -> io::Result<Server> {
        Server::start(self.engine.clone(), port).await
    }

    /// Where a client that uses this simulator in memory downloads from.
    #[cfg(feature = "download")]
    pub(crate) fn files(&self) -> SimulatedFiles {
        SimulatedFiles::new(self.engine.clone())
    }

    /// The transport of a client that uses this simulator in memory.
    pub(crate) fn in_memory(&self, api_key: Option<String>) -> Result<InMemory, Error> {
        InMemory::new(self.engine.clone(), api_key)
    }
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tasks, requests) = {
            let engine = self.engine.lock();
            (engine.tasks.len(), engine.requests.len())
        };
        // Not under the lock: the writer may be a user's.
        f.debug_struct("Simulator").field("tasks", &tasks).field("requests", &requests).finish_non_exhaustive()
    }
}

//! A gateway to test against, without a key and without a network. Needs the feature `simulator`.
//!
//! A [`Simulator`] holds tasks that generate for a while and then end as you say, and the faults that you ask for. It
//! has two faces:
//! - **in memory**, by [`ClientBuilder::simulator`](crate::ClientBuilder::simulator): on tokio's clock, so that with
//!   the clock paused a wait of 15 minutes tests in milliseconds;
//! - **HTTP on loopback**, by [`Simulator::serve`]: the gateway's path, JSON and key check over real sockets, on real time, best
//!   [sped up](Simulator::speed).
//!
//! Pausing the clock takes tokio's feature `test-util`.
//!
//! ```
//! use std::time::Duration;
//! use luma_watch::{Client, Status};
//! use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), luma_watch::Error> {
//! tokio::time::pause();
//! let simulator = Simulator::new();
//! let id = simulator.add(SimulatedTask::new().generates_for(Duration::from_secs(100)));
//! simulator.inject(Fault::status(502).times(2));
//!
//! let client = Client::builder("test-key").simulator(&simulator).build()?;
//! let task = client.wait_until_done(id).await?;
//! assert_eq!(task.status(), Status::Success);
//! // Two failed polls, seconds apart, then one each 30 s.
//! assert_eq!(simulator.requests().len(), 7);
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "callback")]
mod callback_sender;
#[cfg(feature = "callback")]
mod delivery;
mod engine;
mod fault;
mod http;
mod in_memory;
mod task;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::limiter::{RateLimit, SlidingWindow};
use crate::task::TaskId;

#[cfg(feature = "callback")]
#[cfg_attr(docsrs, doc(cfg(feature = "callback")))]
pub use delivery::Delivery;
pub use engine::Request;
pub use fault::Fault;
pub use http::Server;
pub(crate) use in_memory::InMemory;
pub use task::SimulatedTask;

use engine::Engine;

/// A simulated gateway. Clones are the same gateway.
///
/// Its time starts when it is made: make it inside the runtime whose clock it should follow.
#[derive(Clone)]
pub struct Simulator {
    engine: Arc<Mutex<Engine>>,
}

impl Default for Simulator {
    fn default() -> Self {
        Self::new()
    }
}

impl Simulator {
    /// A gateway without tasks, in real time, that accepts the key `test-key` and answers at once.
    #[must_use]
    pub fn new() -> Self {
        Self { engine: Arc::new(Mutex::new(Engine::new())) }
    }

    /// The only key that it accepts. Default: `test-key`.
    #[must_use]
    pub fn api_key(self, key: impl Into<String>) -> Self {
        self.lock().api_key = key.into();
        self
    }

    /// How many times faster than the clock its tasks live. Default: 1. Zero: time stands still.
    ///
    /// A client's schedule is not sped up: divide its pauses by as much. For a schedule that learns it should be 1: tasks would be older than they can have been watched.
    #[must_use]
    pub fn speed(self, times: u32) -> Self {
        self.lock().speed = times;
        self
    }

    /// How long, on the clock, an answer takes. Default: no time.
    #[must_use]
    pub fn latency(self, latency: Duration) -> Self {
        self.lock().latency = latency;
        self
    }

    /// How many requests, on the clock, it accepts in how much time; it refuses all beyond with 429, and does not count
    /// those. Default: any number.
    #[must_use]
    pub fn rate_limit(self, limit: RateLimit) -> Self {
        self.lock().limit = Some(SlidingWindow::new(limit));
        self
    }

    /// The key that it signs callbacks with. Default: none, they are not signed. Needs the feature `callback`.
    #[cfg(feature = "callback")]
    #[cfg_attr(docsrs, doc(cfg(feature = "callback")))]
    #[must_use]
    pub fn callback_key(self, key: impl Into<String>) -> Self {
        self.lock().callbacks.key = Some(key.into());
        self
    }

    /// The seed of the ids and of faults with a probability. Default: 0. (The jitter of a client's pauses is not
    /// seeded.)
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        self.lock().random.seed(seed);
        self
    }

    /// Creates a task, now, and returns its id.
    #[must_use = "the id is the only way to ask about the task"]
    pub fn add(&self, task: SimulatedTask) -> TaskId {
        let mut engine = self.lock();
        let id = TaskId::from(format!("{:032x}", engine.random.u128(..)));
        engine.add(id.clone(), task);
        id
    }

    /// Creates a task with an id of your choice, now. A task of that id that is there already is replaced.
    pub fn add_as(&self, id: impl Into<TaskId>, task: SimulatedTask) {
        self.lock().add(id.into(), task);
    }

    /// From now on this goes wrong. Of several faults that fit a request, the one injected first happens.
    pub fn inject(&self, fault: Fault) {
        self.lock().faults.push(fault);
    }

    /// All requests so far, refused ones included.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.lock().requests.clone()
    }

    /// Answers over HTTP, on a free port of the loopback address, until the server is dropped.
    ///
    /// # Errors
    /// If no port can be opened.
    ///
    /// # Panics
    /// Outside a tokio runtime with its I/O enabled.
    pub async fn serve(&self) -> io::Result<Server> {
        Server::start(self.clone()).await
    }

    fn lock(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let engine = self.lock();
        f.debug_struct("Simulator")
            .field("tasks", &engine.tasks.len())
            .field("requests", &engine.requests.len())
            .finish_non_exhaustive()
    }
}

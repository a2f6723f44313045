//! The client: the start of every check and every watch.

mod builder;

use std::borrow::Borrow;
use std::env;
use std::fmt;
#[cfg(feature = "download")]
use std::path::PathBuf;
use std::sync::Arc;

#[cfg(feature = "callback")]
use crate::callback::Callback;
use crate::checkpoint::Checkpoint;
use crate::client_core::ClientCore;
#[cfg(feature = "download")]
use crate::download::{Download, Fetch};
use crate::error::Error;
use crate::gateway::PollRequest;
use crate::limiter::ClientLimits;
use crate::poll_once::{Step, poll_once};
use crate::poll_state::WatchConfig;
use crate::schedule::Schedule;
use crate::task::{Task, TaskId};
use crate::task_watch::{TaskWatch, validate};
use crate::watch::{SharedWatch, SharedWatches, Wait, Watch};
use crate::watch_all::WatchAll;

pub use builder::ClientBuilder;

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
    core: Arc<ClientCore>,
    shared: Arc<SharedWatches>,
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

    /// Asks once for the task's record: for a page that shows the status of a task.
    ///
    /// It is not retried, with these exceptions: if a kept connection breaks at the moment of its use, the request is sent
    /// again at once; one redirect within the base URL's origin is followed; and a request whose key was refused is repeated
    /// once with a fresh key, if there is a [source](ClientBuilder::api_key_from). It waits for the rate limit and for the bound
    /// on requests in flight, but not for a gateway that has asked the watches to hold back: its good answer lets them go on.
    ///
    /// ```
    /// # use luma_watch::simulator::{SimulatedTask, Simulator};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// # tokio::time::pause();
    /// # let simulator = Simulator::new();
    /// # let id = simulator.add(SimulatedTask::new());
    /// # let client = luma_watch::Client::builder("test-key").simulator(&simulator).build()?;
    /// let task = client.status(&id).await?;
    /// assert!(!task.status().is_terminal());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Why the record could not be read. A task that failed is no error here: its record says so.
    ///
    /// # Cancel safety
    /// Dropping the future aborts the request.
    ///
    /// # Panics
    /// Outside a tokio runtime with its timer and I/O enabled.
    pub async fn status(&self, task_id: impl Into<TaskId>) -> Result<Task, Error> {
        let id = task_id.into();
        let core = &self.core;
        if let Some(error) = validate(&id) {
            return Err(error.of_task(&id, None));
        }
        let permit = match core.try_acquire() {
            Some(permit) => permit,
            None => core.acquire_urgent().await,
        };
        let request = PollRequest { id: id.clone(), wants_age: false };
        match core.send(&request, permit, core.gateway.timeout()).await {
            Ok(response) => Ok(response.task),
            Err(error) => Err(error.of_task(&id, None)),
        }
    }

    /// Watches a task: a stream of its events, up to its end. Nothing is sent before the stream is polled.
    ///
    /// With an empty id the first event is [`GaveUp`](crate::StatusEvent::GaveUp), and nothing is sent.
    ///
    /// ```
    /// # use luma_watch::simulator::{SimulatedTask, Simulator};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// # tokio::time::pause();
    /// # let simulator = Simulator::new();
    /// # let id = simulator.add(SimulatedTask::new());
    /// # let client = luma_watch::Client::builder("test-key").simulator(&simulator).build()?;
    /// use futures::StreamExt;
    ///
    /// let mut watch = client.watch(&id);
    /// let first = watch.next().await.expect("an event");
    /// assert_eq!(first.task().map(|task| task.id()), Some(&id));
    /// # Ok(())
    /// # }
    /// ```
    pub fn watch(&self, task_id: impl Into<TaskId>) -> Watch {
        Watch::new(Arc::clone(&self.core), task_id.into())
    }

    /// Joins the running shared watch of this task in this client and its clones, or starts one: one polling loop per task,
    /// however many ask for it. Nothing is sent before a reader is polled, or [driven](SharedWatch::drive).
    ///
    /// A watch that runs keeps the schedule of the client that started it, whatever the schedule of this one is. It stops when its
    /// last reader is dropped. A task that has ended
    /// is not polled again as long as there is a reader; after [`GaveUp`](crate::StatusEvent::GaveUp) a new watch starts.
    ///
    /// ```
    /// # use luma_watch::simulator::{SimulatedTask, Simulator};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// # tokio::time::pause();
    /// # let simulator = Simulator::new();
    /// # let id = simulator.add(SimulatedTask::new());
    /// # let client = luma_watch::Client::builder("test-key").simulator(&simulator).build()?;
    /// // Two requests of a service, about the same task.
    /// let (one, other) = tokio::join!(client.shared(&id), client.shared(&id));
    /// assert_eq!(one?, other?);
    /// assert_eq!(simulator.requests().len(), 11); // polled for both at once
    /// # Ok(())
    /// # }
    /// ```
    pub fn shared(&self, task_id: impl Into<TaskId>) -> SharedWatch {
        let id = task_id.into();
        SharedWatch::join(&self.shared, &id, || self.watch(&id))
    }

    /// Watches many tasks in one stream, in less than 250 bytes each (300 with a schedule that learns). Nothing is sent before
    /// the stream is polled; an id that comes twice is watched once. To begin without a task, name the type of the ids:
    /// `client.watch_all(Vec::<TaskId>::new())`.
    ///
    /// ```
    /// # use luma_watch::simulator::{SimulatedTask, Simulator};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// # tokio::time::pause();
    /// # let simulator = Simulator::new();
    /// # let id = simulator.add(SimulatedTask::new());
    /// # let client = luma_watch::Client::builder("test-key").simulator(&simulator).build()?;
    /// use futures::StreamExt;
    ///
    /// let ids = [simulator.add(SimulatedTask::new()), simulator.add(SimulatedTask::new())];
    /// let mut all = client.watch_all(&ids);
    /// while let Some((id, event)) = all.next().await {
    ///     if let Some(outcome) = event.outcome() {
    ///         println!("{id}: {:?}", outcome?.result_urls());
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn watch_all<I>(&self, task_ids: I) -> WatchAll
    where
        I: IntoIterator,
        I::Item: Into<TaskId>,
    {
        let mut all = WatchAll::new(Arc::clone(&self.core));
        all.extend(task_ids);
        all
    }

    /// Goes on with a watch from its [checkpoint](Checkpoint), after a restart or on another machine.
    ///
    /// It polls at once, unless the checkpoint knows of a `Retry-After` that still holds, and has the deadline that it had, by the wall clock. If the deadline
    /// has passed meanwhile, there is one more poll; if that finds no end either, it gives up as it would have. The schedule
    /// apart from `max_wait` is this client's. A checkpoint of a watch that has ended yields its last event, and sends nothing.
    ///
    /// A checkpoint of another gateway, by the host of the base URL, is refused: the first event is
    /// [`GaveUp`](crate::StatusEvent::GaveUp) with an error of the kind [`Config`](crate::ErrorKind::Config).
    ///
    /// See [`Checkpoint`] for an example, and [the guide](crate::guide::restarts).
    pub fn resume(&self, checkpoint: impl Borrow<Checkpoint>) -> Watch {
        let checkpoint = checkpoint.borrow();
        match self.core.end_of(checkpoint) {
            Some(end) => Watch::ended(Arc::clone(&self.core), checkpoint.clone(), end),
            None => Watch::of(TaskWatch::resumed(self.core.with_deadline_of(checkpoint), checkpoint)),
        }
    }

    /// Downloads the result files of a task into a folder, which is made if it is missing. Nothing happens before the stream is
    /// polled. Needs the feature `download`.
    ///
    /// A task's record from [`status`](Self::status), a wait or a watch has the URLs. They expire: download soon. The API key is
    /// not sent to the file hosts. See [`Download`](crate::Download) for an example, and [the guide](crate::guide::downloads).
    #[cfg(feature = "download")]
    #[cfg_attr(docsrs, doc(cfg(feature = "download")))]
    pub fn download(&self, task: &Task, folder: impl Into<PathBuf>) -> Download {
        Download::new(&self.core, task.clone(), folder.into())
    }

    /// Waits for a task and then downloads its result files into a folder, which is made if it is missing. Returns where they
    /// are, in the order of the record. Needs the feature `download`.
    ///
    /// ```no_run
    /// # async fn run(client: &luma_watch::Client) -> Result<(), luma_watch::Error> {
    /// for path in client.fetch("774d9a7dd608a0e49293903095e45a4c", "videos").await? {
    ///     println!("{}", path.display());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`wait_until_done`](Self::wait_until_done), then those of the [download](crate::guide::downloads#errors).
    #[cfg(feature = "download")]
    #[cfg_attr(docsrs, doc(cfg(feature = "download")))]
    pub fn fetch(&self, task_id: impl Into<TaskId>, folder: impl Into<PathBuf>) -> Fetch {
        Fetch::new(Arc::clone(&self.core), self.wait_until_done(task_id), folder.into())
    }

    /// Makes the next poll of a watch that lives as data between its polls: for job queues, cron and functions that run on
    /// demand.
    ///
    /// It decides as a [`Watch`] does: the events are the same, one for each step, and [`NextStep`](crate::NextStep) says when the
    /// next poll is. It does not wait: if the client holds back, its rate limit is used up, or it is too early, the step has no
    /// event, and says when to come again. Only the final poll at the deadline waits for its permit, for the request timeout at
    /// most.
    ///
    /// A backoff policy ([`Schedule::from_backoff`]) begins anew with each step, and the polls of steps are not spread.
    ///
    /// ```
    /// # use luma_watch::simulator::{SimulatedTask, Simulator};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// # tokio::time::pause();
    /// # let simulator = Simulator::new();
    /// # let id = simulator.add(SimulatedTask::new());
    /// # let client = luma_watch::Client::builder("test-key").simulator(&simulator).build()?;
    /// let mut checkpoint = client.watch(&id).checkpoint();
    /// loop {
    ///     let step = client.poll_once(&checkpoint).await;
    ///     match step.next {
    ///         Some(next) => {
    ///             // In a job queue: store the checkpoint in a job that is due after this time.
    ///             tokio::time::sleep(next.after).await;
    ///             checkpoint = next.checkpoint;
    ///         }
    ///         None => break println!("{:?}", step.event.and_then(|event| event.outcome())),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// Dropping the future aborts the request. The step can be made again.
    ///
    /// # Panics
    /// Outside a tokio runtime with its timer and I/O enabled.
    pub async fn poll_once(&self, checkpoint: impl Borrow<Checkpoint>) -> Step {
        poll_once(&self.core, checkpoint.borrow()).await
    }

    /// Waits for a task's end and returns the task: the same as `watch(task_id).wait_until_done()`, see
    /// [`Watch::wait_until_done`].
    ///
    /// ```
    /// # use luma_watch::simulator::{SimulatedTask, Simulator};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// # tokio::time::pause();
    /// # let simulator = Simulator::new();
    /// # let id = simulator.add(SimulatedTask::new());
    /// # let client = luma_watch::Client::builder("test-key").simulator(&simulator).build()?;
    /// let task = client.wait_until_done(&id).await?;
    /// assert_eq!(task.result_urls().len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// Dropping the future aborts a request in flight, and no other follows.
    ///
    /// # Panics
    /// Outside a tokio runtime with its timer and I/O enabled.
    pub fn wait_until_done(&self, task_id: impl Into<TaskId>) -> Wait {
        self.watch(task_id).wait_until_done()
    }
}

#[cfg(feature = "callback")]
#[cfg_attr(docsrs, doc(cfg(feature = "callback")))]
#[allow(clippy::must_use_candidate)] // the number of watches is news, and not what they are called for
impl Client {
    /// Lets each running watch of the callback's task poll at once, and returns how many there are. Needs the feature
    /// `callback`.
    ///
    /// The callback is only a hint: the watch yields what the task's record says. A forged callback costs each of these
    /// watches one request, repeated if it fails; their schedules go on as if it had not come.
    ///
    /// A callback that comes before its watch runs is remembered for a minute (the last 4,096 callbacks are): a watch that
    /// starts then does not wait for its [`first_poll_after`](crate::Schedule::first_poll_after). Apart from that, it does
    /// what [`poll_now`](Self::poll_now) does. It returns at once, and may be called from anywhere.
    ///
    /// ```no_run
    /// # fn receive(client: &luma_watch::Client, body: &[u8]) -> Result<(), luma_watch::Error> {
    /// let callback = luma_watch::Callback::parse(body)?; // or, signed, `CallbackVerifier::verify`
    /// client.notify(&callback);
    /// # Ok(())
    /// # }
    /// ```
    pub fn notify(&self, callback: &Callback) -> usize {
        self.core.registry.notify(callback.task_id().as_str(), true)
    }

    /// Lets each running watch of the task poll at once, and returns how many there are. Needs the feature `callback`.
    ///
    /// A watch runs from the first poll of its stream to its end. A task in a [`WatchAll`](crate::WatchAll) counts as one
    /// watch, and so do all clones of a [`SharedWatch`](crate::SharedWatch) together. Watches of this client and of its clones
    /// are found.
    ///
    /// The poll comes as soon as the client's limits, and a `Retry-After` that the watch itself was given, allow. A request in
    /// flight may have been answered before what you know of, so another one follows it. Called again and again, it makes at
    /// most one request per second of each watch. A failed request is repeated after 0.5 to 1 s, doubling, up to the poll that
    /// the schedule plans. If the task has not ended, the schedule goes on as if there had been no extra poll.
    ///
    /// ```no_run
    /// # fn run(client: &luma_watch::Client) {
    /// let watches = client.poll_now("774d9a7dd608a0e49293903095e45a4c");
    /// println!("polled by {watches} watches");
    /// # }
    /// ```
    pub fn poll_now(&self, task_id: impl AsRef<str>) -> usize {
        self.core.registry.notify(task_id.as_ref(), false)
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

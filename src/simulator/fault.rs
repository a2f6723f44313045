//! Faults: what goes wrong, how often, and for which task.

use std::time::Duration;

use bytes::Bytes;

use crate::task::TaskId;

/// Something that goes wrong instead of a correct response. By default it happens to one request of any task.
///
/// [`Simulator::inject`](super::Simulator::inject) puts it to work.
///
/// ```
/// use luma_watch::Client;
/// use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), luma_watch::Error> {
/// tokio::time::pause();
/// let simulator = Simulator::new();
/// let id = simulator.add(SimulatedTask::new());
/// // The first request passes, the next two fail.
/// simulator.inject(Fault::status(502).after(1).times(2));
///
/// let client = Client::builder("test-key").simulator(&simulator).build()?;
/// let mut statuses = Vec::new();
/// for _ in 0..4 {
///     statuses.push(client.status(&id).await.err().and_then(|error| error.http_status()));
/// }
/// assert_eq!(statuses, [None, Some(502), Some(502), None]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a fault has no effect until it is injected"]
pub struct Fault {
    pub(super) kind: FaultKind,
    pub(super) headers: Vec<(String, FaultHeader)>,
    /// `None`: any task.
    task: Option<TaskId>,
    /// The number of requests that still pass.
    passing: u32,
    /// The number of requests that it still happens to. `None`: all.
    remaining: Option<u32>,
    probability: f64,
    /// Whether it happens to requests for result files, in place of those for records.
    of_files: bool,
}

#[derive(Clone, Debug)]
pub(super) enum FaultKind {
    Status(u16),
    Page(u16),
    Envelope { code: i64, message: String },
    Body(Bytes),
    Reset,
    Stall,
    Truncated,
}

/// The value of a header that a fault adds.
#[derive(Clone, Debug)]
pub(super) enum FaultHeader {
    Text(String),
    /// The HTTP date this long after the response.
    DateAfter(Duration),
}

impl Fault {
    const fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            headers: Vec::new(),
            task: None,
            passing: 0,
            remaining: Some(1),
            probability: 1.0,
            of_files: false,
        }
    }

    /// Answers with this HTTP status and an empty body.
    ///
    /// The status is 200 to 999. Any other becomes 500.
    pub const fn status(status: u16) -> Self {
        Self::new(FaultKind::Status(possible(status)))
    }

    /// Answers with this HTTP status and an HTML page, as a proxy or a firewall in front of the gateway does.
    ///
    /// The status is 200 to 999. Any other becomes 500.
    ///
    /// ```
    /// use luma_watch::{Client, ErrorKind};
    /// use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// let simulator = Simulator::new();
    /// let id = simulator.add(SimulatedTask::new());
    /// simulator.inject(Fault::page(403).header("server", "cloudflare"));
    /// let client = Client::builder("test-key").simulator(&simulator).build()?;
    /// // It is not the gateway that refuses.
    /// assert_eq!(client.status(&id).await.unwrap_err().kind(), ErrorKind::Intermediary);
    /// # Ok(())
    /// # }
    /// ```
    pub const fn page(status: u16) -> Self {
        Self::new(FaultKind::Page(possible(status)))
    }

    /// Answers with HTTP 200 and an envelope that holds this `code` and message, and no data.
    ///
    /// ```
    /// use luma_watch::{Client, ErrorKind};
    /// use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// let simulator = Simulator::new();
    /// let id = simulator.add(SimulatedTask::new());
    /// simulator.inject(Fault::code(455, "under maintenance"));
    /// let client = Client::builder("test-key").simulator(&simulator).build()?;
    /// assert_eq!(client.status(&id).await.unwrap_err().kind(), ErrorKind::Maintenance);
    /// # Ok(())
    /// # }
    /// ```
    pub fn code(code: i64, message: impl Into<String>) -> Self {
        Self::new(FaultKind::Envelope { code, message: message.into() })
    }

    /// Answers with HTTP 200 and this body, as `application/json`.
    pub fn body(body: impl Into<Vec<u8>>) -> Self {
        Self::new(FaultKind::Body(Bytes::from(body.into())))
    }

    /// Resets the connection instead of answering.
    ///
    /// Over HTTP, a client repeats a request at once when a kept connection breaks, and does not report it. To see a
    /// reset after a first response, use [`times(2)`](Self::times) or more.
    pub const fn reset() -> Self {
        Self::new(FaultKind::Reset)
    }

    /// Never answers. The connection stays open.
    pub const fn stall() -> Self {
        Self::new(FaultKind::Stall)
    }

    /// Answers correctly, and breaks off in the middle of the body.
    pub const fn truncated() -> Self {
        Self::new(FaultKind::Truncated)
    }

    /// Adds a `Retry-After` header with this value: seconds such as `"5"`, or any other text.
    ///
    /// ```
    /// use std::time::Duration;
    /// use luma_watch::Client;
    /// use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// let simulator = Simulator::new();
    /// let id = simulator.add(SimulatedTask::new());
    /// simulator.inject(Fault::code(429, "Rate limit exceeded").retry_after("7"));
    /// let client = Client::builder("test-key").simulator(&simulator).build()?;
    /// let error = client.status(&id).await.unwrap_err();
    /// assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn retry_after(self, value: impl Into<String>) -> Self {
        self.header("retry-after", value)
    }

    /// Adds a `Retry-After` header with an HTTP date: the time of the response plus `wait`, in whole seconds.
    pub fn retry_after_date(mut self, wait: Duration) -> Self {
        self.headers.push(("retry-after".to_owned(), FaultHeader::DateAfter(wait)));
        self
    }

    /// Adds a header. A header that HTTP does not allow, or that is about the body's length, is left out.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), FaultHeader::Text(value.into())));
        self
    }

    /// Sets the number of requests that it happens to. Default: 1.
    pub const fn times(mut self, times: u32) -> Self {
        self.remaining = Some(times);
        self
    }

    /// Lets it happen to every request from now on.
    pub const fn always(mut self) -> Self {
        self.remaining = None;
        self
    }

    /// Lets it happen to requests for this task only. Default: requests for any task.
    ///
    /// ```
    /// use luma_watch::Client;
    /// use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// let simulator = Simulator::new();
    /// simulator.add_as("good", SimulatedTask::new());
    /// simulator.add_as("bad", SimulatedTask::new());
    /// simulator.inject(Fault::status(503).always().only("bad"));
    /// let client = Client::builder("test-key").simulator(&simulator).build()?;
    /// assert!(client.status("good").await.is_ok());
    /// assert!(client.status("bad").await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn only(mut self, task: impl Into<TaskId>) -> Self {
        self.task = Some(task.into());
        self
    }

    /// Lets it happen to requests for result files, instead of requests for records.
    ///
    /// ```
    /// use luma_watch::simulator::Fault;
    ///
    /// let full_host = Fault::status(503).times(2).on_files();
    /// # drop(full_host);
    /// ```
    pub const fn on_files(mut self) -> Self {
        self.of_files = true;
        self
    }

    /// Lets this number of requests pass first. Requests for other tasks than [`only`](Self::only) do not count.
    /// Default: 0.
    pub const fn after(mut self, requests: u32) -> Self {
        self.passing = requests;
        self
    }

    /// Sets the probability that it happens to a request, 0 to 1. Default: 1.
    ///
    /// It still happens once unless [`times`](Self::times) or [`always`](Self::always) says otherwise. Random numbers
    /// come from the simulator's [seed](super::Simulator::seed).
    ///
    /// ```
    /// use luma_watch::simulator::Fault;
    ///
    /// let one_in_ten = Fault::status(504).probability(0.1).always();
    /// # drop(one_in_ten);
    /// ```
    pub const fn probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    pub(super) fn is_spent(&self) -> bool {
        self.remaining == Some(0)
    }

    /// Decides whether it happens to this request, for a record or for a file, and counts it.
    pub(super) fn happens_to(&mut self, id: &TaskId, for_file: bool, random: &mut fastrand::Rng) -> bool {
        if self.is_spent() || self.of_files != for_file || self.task.as_ref().is_some_and(|task| task != id) {
            return false;
        }
        if self.passing > 0 {
            self.passing = self.passing.saturating_sub(1);
            return false;
        }
        let happens = random.f64() < self.probability;
        if happens {
            self.remaining = self.remaining.map(|remaining| remaining.saturating_sub(1));
        }
        happens
    }
}

const fn possible(status: u16) -> u16 {
    if status < 200 || status > 999 { 500 } else { status }
}

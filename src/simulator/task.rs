//! A simulated task as a value: how long it generates, and how it ends.

use std::borrow::Cow;
use std::time::Duration;

#[cfg(feature = "callback")]
use super::delivery::{Delivery, ScheduledCallback};
use crate::endpoint::written::{self, RecordJson, ResultsJson};
use crate::task::{Status, TaskId};

/// The vendor's example took 309 s.
const DEFAULT_GENERATION_TIME: Duration = Duration::from_secs(300);
/// In bytes.
const DEFAULT_RESULT_SIZE: usize = 256 * 1024;

/// What a result URL leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SimulatedFile {
    /// A file of this many bytes.
    OfSize(usize),
    Expired,
}

/// A task of a [`Simulator`](super::Simulator): how long it generates, and how it ends. All times are the simulator's.
///
/// ```
/// use std::time::Duration;
/// use luma_watch::{Client, ErrorKind, Status};
/// use luma_watch::simulator::{SimulatedTask, Simulator};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), luma_watch::Error> {
/// tokio::time::pause();
/// let simulator = Simulator::new();
/// let failing = SimulatedTask::new()
///     .generates_for(Duration::from_secs(60))
///     .ends_with(Status::GenerateFailed)
///     .error(400, "The video is too dark.");
/// let id = simulator.add(failing);
///
/// let client = Client::builder("test-key").simulator(&simulator).build()?;
/// let error = client.wait_until_done(id).await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::TaskFailed);
/// assert!(error.to_string().contains("The video is too dark."));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a task has no effect until it is added to a simulator"]
pub struct SimulatedTask {
    unknown_for: Duration,
    /// `None`: it never ends.
    generation_time: Option<Duration>,
    end_status: Status,
    status_before_end: Status,
    /// `None`: one sample URL.
    result_urls: Option<Vec<String>>,
    /// In bytes.
    result_size: usize,
    results_expire_after: Option<Duration>,
    error_code: Option<i64>,
    error_message: Option<String>,
    #[cfg(feature = "callback")]
    delivery: Option<Delivery>,
}

/// A task that generates for 5 minutes and then succeeds with one result URL.
impl Default for SimulatedTask {
    fn default() -> Self {
        Self::new()
    }
}

impl SimulatedTask {
    /// Makes a task that generates for 5 minutes and then succeeds with one result URL.
    pub const fn new() -> Self {
        Self {
            unknown_for: Duration::ZERO,
            generation_time: Some(DEFAULT_GENERATION_TIME),
            end_status: Status::Success,
            status_before_end: Status::Generating,
            result_urls: None,
            result_size: DEFAULT_RESULT_SIZE,
            results_expire_after: None,
            error_code: None,
            error_message: None,
            #[cfg(feature = "callback")]
            delivery: None,
        }
    }

    /// Sets how long it generates, from its creation to its end. Default: 5 minutes.
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
    /// let id = simulator.add(SimulatedTask::new().generates_for(Duration::from_secs(100)));
    /// let client = Client::builder("test-key").simulator(&simulator).build()?;
    /// let task = client.wait_until_done(id).await?;
    /// assert_eq!(task.generation_time(), Some(Duration::from_secs(100)));
    /// # Ok(())
    /// # }
    /// ```
    pub const fn generates_for(mut self, time: Duration) -> Self {
        self.generation_time = Some(time);
        self
    }

    /// Lets it generate without an end.
    pub const fn never_ends(mut self) -> Self {
        self.generation_time = None;
        self
    }

    /// Sets the status that it ends with. Default: [`Status::Success`].
    pub const fn ends_with(mut self, status: Status) -> Self {
        self.end_status = status;
        self
    }

    /// Sets the status until it ends. Default: [`Status::Generating`].
    pub const fn meanwhile(mut self, status: Status) -> Self {
        self.status_before_end = status;
        self
    }

    /// Sets the result URLs of a task that ends well. Default: one URL. With an empty list there is none. As in
    /// [any answer](crate::guide::answers#results), only texts that begin with `http://` or `https://` are results.
    ///
    /// ```
    /// use luma_watch::Client;
    /// use luma_watch::simulator::{SimulatedTask, Simulator};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// tokio::time::pause();
    /// let simulator = Simulator::new();
    /// let id = simulator.add(SimulatedTask::new().result_urls(["https://example.com/result.mp4"]));
    /// let client = Client::builder("test-key").simulator(&simulator).build()?;
    /// assert_eq!(client.wait_until_done(id).await?.result_urls(), ["https://example.com/result.mp4"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn result_urls<U: Into<String>>(mut self, urls: impl IntoIterator<Item = U>) -> Self {
        self.result_urls = Some(urls.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the size of each result file, in bytes. Default: 256 KiB.
    ///
    /// The file is no real video: it begins as an MP4 file does, and the rest is a pattern. It is the same each time.
    pub const fn result_size(mut self, bytes: usize) -> Self {
        self.result_size = bytes;
        self
    }

    /// Sets how long after the task's end its result URLs lead to the files. Later they answer 403, as a storage service does.
    /// Default: for ever.
    pub const fn results_expire_after(mut self, time: Duration) -> Self {
        self.results_expire_after = Some(time);
        self
    }

    /// Sets the `errorCode` and `errorMessage` of a task that ends with [`Status::CreateTaskFailed`] or
    /// [`Status::GenerateFailed`]. Default: none.
    pub fn error(mut self, code: i64, message: impl Into<String>) -> Self {
        self.error_code = Some(code);
        self.error_message = Some(message.into());
        self
    }

    /// Sets how long after its creation the gateway has no record of it. Default: 0.
    ///
    /// ```
    /// use std::time::Duration;
    /// use luma_watch::{Client, ErrorKind};
    /// use luma_watch::simulator::{SimulatedTask, Simulator};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// tokio::time::pause();
    /// let simulator = Simulator::new();
    /// let id = simulator.add(SimulatedTask::new().unknown_for(Duration::from_secs(10)));
    /// let client = Client::builder("test-key").simulator(&simulator).build()?;
    /// assert_eq!(client.status(&id).await.unwrap_err().kind(), ErrorKind::NotFound);
    /// tokio::time::sleep(Duration::from_secs(10)).await;
    /// assert!(client.status(&id).await.is_ok());
    /// # Ok(())
    /// # }
    /// ```
    pub const fn unknown_for(mut self, time: Duration) -> Self {
        self.unknown_for = time;
        self
    }

    /// Sets its callback, which is due when the task ends. Default: none. Needs the feature `callback`.
    #[cfg(feature = "callback")]
    #[cfg_attr(docsrs, doc(cfg(feature = "callback")))]
    pub fn callback(mut self, delivery: Delivery) -> Self {
        self.delivery = Some(delivery);
        self
    }

    /// The callbacks to deliver if it is created at this time, each with the time at which it is due.
    #[cfg(feature = "callback")]
    pub(super) fn scheduled_callbacks(&self, id: &TaskId, created: Duration) -> Vec<(Duration, ScheduledCallback)> {
        let end = self.generation_time.map(|after| (after, self.end_status));
        self.delivery.as_ref().map_or_else(Vec::new, |delivery| delivery.scheduled_callbacks(id, created, end))
    }

    /// Notes that no attempt to deliver its callback was accepted.
    #[cfg(feature = "callback")]
    pub(super) fn callback_failed(&mut self) {
        if self.end_status == Status::Success {
            self.end_status = Status::CallbackFailed;
        }
    }

    /// The status of a task of this age that ended after a time.
    #[cfg(feature = "callback")]
    fn status_after(&self, end: Duration, age: Duration) -> Status {
        let gives_up_at = self.delivery.as_ref().and_then(|delivery| delivery.gives_up_at(end));
        let callback_failed = gives_up_at.is_some_and(|gives_up_at| age >= gives_up_at);
        if callback_failed && self.end_status == Status::Success { Status::CallbackFailed } else { self.end_status }
    }

    /// The status of a task that has ended.
    #[cfg(not(feature = "callback"))]
    const fn status_after(&self, _end: Duration, _age: Duration) -> Status {
        self.end_status
    }

    /// The result URLs that it has if it ends well. `folder`: of the sample URL.
    pub(super) fn urls(&self, id: &TaskId, folder: &str) -> Cow<'_, [String]> {
        let sample = || Cow::Owned(vec![written::sample_result_url(folder, id.as_str())]);
        self.result_urls.as_deref().map_or_else(sample, Cow::Borrowed)
    }

    /// The `callBackUrl` that it was created with.
    #[cfg(feature = "callback")]
    fn callback_url(&self) -> Option<&str> {
        self.delivery.as_ref().map(|delivery| delivery.url.as_str())
    }

    /// The `callBackUrl` that it was created with: none.
    #[cfg(not(feature = "callback"))]
    #[allow(clippy::unused_self)] // as with the feature
    const fn callback_url(&self) -> Option<&str> {
        None
    }

    /// What its result URLs lead to at this age. `None`: nothing, or nothing yet.
    pub(super) fn file(&self, age: Duration) -> Option<SimulatedFile> {
        let end = self.generation_time.filter(|time| age >= *time)?;
        if !self.status_after(end, age).is_success() {
            return None;
        }
        let is_expired = self.results_expire_after.is_some_and(|time| age.saturating_sub(end) >= time);
        Some(if is_expired { SimulatedFile::Expired } else { SimulatedFile::OfSize(self.result_size) })
    }

    /// Its record at this age. `None` where the gateway has none yet. `created_at` is in Unix milliseconds. `folder`: of the
    /// sample URL.
    pub(super) fn record<'a>(
        &'a self,
        id: &'a TaskId,
        age: Duration,
        created_at: u64,
        folder: &str,
    ) -> Option<RecordJson<'a>> {
        if age < self.unknown_for {
            return None;
        }
        let ended_after = self.generation_time.filter(|time| age >= *time);
        let status = ended_after.map_or(self.status_before_end, |end| self.status_after(end, age));
        let failed = matches!(status, Status::CreateTaskFailed | Status::GenerateFailed);
        let response = status.is_success().then(|| ResultsJson {
            task_id: id.as_str(),
            origin_urls: [written::ORIGIN_URL],
            result_urls: self.urls(id, folder),
        });
        Some(RecordJson {
            task_id: id.as_str(),
            param_json: written::param_json(self.callback_url()),
            complete_time: ended_after.map(|time| created_at.saturating_add(millis(time))),
            response,
            success_flag: status.flag(),
            create_time: created_at,
            error_code: self.error_code.filter(|_| failed),
            error_message: self.error_message.as_deref().filter(|_| failed),
        })
    }
}

/// A time in whole milliseconds.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

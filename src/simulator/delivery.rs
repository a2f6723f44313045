//! How a task's callback is delivered.

use std::time::Duration;

use reqwest::Url;

use crate::task::{Status, TaskId};

/// The first attempt and three more.
pub(super) const MAX_ATTEMPTS: u32 = 4;
/// From one attempt to the next, in the simulator's time.
pub(super) const RETRY_PAUSE: Duration = Duration::from_secs(10);

/// How the callback of a simulated task is delivered. Needs the feature `callback`.
///
/// By default, it is delivered once when the task ends. The simulator does as the gateway does: if the receiver does not
/// accept the callback, it makes up to three more attempts, 10 s of its own time apart. Then it gives up, and a task that
/// has succeeded turns to [`Status::CallbackFailed`].
///
/// A callback reaches its receiver in one of two ways:
/// - **In memory**, on tokio's clock: [`Simulator::next_callback`](super::Simulator::next_callback) returns it. Until it is
///   taken, it waits. It is accepted unless [`refuse`](super::CallbackRequest::refuse) says otherwise.
/// - **Over HTTP**, in real time: while a [`Server`](super::Server) of the simulator is alive, callbacks are posted to their
///   URL. A status of 200 to 299 within 15 s accepts them.
///
/// Use one of them at a time: each callback goes to the one that asks first. The timestamps of callbacks are the wall
/// clock's.
///
/// ```
/// use std::time::Duration;
/// use luma_watch::{CallbackVerifier, Client, Schedule};
/// use luma_watch::simulator::{Delivery, SimulatedTask, Simulator};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), luma_watch::Error> {
/// tokio::time::pause();
/// let simulator = Simulator::new();
/// simulator.callback_key("signing-key");
/// let late = Delivery::to("https://example.com/callbacks").late(Duration::from_secs(5));
/// let id = simulator.add(SimulatedTask::new().generates_for(Duration::from_secs(200)).callback(late));
///
/// let schedule = Schedule::expecting_callback(); // it polls at 0, 180 and 360 s
/// let client = Client::builder("test-key").simulator(&simulator).schedule(schedule).build()?;
/// let wait = tokio::spawn(client.watch(&id).wait_until_done());
///
/// let request = simulator.next_callback().await.expect("the task has a callback");
/// let callback = CallbackVerifier::new("signing-key").verify(&request.headers, &request.body)?;
/// client.notify(&callback);
/// assert_eq!(wait.await.unwrap()?.id(), &id);
/// assert_eq!(simulator.requests().last().unwrap().at.as_secs(), 205);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a delivery has no effect until a task has it"]
pub struct Delivery {
    pub(super) url: String,
    has_http_url: bool,
    late: Duration,
    pub(super) times: u32,
    is_lost: bool,
    forged_at: Option<Duration>,
}

impl Delivery {
    /// Delivers to this URL. A [`Server`](super::Server) really posts to it: give it a receiver on this machine, such as
    /// `http://127.0.0.1:8080/callbacks`. In memory, any URL does.
    ///
    /// Where nothing listens there, the callback is not accepted. A text that is no `http` or `https` URL gets no callback
    /// at all, and the gateway gives up as if it were [lost](Self::lost). The task's record repeats the URL as its
    /// `callBackUrl`.
    pub fn to(url: impl Into<String>) -> Self {
        let url = url.into();
        let has_http_url = Url::parse(&url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        Self { url, has_http_url, late: Duration::ZERO, times: 1, is_lost: false, forged_at: None }
    }

    /// Delivers this long after the task's end, in the simulator's time. Default: 0.
    pub const fn late(mut self, by: Duration) -> Self {
        self.late = by;
        self
    }

    /// Delivers this number of times, one after the other, although the first was accepted. Default: 1. With 0, the gateway
    /// sends nothing, and the record stays as it is.
    pub const fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Loses the callback: nothing arrives, and no attempt is accepted. The gateway gives up 30 s after the first attempt, in
    /// the simulator's time, and a task that has succeeded turns to [`Status::CallbackFailed`]. This needs no receiver.
    ///
    /// ```
    /// use std::time::Duration;
    /// use luma_watch::{Client, Status};
    /// use luma_watch::simulator::{Delivery, SimulatedTask, Simulator};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// tokio::time::pause();
    /// let simulator = Simulator::new();
    /// let id = simulator.add(SimulatedTask::new().callback(Delivery::to("https://example.com/callbacks").lost()));
    /// let client = Client::builder("test-key").simulator(&simulator).build()?;
    /// let task = client.wait_until_done(&id).await?;
    /// assert_eq!(task.status(), Status::Success);
    /// tokio::time::sleep(Duration::from_secs(30)).await;
    /// assert_eq!(client.status(&id).await?.status(), Status::CallbackFailed);
    /// # Ok(())
    /// # }
    /// ```
    pub const fn lost(mut self) -> Self {
        self.is_lost = true;
        self
    }

    /// Adds a forged callback, when the task has this age in the simulator's time. It reports a success. It is not repeated,
    /// and it arrives although the real one is [lost](Self::lost).
    ///
    /// It is signed with a wrong key. Without a [key](super::Simulator::callback_key) it looks like a real one.
    pub const fn forged_at(mut self, age: Duration) -> Self {
        self.forged_at = Some(age);
        self
    }

    /// The callbacks of a task that was created at this time, and that ends after a time with a status. Each comes with
    /// the time at which it is due.
    pub(super) fn scheduled_callbacks(
        &self,
        task_id: &TaskId,
        task_created: Duration,
        end: Option<(Duration, Status)>,
    ) -> Vec<(Duration, ScheduledCallback)> {
        if !self.has_http_url {
            return Vec::new();
        }
        let callback = |age: Duration, is_success, is_forged| {
            let (task_id, delivery) = (task_id.clone(), self.clone());
            let callback =
                ScheduledCallback { task_id, delivery, task_created, is_success, is_forged, delivered: 0, refused: 0 };
            (task_created.saturating_add(age), callback)
        };
        let forged = self.forged_at.map(|age| callback(age, true, true));
        let real = end.filter(|_| self.times > 0 && !self.is_lost);
        let real = real.map(|(after, status)| callback(after.saturating_add(self.late), status.is_success(), false));
        forged.into_iter().chain(real).collect()
    }

    /// The age at which the gateway gives up a callback that cannot arrive, if the task ends at `end`. `None` if it can
    /// arrive.
    pub(super) fn gives_up_at(&self, end: Duration) -> Option<Duration> {
        let cannot_arrive = self.times > 0 && (self.is_lost || !self.has_http_url);
        let retries = RETRY_PAUSE.saturating_mul(MAX_ATTEMPTS.saturating_sub(1));
        cannot_arrive.then(|| end.saturating_add(self.late).saturating_add(retries))
    }
}

/// One callback to deliver.
#[derive(Clone, Debug)]
pub(super) struct ScheduledCallback {
    pub(super) task_id: TaskId,
    pub(super) delivery: Delivery,
    /// When its task was created, in the simulator's time: a task that replaces it was created later.
    pub(super) task_created: Duration,
    pub(super) is_success: bool,
    pub(super) is_forged: bool,
    /// How many deliveries are over, accepted or not.
    pub(super) delivered: u32,
    /// How many attempts of this delivery were not accepted.
    pub(super) refused: u32,
}

//! How a task's callback is delivered, and the queue of callbacks to deliver.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::task::{Status, TaskId};

/// How the callback of a simulated task is delivered. Needs the feature `callback`.
///
/// By default, it is posted once when the task ends. The simulator delivers as the gateway does: it waits 15 s for a
/// status of 200 to 299, and makes up to three more attempts, 10 s of its own time apart. Then it gives up, and a task
/// that has succeeded turns to [`Status::CallbackFailed`].
///
/// Callbacks are posted over HTTP, in real time, while a [`Server`](super::Server) of the simulator is alive. Without a
/// server nothing is posted, and records stay as they are. Timestamps of callbacks are the wall clock's.
///
/// ```
/// use std::time::Duration;
/// use luma_watch::simulator::{Delivery, SimulatedTask, Simulator};
/// use tokio::io::AsyncReadExt;
/// use tokio::net::TcpListener;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let receiver = TcpListener::bind("127.0.0.1:0").await?;
/// let url = format!("http://{}/callbacks", receiver.local_addr()?);
///
/// let simulator = Simulator::new();
/// simulator.speed(1_000);
/// let _server = simulator.serve().await?;
/// let task = SimulatedTask::new().generates_for(Duration::from_secs(20));
/// let id = simulator.add(task.callback(Delivery::to(url).late(Duration::from_secs(5))));
///
/// let (mut connection, _) = receiver.accept().await?;
/// let mut start = [0; 15];
/// connection.read_exact(&mut start).await?;
/// assert_eq!(&start, b"POST /callbacks");
/// # drop(id);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a delivery has no effect until a task has it"]
pub struct Delivery {
    pub(super) url: String,
    pub(super) late: Duration,
    pub(super) times: u32,
    pub(super) is_lost: bool,
    pub(super) forged_at: Option<Duration>,
}

impl Delivery {
    /// Delivers to this URL of a receiver on this machine, such as `http://127.0.0.1:8080/callbacks`.
    ///
    /// Where nothing listens there, the callback is not accepted.
    pub fn to(url: impl Into<String>) -> Self {
        Self { url: url.into(), late: Duration::ZERO, times: 1, is_lost: false, forged_at: None }
    }

    /// Delivers this long after the task's end, in the simulator's time. Default: 0.
    pub const fn late(mut self, by: Duration) -> Self {
        self.late = by;
        self
    }

    /// Delivers this number of times, one after the other, although the first was accepted. Default: 1.
    pub const fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Loses the callback: nothing arrives, and no attempt is accepted.
    pub const fn lost(mut self) -> Self {
        self.is_lost = true;
        self
    }

    /// Adds a forged callback, when the task has this age in the simulator's time. It reports a success.
    ///
    /// It is signed with a wrong key. Without a [key](super::Simulator::callback_key) it looks like a real one.
    pub const fn forged_at(mut self, age: Duration) -> Self {
        self.forged_at = Some(age);
        self
    }

    /// The callbacks of a task that was created at `task_created`, and that ends after a time with a status.
    pub(super) fn scheduled_callbacks(
        &self,
        task_id: &TaskId,
        task_created: Duration,
        end: Option<(Duration, Status)>,
    ) -> Vec<ScheduledCallback> {
        let callback = |age: Duration, is_success, is_forged| ScheduledCallback {
            task_id: task_id.clone(),
            delivery: self.clone(),
            task_created,
            at: task_created.saturating_add(age),
            is_success,
            is_forged,
        };
        let forged = self.forged_at.map(|age| callback(age, true, true));
        let real = end.map(|(after, status)| callback(after.saturating_add(self.late), status.is_success(), false));
        forged.into_iter().chain(real).collect()
    }
}

/// One callback to post. Times are the simulator's.
#[derive(Clone, Debug)]
pub(super) struct ScheduledCallback {
    pub(super) task_id: TaskId,
    pub(super) delivery: Delivery,
    /// When its task was created: a task that replaces it was created later.
    pub(super) task_created: Duration,
    /// When it is due.
    pub(super) at: Duration,
    pub(super) is_success: bool,
    pub(super) is_forged: bool,
}

/// The callbacks that are not posted yet, and the key that signs them.
#[derive(Default)]
pub(super) struct CallbackQueue {
    pub(super) key: Option<String>,
    pub(super) scheduled: Vec<ScheduledCallback>,
    /// Notified when callbacks are added.
    pub(super) added: Arc<Notify>,
}

impl CallbackQueue {
    pub(super) fn add(&mut self, callbacks: Vec<ScheduledCallback>) {
        if !callbacks.is_empty() {
            self.scheduled.extend(callbacks);
            self.added.notify_one();
        }
    }
}

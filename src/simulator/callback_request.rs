//! A callback that a test takes in place of a receiver.

use std::fmt;

use reqwest::header::HeaderMap;
use tokio::time::timeout_at;

use super::callback_attempts::NextCallback;
use super::delivery::ScheduledCallback;
use super::shared_engine::SharedEngine;

/// A callback as its receiver gets it, from [`Simulator::next_callback`](super::Simulator::next_callback). Needs the
/// feature `callback`.
///
/// It counts as accepted unless [`refuse`](Self::refuse) is called.
#[non_exhaustive]
pub struct CallbackRequest {
    /// Where it is posted to, as [`Delivery::to`](super::Delivery::to) was given it.
    pub url: String,
    /// The content type, and with a [key](super::Simulator::callback_key) the timestamp and the signature.
    pub headers: HeaderMap,
    /// The JSON text.
    pub body: Vec<u8>,
    callback: ScheduledCallback,
    engine: SharedEngine,
}

impl CallbackRequest {
    /// Refuses it, as a receiver does that answers with a status such as 500.
    ///
    /// The next attempt is due 10 s later in the simulator's time. If the fourth is refused too, the gateway gives up, and
    /// a task that has succeeded turns to [`Status::CallbackFailed`](crate::Status::CallbackFailed). A forged callback is
    /// not repeated.
    ///
    /// ```
    /// use luma_watch::{Client, Status};
    /// use luma_watch::simulator::{Delivery, SimulatedTask, Simulator};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// tokio::time::pause();
    /// let simulator = Simulator::new();
    /// let id = simulator.add(SimulatedTask::new().callback(Delivery::to("https://example.com/callbacks")));
    /// let mut attempts = 0;
    /// while let Some(request) = simulator.next_callback().await {
    ///     attempts += 1;
    ///     request.refuse();
    /// }
    /// assert_eq!(attempts, 4);
    /// let client = Client::builder("test-key").simulator(&simulator).build()?;
    /// assert_eq!(client.status(&id).await?.status(), Status::CallbackFailed);
    /// # Ok(())
    /// # }
    /// ```
    pub fn refuse(self) {
        self.engine.change(|engine| engine.refuse_callback(self.callback));
    }
}

impl fmt::Debug for CallbackRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackRequest")
            .field("url", &self.url)
            .field("headers", &self.headers)
            .field("body", &String::from_utf8_lossy(&self.body))
            .finish_non_exhaustive()
    }
}

/// Waits for the next callback, and takes it. `None` if there is none to wait for.
pub(super) async fn next(engine: &SharedEngine) -> Option<CallbackRequest> {
    loop {
        // Made before the look at the queue, so that no change is missed.
        let changed = engine.callbacks_changed.notified();
        let next = engine.lock().next_callback();
        match next {
            NextCallback::Due(callback) => return Some(take(engine, callback)),
            NextCallback::Later(Some(at)) => drop(timeout_at(at, changed).await),
            NextCallback::Later(None) => changed.await,
            NextCallback::Nothing => return None,
        }
    }
}

/// Accepts a callback. What follows is scheduled at once, so that a test may keep the request.
fn take(engine: &SharedEngine, callback: ScheduledCallback) -> CallbackRequest {
    let (headers, body) = engine.change(|engine| {
        engine.settle_callback(callback.clone(), true);
        engine.callback_parts(&callback)
    });
    CallbackRequest { url: callback.delivery.url.clone(), headers, body, callback, engine: engine.clone() }
}

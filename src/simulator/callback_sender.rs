//! Posts the callbacks of simulated tasks over HTTP.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::delivery::ScheduledCallback;
use super::engine::Engine;
use super::shared_engine::SharedEngine;
use super::task::SimulatedTask;
use crate::callback::{CallbackVerifier, sign};
use crate::endpoint::written;

/// How long the gateway waits for a response, on the clock.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(15);
/// The first attempt and three more.
const MAX_ATTEMPTS: u32 = 4;
/// From one attempt to the next, in the simulator's time.
const RETRY_PAUSE: Duration = Duration::from_secs(10);

/// Posts each callback when it is due, until the future is dropped.
pub(super) async fn run(engine: SharedEngine) {
    // Without the environment's proxies: requests stay on this machine.
    let Ok(http) = reqwest::Client::builder().no_proxy().timeout(RESPONSE_TIMEOUT).build() else { return };
    let mut posting = JoinSet::new();
    let added = Arc::clone(&engine.lock().callbacks.added);
    loop {
        let (due, next) = engine.lock().take_due_callbacks();
        for callback in due {
            posting.spawn(post(engine.clone(), http.clone(), callback));
        }
        while posting.try_join_next().is_some() {}
        match next {
            Some(next) => drop(timeout_at(next, added.notified()).await),
            None => added.notified().await,
        }
    }
}

impl Engine {
    /// Takes the callbacks that are due. Returns them, and when the next one is due.
    fn take_due_callbacks(&mut self) -> (Vec<ScheduledCallback>, Option<Instant>) {
        let now = self.now();
        let (due, later) =
            mem::take(&mut self.callbacks.scheduled).into_iter().partition(|callback| callback.at <= now);
        self.callbacks.scheduled = later;
        let next = self.callbacks.scheduled.iter().map(|callback| callback.at).min().and_then(|at| self.instant(at));
        (due, next)
    }

    /// The callback's own task. `None` where another task has replaced it.
    fn task_of(&mut self, callback: &ScheduledCallback) -> Option<&mut SimulatedTask> {
        let entry = self.tasks.get_mut(&callback.task_id)?;
        (entry.created == callback.task_created).then_some(&mut entry.task)
    }
}

/// Delivers a callback as often as its delivery says.
async fn post(engine: SharedEngine, http: reqwest::Client, callback: ScheduledCallback) {
    if engine.lock().task_of(&callback).is_none() {
        return;
    }
    if callback.is_forged {
        // The sender of a forged callback tries once, whatever the response.
        return drop(request(&engine, &http, &callback).send().await);
    }
    for delivered in 0..callback.delivery.times {
        let accepted = deliver(&engine, &http, &callback).await;
        if !accepted && delivered == 0 {
            if let Some(task) = engine.lock().task_of(&callback) {
                task.callback_failed();
            }
            return;
        }
    }
}

/// Posts a callback until it is accepted or no attempt is left. Returns whether it was accepted.
async fn deliver(engine: &SharedEngine, http: &reqwest::Client, callback: &ScheduledCallback) -> bool {
    for attempt in 0..MAX_ATTEMPTS {
        if attempt > 0 {
            let next = {
                let engine = engine.lock();
                engine.instant(engine.now().saturating_add(RETRY_PAUSE))
            };
            let Some(next) = next else { return false };
            sleep_until(next).await;
        }
        if !callback.delivery.is_lost
            && request(engine, http, callback).send().await.is_ok_and(|response| response.status().is_success())
        {
            return true;
        }
    }
    false
}

/// The request that carries a callback, signed where there is a key.
fn request(engine: &SharedEngine, http: &reqwest::Client, callback: &ScheduledCallback) -> reqwest::RequestBuilder {
    let request = http
        .post(&callback.delivery.url)
        .header("content-type", "application/json")
        .body(written::callback(callback.task_id.as_str(), callback.is_success));
    let Some(key) = engine.lock().callbacks.key.clone() else { return request };
    let timestamp = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs().to_string();
    let key = if callback.is_forged { format!("not {key}") } else { key };
    request
        .header(CallbackVerifier::SIGNATURE_HEADER, sign(&key, &callback.task_id, &timestamp))
        .header(CallbackVerifier::TIMESTAMP_HEADER, timestamp)
}

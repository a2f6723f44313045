//! Posts the callbacks of simulated tasks over HTTP.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout_at;

use super::callback_attempts::NextCallback;
use super::delivery::ScheduledCallback;
use super::shared_engine::SharedEngine;

/// How long the gateway waits for a response, on the clock.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(15);

/// Posts each callback when it is due, until the future is dropped.
pub(super) async fn run(engine: SharedEngine) {
    // Without the environment's proxies: requests stay on this machine.
    let Ok(http) = reqwest::Client::builder().no_proxy().timeout(RESPONSE_TIMEOUT).build() else { return };
    let mut posting = JoinSet::new();
    loop {
        // Made before the look at the queue, so that no change is missed.
        let changed = engine.callbacks_changed.notified();
        let next = engine.lock().next_callback();
        match next {
            NextCallback::Due(callback) => drop(posting.spawn(post(engine.clone(), http.clone(), callback))),
            NextCallback::Later(Some(at)) => drop(timeout_at(at, changed).await),
            NextCallback::Later(None) | NextCallback::Nothing => changed.await,
        }
        while posting.try_join_next().is_some() {}
    }
}

/// Posts a callback once.
async fn post(engine: SharedEngine, http: reqwest::Client, callback: ScheduledCallback) {
    let (headers, body) = engine.lock().callback_parts(&callback);
    let response = http.post(&callback.delivery.url).headers(headers).body(body).send().await;
    let is_accepted = response.is_ok_and(|response| response.status().is_success());
    engine.change(|engine| engine.settle_callback(callback, is_accepted));
}

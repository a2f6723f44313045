//! Posts the callbacks of the simulated tasks.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::Simulator;
use super::delivery::ScheduledCallback;
use super::engine::Engine;
use super::task::SimulatedTask;
use crate::callback::{CallbackVerifier, sign};

#[derive(Serialize)]
struct Body<'a> {
    code: u16,
    msg: &'a str,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    task_id: &'a str,
    prompt_json: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    result_urls: Option<Vec<String>>,
}

/// Posts whatever is due, until it is dropped.
pub(super) async fn run(simulator: Simulator) {
    // One for all, and without the environment's proxies: it stays on this machine.
    let Ok(http) = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(15)).build() else { return };
    let mut posting = JoinSet::new();
    let added = Arc::clone(&simulator.lock().callbacks.added);
    loop {
        let (due, next) = simulator.lock().due_errands();
        for callback in due {
            posting.spawn(post(simulator.clone(), http.clone(), callback));
        }
        while posting.try_join_next().is_some() {}
        match next {
            Some(next) => drop(timeout_at(next, added.notified()).await),
            None => added.notified().await,
        }
    }
}

impl Engine {
    /// Takes those that are due, and tells when the next one is.
    fn due_errands(&mut self) -> (Vec<ScheduledCallback>, Option<Instant>) {
        let now = self.now();
        let (due, add_or_now) =
            mem::take(&mut self.callbacks.scheduled).into_iter().partition(|callback| callback.at <= now);
        self.callbacks.scheduled = add_or_now;
        let next = self.callbacks.scheduled.iter().map(|callback| callback.at).min().and_then(|at| self.instant(at));
        (due, next)
    }

    /// The errand's own task, unless another has taken its place.
    fn task_of(&mut self, callback: &ScheduledCallback) -> Option<&mut SimulatedTask> {
        let (born, task) = self.tasks.get_mut(&callback.task_id)?;
        (*born == callback.born).then_some(task)
    }
}

async fn post(simulator: Simulator, http: reqwest::Client, callback: ScheduledCallback) {
    if simulator.lock().task_of(&callback).is_none() {
        return;
    }
    if callback.forged {
        // Whoever sends it tries once, and does not care.
        return drop(request(&simulator, &http, &callback).send().await);
    }
    for again in 0..callback.delivery.times {
        let accepted = deliver(&simulator, &http, &callback).await;
        if !accepted && again == 0 {
            if let Some(task) = simulator.lock().task_of(&callback) {
                task.callback_failed();
            }
            return;
        }
    }
}

/// Whether it was accepted, at once or when it was repeated.
async fn deliver(simulator: &Simulator, http: &reqwest::Client, callback: &ScheduledCallback) -> bool {
    const TRIES: u32 = 4;
    const PAUSE: Duration = Duration::from_secs(10);
    for again in 0..TRIES {
        if again > 0 {
            let next = {
                let engine = simulator.lock();
                engine.instant(engine.now().saturating_add(PAUSE))
            };
            let Some(next) = next else { return false };
            sleep_until(next).await;
        }
        if !callback.delivery.lost
            && request(simulator, http, callback).send().await.is_ok_and(|answer| answer.status().is_success())
        {
            return true;
        }
    }
    false
}

fn request(simulator: &Simulator, http: &reqwest::Client, callback: &ScheduledCallback) -> reqwest::RequestBuilder {
    let id = callback.task_id.as_str();
    let (code, msg) = if callback.success { (200, "generated successfully") } else { (500, "generation failed") };
    let data = Data {
        task_id: id,
        prompt_json: r#"{"prompt":"A futuristic cityscape"}"#,
        result_urls: callback.success.then(|| vec![format!("https://files.example.com/{id}.mp4")]),
    };
    let body = Body { code, msg: &format!("Modify record {msg}."), data };
    let request = http
        .post(&callback.delivery.url)
        .header("content-type", "application/json")
        // Texts under names: what could fail has no part in it.
        .body(serde_json::to_vec(&body).unwrap_or_default());
    let Some(key) = simulator.lock().callbacks.key.clone() else { return request };
    let timestamp = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs().to_string();
    let key = if callback.forged { format!("not {key}") } else { key };
    request
        .header(CallbackVerifier::SIGNATURE_HEADER, sign(&key, &callback.task_id, &timestamp))
        .header(CallbackVerifier::TIMESTAMP_HEADER, timestamp)
}

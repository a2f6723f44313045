//! Posts the callbacks of the simulated tasks.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::Simulator;
use super::delivery::Errand;
use super::script::SimulatedTask;
use super::timeline::Timeline;
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
        for errand in due {
            posting.spawn(post(simulator.clone(), http.clone(), errand));
        }
        while posting.try_join_next().is_some() {}
        match next {
            Some(next) => drop(timeout_at(next, added.notified()).await),
            None => added.notified().await,
        }
    }
}

impl Timeline {
    /// Takes those that are due, and tells when the next one is.
    fn due_errands(&mut self) -> (Vec<Errand>, Option<Instant>) {
        let now = self.now();
        let (due, later) = mem::take(&mut self.callbacks.errands).into_iter().partition(|errand| errand.at <= now);
        self.callbacks.errands = later;
        let next = self.callbacks.errands.iter().map(|errand| errand.at).min().and_then(|at| self.instant(at));
        (due, next)
    }

    /// The errand's own task, unless another has taken its place.
    fn task_of(&mut self, errand: &Errand) -> Option<&mut SimulatedTask> {
        let (born, task) = self.tasks.get_mut(&errand.task_id)?;
        (*born == errand.born).then_some(task)
    }
}

async fn post(simulator: Simulator, http: reqwest::Client, errand: Errand) {
    if simulator.lock().task_of(&errand).is_none() {
        return;
    }
    if errand.forged {
        // Whoever sends it tries once, and does not care.
        return drop(request(&simulator, &http, &errand).send().await);
    }
    for again in 0..errand.delivery.times {
        let accepted = deliver(&simulator, &http, &errand).await;
        if !accepted && again == 0 {
            if let Some(task) = simulator.lock().task_of(&errand) {
                task.callback_failed();
            }
            return;
        }
    }
}

/// Whether it was accepted, at once or when it was repeated.
async fn deliver(simulator: &Simulator, http: &reqwest::Client, errand: &Errand) -> bool {
    const TRIES: u32 = 4;
    const PAUSE: Duration = Duration::from_secs(10);
    for again in 0..TRIES {
        if again > 0 {
            let next = {
                let timeline = simulator.lock();
                timeline.instant(timeline.now().saturating_add(PAUSE))
            };
            let Some(next) = next else { return false };
            sleep_until(next).await;
        }
        if !errand.delivery.lost
            && request(simulator, http, errand).send().await.is_ok_and(|answer| answer.status().is_success())
        {
            return true;
        }
    }
    false
}

fn request(simulator: &Simulator, http: &reqwest::Client, errand: &Errand) -> reqwest::RequestBuilder {
    let id = errand.task_id.as_str();
    let (code, msg) = if errand.success { (200, "generated successfully") } else { (500, "generation failed") };
    let data = Data {
        task_id: id,
        prompt_json: r#"{"prompt":"A futuristic cityscape"}"#,
        result_urls: errand.success.then(|| vec![format!("https://files.example.com/{id}.mp4")]),
    };
    let body = Body { code, msg: &format!("Modify record {msg}."), data };
    let request = http
        .post(&errand.delivery.url)
        .header("content-type", "application/json")
        // Texts under names: what could fail has no part in it.
        .body(serde_json::to_vec(&body).unwrap_or_default());
    let Some(key) = simulator.lock().callbacks.key.clone() else { return request };
    let timestamp = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs().to_string();
    let key = if errand.forged { format!("not {key}") } else { key };
    request
        .header(CallbackVerifier::SIGNATURE_HEADER, sign(&key, &errand.task_id, &timestamp))
        .header(CallbackVerifier::TIMESTAMP_HEADER, timestamp)
}

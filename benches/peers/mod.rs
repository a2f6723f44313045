//! What a program would do without this crate: ask once, and the same in a loop with a pause.

use std::time::Duration;

use serde::Deserialize;

pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef";
const PATH: &str = "/api/v1/modify/record-info";

#[derive(Deserialize)]
#[allow(dead_code)] // read from the answer, as a program would, and not used further
struct Envelope {
    code: i64,
    msg: Option<String>,
    data: Option<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code)]
struct Record {
    task_id: String,
    param_json: Option<String>,
    complete_time: Option<i64>,
    response: Option<Files>,
    success_flag: i64,
    create_time: Option<i64>,
    error_code: Option<i64>,
    error_message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code)]
struct Files {
    origin_urls: Option<Vec<String>>,
    result_urls: Option<Vec<String>>,
}

/// A question whose URL is ready. Returns the flag.
#[allow(dead_code)] // not every benchmark has this peer
pub(crate) async fn bare(client: &reqwest::Client, url: &str) -> i64 {
    flag(client.get(url).bearer_auth(KEY)).await
}

/// The URL that [`bare`] asks.
#[allow(dead_code)]
pub(crate) fn url(gateway: &str, id: &str) -> String {
    format!("{gateway}{PATH}?taskId={id}")
}

/// The loop that people write: ask, look at the flag, sleep. It goes on while `tell` says so.
pub(crate) async fn hand_written(
    client: reqwest::Client,
    gateway: &'static str,
    id: String,
    pause: Duration,
    mut tell: impl FnMut(i64) -> bool,
) {
    loop {
        let request = client.get(format!("{gateway}{PATH}")).query(&[("taskId", &id)]).bearer_auth(KEY);
        let flag = flag(request).await;
        if flag != 0 || !tell(flag) {
            return;
        }
        tokio::time::sleep(pause).await;
    }
}

async fn flag(request: reqwest::RequestBuilder) -> i64 {
    let body = request.send().await.unwrap().error_for_status().unwrap().bytes().await.unwrap();
    let envelope: Envelope = serde_json::from_slice(&body).unwrap();
    envelope.data.unwrap().success_flag
}

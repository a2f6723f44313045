//! What a program does without this library: one GET, and a loop with a pause around it.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use reqwest::{Client, RequestBuilder};
use serde::Deserialize;

/// The API key of all clients.
pub const KEY: &str = "0123456789abcdef0123456789abcdef";
/// The task that most benchmarks poll.
pub const TASK_ID: &str = "774d9a7dd608a0e49293903095e45a4c";
const PATH: &str = "/api/v1/modify/record-info";

/// Whether to poll again after a record with this flag.
pub trait KeepPolling: Fn(i64) -> bool + Clone + Send + Sync + 'static {}
impl<F: Fn(i64) -> bool + Clone + Send + Sync + 'static> KeepPolling for F {}

#[derive(Deserialize)]
#[expect(dead_code, reason = "a program decodes more fields than it uses")]
struct Envelope {
    code: i64,
    msg: Option<String>,
    data: Option<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "a program decodes more fields than it uses")]
pub struct Record {
    pub task_id: String,
    param_json: Option<String>,
    complete_time: Option<i64>,
    response: Option<Files>,
    pub success_flag: i64,
    create_time: Option<i64>,
    error_code: Option<i64>,
    error_message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "a program decodes more fields than it uses")]
struct Files {
    origin_urls: Option<Vec<String>>,
    result_urls: Option<Vec<String>>,
}

/// One poll of a ready URL. Returns the flag.
pub async fn bare(client: &Client, url: &str) -> i64 {
    flag(client.get(url).bearer_auth(KEY)).await
}

/// The URL for [`bare`].
pub fn url(gateway: &str, id: &str) -> String {
    format!("{gateway}{PATH}?taskId={id}")
}

/// The loop that people write: poll, look at the flag, sleep. It ends when `keep_polling` returns `false`.
pub async fn run(
    client: Client,
    gateway: &'static str,
    id: String,
    pause: Duration,
    mut keep_polling: impl FnMut(i64) -> bool,
) {
    loop {
        let flag = flag(request(&client, gateway, &id)).await;
        if flag != 0 || !keep_polling(flag) {
            return;
        }
        tokio::time::sleep(pause).await;
    }
}

/// The request as people write it.
pub fn request(client: &Client, gateway: &str, id: &str) -> RequestBuilder {
    client.get(format!("{gateway}{PATH}")).query(&[("taskId", id)]).bearer_auth(KEY)
}

/// Sends the request and returns the flag of the record.
// Not an `async fn`: the loop's future would hold the request twice.
pub fn flag(request: RequestBuilder) -> impl Future<Output = i64> {
    body(request).map(|body| record(&body).success_flag)
}

/// Sends the request and returns the body of the response.
pub async fn body(request: RequestBuilder) -> Bytes {
    request.send().await.unwrap().error_for_status().unwrap().bytes().await.unwrap()
}

/// Decodes the body of a response.
pub fn record(body: &[u8]) -> Record {
    let envelope: Envelope = serde_json::from_slice(body).unwrap();
    envelope.data.unwrap()
}

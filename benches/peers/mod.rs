//! What a program would do without this crate: ask once, and the same in a loop with a pause.
#![allow(dead_code)] // no benchmark has all of it; and what is read from an answer is, as in a program, not all used

use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use reqwest::{Client, RequestBuilder};
use serde::Deserialize;

pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef";
const PATH: &str = "/api/v1/modify/record-info";

#[derive(Deserialize)]
struct Envelope {
    code: i64,
    msg: Option<String>,
    data: Option<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    pub(crate) task_id: String,
    param_json: Option<String>,
    complete_time: Option<i64>,
    response: Option<Files>,
    pub(crate) success_flag: i64,
    create_time: Option<i64>,
    error_code: Option<i64>,
    error_message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Files {
    origin_urls: Option<Vec<String>>,
    result_urls: Option<Vec<String>>,
}

/// A question whose URL is ready. Returns the flag.
pub(crate) async fn bare(client: &Client, url: &str) -> i64 {
    flag(client.get(url).bearer_auth(KEY)).await
}

/// The URL that [`bare`] asks.
pub(crate) fn url(gateway: &str, id: &str) -> String {
    format!("{gateway}{PATH}?taskId={id}")
}

/// The loop that people write: ask, look at the flag, sleep. It goes on while `tell` says so.
pub(crate) async fn hand_written(
    client: Client,
    gateway: &'static str,
    id: String,
    pause: Duration,
    mut tell: impl FnMut(i64) -> bool,
) {
    loop {
        let flag = flag(question(&client, gateway, &id)).await;
        if flag != 0 || !tell(flag) {
            return;
        }
        tokio::time::sleep(pause).await;
    }
}

/// The question, as one writes it.
pub(crate) fn question(client: &Client, gateway: &str, id: &str) -> RequestBuilder {
    client.get(format!("{gateway}{PATH}")).query(&[("taskId", id)]).bearer_auth(KEY)
}

/// Not async itself: a loop would carry the question once more.
pub(crate) fn flag(question: RequestBuilder) -> impl Future<Output = i64> {
    answer(question).map(|answer| record(&answer).success_flag)
}

pub(crate) async fn answer(question: RequestBuilder) -> Bytes {
    question.send().await.unwrap().error_for_status().unwrap().bytes().await.unwrap()
}

pub(crate) fn record(answer: &[u8]) -> Record {
    let envelope: Envelope = serde_json::from_slice(answer).unwrap();
    envelope.data.unwrap()
}

//! `azure_core`: its poller, read to its end. A callback makes the requests, as in the clients of that family.

use std::time::Duration;

use azure_core::http::headers::Headers;
use azure_core::http::poller::{Poller, PollerContinuation, PollerResult, PollerState, PollerStatus, StatusMonitor};
use azure_core::http::{NoFormat, RawResponse, Response, StatusCode};
use bytes::Bytes;
use futures::StreamExt;
use reqwest::Client;

use crate::hand_loop::{KeepPolling, Record, body, record, request, url};

impl StatusMonitor for Record {
    type Output = ();
    type Format = NoFormat;

    fn status(&self) -> PollerStatus {
        if self.success_flag == 0 { PollerStatus::InProgress } else { PollerStatus::Succeeded }
    }
}

pub(super) async fn until_done(
    http: Client,
    gateway: &'static str,
    id: String,
    pause: Duration,
    keep_polling: impl KeepPolling,
) {
    // The poller refuses an option of less than a second, but takes any pause that the callback returns.
    let retry_after = pause.try_into().unwrap();
    let poll = move |state, _| {
        let request = request(&http, gateway, &id);
        let keep_polling = keep_polling.clone();
        let continuation = match state {
            PollerState::More(same) => same,
            PollerState::Initial => {
                PollerContinuation::Links { next_link: url(gateway, &id).parse().unwrap(), final_link: None }
            }
        };
        Box::pin(async move {
            let body = body(request).await;
            let record = record(&body);
            // The poller keeps the response during the pause. So it gets a copy, as the crate's own transport makes one:
            // a slice would keep the connection's read buffer. It gets no headers.
            let copy = Bytes::copy_from_slice(&body);
            let response = Response::from(RawResponse::from_bytes(StatusCode::Ok, Headers::new(), copy));
            Ok(if record.status() == PollerStatus::InProgress && keep_polling(record.success_flag) {
                PollerResult::InProgress { response, retry_after, continuation }
            } else {
                PollerResult::Done { response }
            })
        }) as _
    };
    let mut poller: Poller<Record> = Poller::new(poll, None);
    while let Some(response) = poller.next().await {
        assert!(response.is_ok());
    }
}

//! `azure_core`: its poller, fed by a callback as its clients do, read to its end.

use std::time::Duration;

use azure_core::http::headers::Headers;
use azure_core::http::poller::{Poller, PollerContinuation, PollerResult, PollerState, PollerStatus, StatusMonitor};
use azure_core::http::{NoFormat, RawResponse, Response, StatusCode};
use bytes::Bytes;
use futures::StreamExt;
use reqwest::Client;

use super::Tell;
use crate::peers::{Record, answer, question, record, url};

impl StatusMonitor for Record {
    type Output = ();
    type Format = NoFormat;

    fn status(&self) -> PollerStatus {
        if self.success_flag == 0 { PollerStatus::InProgress } else { PollerStatus::Succeeded }
    }
}

pub(super) async fn until_done(http: Client, gateway: &'static str, id: String, pause: Duration, tell: impl Tell) {
    // What the callback returns is the pause, however short; of the options the poller refuses less than a second.
    let retry_after = pause.try_into().unwrap();
    let poll = move |state, _| {
        let question = question(&http, gateway, &id);
        let tell = tell.clone();
        let continuation = match state {
            PollerState::More(same) => same,
            PollerState::Initial => {
                PollerContinuation::Links { next_link: url(gateway, &id).parse().unwrap(), final_link: None }
            }
        };
        Box::pin(async move {
            let answer = answer(question).await;
            let record = record(&answer);
            // The poller keeps the response through the pause. A copy of its own, as the crate's transport makes one, and
            // no headers: a slice would keep the connection's read buffer.
            let own = Bytes::copy_from_slice(&answer);
            let response = Response::from(RawResponse::from_bytes(StatusCode::Ok, Headers::new(), own));
            Ok(if record.status() == PollerStatus::InProgress && tell(record.success_flag) {
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

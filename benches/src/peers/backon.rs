//! `backon`: the request is retried with a constant pause while the task is running.

use std::time::Duration;

use ::backon::{ConstantBuilder, Retryable};
use reqwest::Client;

use crate::hand_loop::{KeepPolling, flag, request};

/// The error that makes `backon` poll again.
struct StillRunning;

pub(super) async fn until_done(
    http: Client,
    gateway: &'static str,
    id: String,
    pause: Duration,
    keep_polling: impl KeepPolling,
) {
    let poll = || async {
        let flag = flag(request(&http, gateway, &id)).await;
        if flag == 0 && keep_polling(flag) { Err(StillRunning) } else { Ok(()) }
    };
    let end = poll.retry(ConstantBuilder::new().with_delay(pause).without_max_times()).await;
    assert!(end.is_ok(), "it ends only when the task ends");
}

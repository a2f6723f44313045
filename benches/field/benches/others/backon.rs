//! backon: the question is retried at a constant pause as long as the task is under way.

use std::time::Duration;

use ::backon::{ConstantBuilder, Retryable};
use reqwest::Client;

use super::Tell;
use crate::peers::{flag, question};

/// Why to ask again.
struct UnderWay;

pub(super) async fn until_done(http: Client, gateway: &'static str, id: String, pause: Duration, tell: impl Tell) {
    let ask = || async {
        let flag = flag(question(&http, gateway, &id)).await;
        if flag == 0 && tell(flag) { Err(UnderWay) } else { Ok(()) }
    };
    let end = ask.retry(ConstantBuilder::new().with_delay(pause).without_max_times()).await;
    assert!(end.is_ok(), "it never stops by itself");
}

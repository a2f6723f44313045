//! google-cloud-lro: the poller of operations that are records of their service's own, awaited to its end.

use std::sync::Arc;
use std::time::Duration;

use google_cloud_gax::exponential_backoff::ExponentialBackoffBuilder;
use google_cloud_gax::polling_backoff_policy::PollingBackoffPolicy;
use google_cloud_gax::polling_error_policy::{AlwaysContinue, PollingErrorPolicy};
use google_cloud_lro::Poller;
use google_cloud_lro::internal::{DiscoveryOperation, new_discovery_poller};
use reqwest::Client;

use super::Tell;
use crate::peers::{Record, answer, question, record};

/// A client of that family has them once, and each of its pollers shares them.
#[derive(Clone)]
pub(super) struct Policies {
    errors: Arc<dyn PollingErrorPolicy>,
    pause: Arc<dyn PollingBackoffPolicy>,
}

impl Policies {
    pub(super) fn every(pause: Duration) -> Self {
        let constant = ExponentialBackoffBuilder::new().with_initial_delay(pause).with_maximum_delay(pause);
        Self { errors: Arc::new(AlwaysContinue), pause: Arc::new(constant.build().unwrap()) }
    }
}

struct Operation {
    record: Record,
    done: bool,
}

impl DiscoveryOperation for Operation {
    fn done(&self) -> bool {
        self.done
    }

    fn name(&self) -> Option<&String> {
        Some(&self.record.task_id)
    }
}

pub(super) async fn until_done(http: Client, gateway: &'static str, id: String, policies: Policies, tell: impl Tell) {
    let ask = move |id: String| {
        let (question, tell) = (question(&http, gateway, &id), tell.clone());
        async move {
            let record = record(&answer(question).await);
            let done = record.success_flag != 0 || !tell(record.success_flag);
            Ok(Operation { record, done })
        }
    };
    // The task is there already: the poller starts with the first look at it.
    let start = {
        let ask = ask.clone();
        move || ask(id)
    };
    let poller = new_discovery_poller(policies.errors, policies.pause, start, ask);
    assert!(poller.until_done().await.is_ok());
}

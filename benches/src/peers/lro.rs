//! `google-cloud-lro`: its poller for a service with operation records of its own, awaited to its end.

use std::sync::Arc;
use std::time::Duration;

use google_cloud_gax::exponential_backoff::ExponentialBackoffBuilder;
use google_cloud_gax::polling_backoff_policy::PollingBackoffPolicy;
use google_cloud_gax::polling_error_policy::{AlwaysContinue, PollingErrorPolicy};
use google_cloud_lro::Poller;
use google_cloud_lro::internal::{DiscoveryOperation, new_discovery_poller};
use reqwest::Client;

use crate::hand_loop::{KeepPolling, Record, body, record, request};

/// A client of that family has them once. Its pollers share them.
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

pub(super) async fn until_done(
    http: Client,
    gateway: &'static str,
    id: String,
    policies: Policies,
    keep_polling: impl KeepPolling,
) {
    let poll = move |id: String| {
        let (request, keep_polling) = (request(&http, gateway, &id), keep_polling.clone());
        async move {
            let record = record(&body(request).await);
            let done = record.success_flag != 0 || !keep_polling(record.success_flag);
            Ok(Operation { record, done })
        }
    };
    // The task exists already: the poller starts with its first poll.
    let start = {
        let poll = poll.clone();
        move || poll(id)
    };
    let poller = new_discovery_poller(policies.errors, policies.pause, start, poll);
    assert!(poller.until_done().await.is_ok());
}

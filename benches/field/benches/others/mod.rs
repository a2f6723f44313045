//! The peers, alike: each a task that asks by the hand-written loop's own call until `tell` says that it is enough.

mod azure;
mod backon;
mod lro;

use std::time::Duration;

use reqwest::Client;
use tokio::task::JoinHandle;

use crate::peers;

pub(crate) const NAMES: [&str; 4] = ["hand", "lro", "azure", "backon"];

/// What is told of each answer: the flag. Returns whether to go on.
pub(crate) trait Tell: Fn(i64) -> bool + Clone + Send + Sync + 'static {}
impl<F: Fn(i64) -> bool + Clone + Send + Sync + 'static> Tell for F {}

/// What a program has once, for all its tasks.
pub(crate) struct Program {
    http: Client,
    gateway: &'static str,
    pause: Duration,
    policies: lro::Policies,
}

impl Program {
    pub(crate) fn new(gateway: &'static str, pause: Duration) -> Self {
        let http = Client::builder().no_proxy().build().unwrap();
        Self { http, gateway, pause, policies: lro::Policies::every(pause) }
    }

    pub(crate) fn spawn(&self, peer: &str, id: String, tell: impl Tell) -> JoinHandle<()> {
        let &Self { ref http, gateway, pause, ref policies } = self;
        let http = http.clone();
        match peer {
            "hand" => tokio::spawn(peers::hand_written(http, gateway, id, pause, tell)),
            "lro" => tokio::spawn(lro::until_done(http, gateway, id, policies.clone(), tell)),
            "azure" => tokio::spawn(azure::until_done(http, gateway, id, pause, tell)),
            "backon" => tokio::spawn(backon::until_done(http, gateway, id, pause, tell)),
            other => panic!("no peer {other}: there are {NAMES:?}"),
        }
    }
}

//! Pollers of other libraries. They send the hand-written loop's own request and decode the response as it does.

mod azure;
mod backon;
mod lro;

use std::time::Duration;

use reqwest::Client;
use tokio::task::JoinHandle;

use crate::hand_loop::KeepPolling;

pub const NAMES: [&str; 3] = ["lro", "azure", "backon"];

/// What a program has once for all its tasks.
pub struct Peers {
    http: Client,
    gateway: &'static str,
    pause: Duration,
    policies: lro::Policies,
}

impl Peers {
    pub fn new(http: Client, gateway: &'static str, pause: Duration) -> Self {
        Self { http, gateway, pause, policies: lro::Policies::every(pause) }
    }

    /// Spawns the poller of this name, which polls until `keep_polling` returns `false`.
    pub fn spawn(&self, name: &str, id: String, keep_polling: impl KeepPolling) -> JoinHandle<()> {
        let &Self { ref http, gateway, pause, ref policies } = self;
        let http = http.clone();
        match name {
            "lro" => tokio::spawn(lro::until_done(http, gateway, id, policies.clone(), keep_polling)),
            "azure" => tokio::spawn(azure::until_done(http, gateway, id, pause, keep_polling)),
            "backon" => tokio::spawn(backon::until_done(http, gateway, id, pause, keep_polling)),
            other => panic!("no peer {other}: there are {NAMES:?}"),
        }
    }
}

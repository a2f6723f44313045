//! A source of API keys that a test changes.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use luma_watch::simulator::Simulator;
use luma_watch::{Client, ClientBuilder, Error, StatusEvent};
use tokio::time::sleep;

/// A source that gives the present text, and counts how often it is asked.
#[derive(Clone, Default)]
pub(crate) struct Keys {
    text: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
}

impl Keys {
    pub(crate) fn new(text: &str) -> Self {
        let keys = Self::default();
        keys.set(text);
        keys
    }

    pub(crate) fn set(&self, text: &str) {
        text.clone_into(&mut self.text.lock().unwrap());
    }

    pub(crate) fn ask(&self) -> String {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.text.lock().unwrap().clone()
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// A client's settings with this source, which takes some time.
    pub(crate) fn builder(&self, simulator: &Simulator, takes: Duration) -> ClientBuilder {
        let keys = self.clone();
        Client::builder("").simulator(simulator).api_key_from(move || {
            let keys = keys.clone();
            async move {
                if !takes.is_zero() {
                    sleep(takes).await;
                }
                Ok::<_, Infallible>(keys.ask())
            }
        })
    }
}

pub(crate) fn simulator(key: &str) -> Simulator {
    let simulator = Simulator::new();
    simulator.api_key(key);
    simulator
}

pub(crate) fn refused(simulator: &Simulator) -> usize {
    simulator.requests().iter().filter(|request| !request.authorized).count()
}

pub(crate) fn failures(events: &[StatusEvent]) -> Vec<&Error> {
    events
        .iter()
        .filter_map(|event| match event {
            StatusEvent::PollFailed(failure) => Some(&failure.error),
            StatusEvent::GaveUp(error) => Some(error),
            _ => None,
        })
        .collect()
}

pub(crate) fn simulator_with_latency(key: &str, latency: Duration) -> Simulator {
    let simulator = simulator(key);
    simulator.latency(latency);
    simulator
}

//! Observers see each refusal, whatever happens to the client meanwhile.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use futures::FutureExt;
use luma_watch::simulator::Fault;
use luma_watch::{Client, Cooldown, Observer};

use crate::support::in_memory::{builder, ms, secs, slow_simulator};

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Duration>>>);

impl Observer for Seen {
    fn held_back(&self, cooldown: &Cooldown) {
        self.0.lock().unwrap().push(cooldown.remaining);
    }
}

/// A waker that ends the client's cooldown at once.
struct Resumes(Client);

impl Wake for Resumes {
    fn wake(self: Arc<Self>) {
        self.0.resume_now();
    }
}

#[tokio::test(start_paused = true)]
async fn refusal_is_seen_though_its_cooldown_ends_at_once() {
    let (simulator, seen) = (slow_simulator(ms(100)), Seen::default());
    let client = builder(&simulator).max_in_flight(1).observe(seen.clone()).build().unwrap();
    simulator.inject(Fault::status(503).retry_after("40"));
    let mut refused = pin!(client.status("refused"));
    assert!((&mut refused).now_or_never().is_none());
    let waker = Waker::from(Arc::new(Resumes(client.clone())));
    let mut waits = pin!(client.status("waits"));
    assert!(waits.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    refused.await.unwrap_err();
    assert!(client.limits().cooldown.is_none(), "the waiting check was woken");
    assert_eq!(*seen.0.lock().unwrap(), [secs(40)]);
}

//! A source of API keys: asked once for all, in time, and again when a key is refused.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use futures::{FutureExt, StreamExt};
use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{ApiKey, Client, ClientBuilder, Schedule, StatusEvent, TaskId};
use tokio::time::sleep;

use crate::support::driver::Driver;
use crate::support::in_memory::{endless, ms, open_window, progress, secs};
use crate::support::keys::{Keys, failures, refused, simulator};

#[tokio::test(start_paused = true)]
async fn key_rotated_during_wait_fails_no_poll() {
    for driver in Driver::BOTH {
        let (simulator, keys) = (simulator("first-key"), Keys::new("first-key"));
        let id = simulator.add(SimulatedTask::new().generates_for(secs(295)));
        let client = keys.builder(&simulator, ms(50)).build().unwrap();
        let (rotating, rotated) = (simulator.clone(), keys.clone());
        tokio::spawn(async move {
            for key in ["second-key", "third-key"] {
                sleep(secs(100)).await;
                rotating.api_key(key);
                rotated.set(key);
            }
        });
        let events: Vec<_> = driver.events(&client, std::slice::from_ref(&id)).collect().await;
        assert_eq!((events.len(), failures(&events).len()), (11, 0), "{driver:?}: {events:?}");
        assert!(matches!(events.last(), Some(StatusEvent::Done(_))), "{events:?}");
        // Two polls needed a second request.
        assert_eq!((simulator.requests().len(), refused(&simulator), keys.asked()), (13, 2, 3), "{driver:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn watches_refused_at_once_ask_once() {
    // The calls are made while others wait, or are over before others are refused.
    for (driver, takes) in Driver::BOTH.into_iter().flat_map(|driver| [(driver, secs(3)), (driver, Duration::ZERO)]) {
        let (simulator, keys) = (simulator("first-key"), Keys::new("first-key"));
        let client =
            keys.builder(&simulator, takes).schedule(Schedule::every(secs(30)).max_wait(secs(45))).build().unwrap();
        open_window(&simulator, &client, 64, ms(500)).await;
        assert_eq!(keys.asked(), 1);
        let ids = endless(&simulator, 50);
        simulator.api_key("second-key");
        keys.set("second-key");
        let before = simulator.requests().len();
        let events: Vec<_> = driver.events(&client, &ids).take(50).collect().await;
        assert!(events.iter().all(|event| matches!(event, StatusEvent::Generating(_))), "{driver:?}: {events:?}");
        assert_eq!(keys.asked(), 2, "{driver:?}");
        let requests = simulator.requests().split_off(before);
        assert_eq!(requests.iter().filter(|request| !request.authorized).count(), 50);
        assert_eq!(requests.iter().filter(|request| request.authorized).count(), 50);
    }
}

#[tokio::test(start_paused = true)]
async fn first_polls_share_one_call() {
    let (simulator, keys) = (simulator("first-key"), Keys::new("first-key"));
    let client = keys.builder(&simulator, secs(2)).build().unwrap();
    assert_eq!(keys.asked(), 0);
    let ids = endless(&simulator, 20);
    for answer in join_all(ids.iter().map(|id| client.status(id))).await {
        answer.unwrap();
    }
    assert_eq!((keys.asked(), refused(&simulator)), (1, 0));
}

/// A source whose keys are valid for some time, as the gateway sees it too.
fn expiring(simulator: &Simulator, lifetime: Duration, asked: &Arc<AtomicUsize>) -> ClientBuilder {
    let (gateway, asked) = (simulator.clone(), Arc::clone(asked));
    Client::builder("").simulator(simulator).api_key_from(move || {
        let number = asked.fetch_add(1, Ordering::SeqCst);
        let (gateway, key) = (gateway.clone(), format!("key-{number}"));
        async move {
            sleep(ms(10)).await;
            gateway.api_key(&key);
            Ok::<_, Infallible>(ApiKey::new(key).expires_in(lifetime))
        }
    })
}

#[tokio::test(start_paused = true)]
async fn expiring_key_is_refreshed_before_its_end() {
    for (lifetime, keys) in [(secs(40), 4..=6), (secs(100), 2..=3), (secs(3600), 1..=1), (Duration::MAX, 1..=1)] {
        let (simulator, asked) = (Simulator::new(), Arc::default());
        let client = expiring(&simulator, lifetime, &asked).schedule(Schedule::every(secs(5))).build().unwrap();
        let id = simulator.add(SimulatedTask::new().generates_for(secs(180)));
        let events: Vec<_> = client.watch(id).collect().await;
        assert_eq!((failures(&events).len(), refused(&simulator)), (0, 0), "{lifetime:?}: {events:?}");
        assert!(keys.contains(&asked.load(Ordering::SeqCst)), "{lifetime:?}: {asked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn expired_key_is_not_sent() {
    let (simulator, asked) = (Simulator::new(), Arc::default());
    let client = expiring(&simulator, secs(20), &asked).build().unwrap();
    let id = simulator.add(SimulatedTask::new());
    for _ in 0..3 {
        client.status(&id).await.unwrap();
        sleep(secs(30)).await;
        simulator.api_key("none");
    }
    assert_eq!((refused(&simulator), asked.load(Ordering::SeqCst)), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn dropped_watch_leaves_call_to_the_others() {
    let (simulator, keys) = (simulator("first-key"), Keys::new("first-key"));
    let client = keys.builder(&simulator, secs(2)).build().unwrap();
    open_window(&simulator, &client, 8, Duration::ZERO).await;
    simulator.api_key("second-key");
    keys.set("second-key");
    let ids = endless(&simulator, 3);
    let mut watches: Vec<_> = ids.iter().map(|id| client.watch(id)).collect();
    let mut first = watches.remove(0);
    assert!(first.next().now_or_never().is_none(), "it asks the source");
    let mut others: Vec<_> =
        watches.into_iter().map(|mut watch| tokio::spawn(async move { watch.next().await })).collect();
    sleep(secs(1)).await;
    drop(first);
    others.remove(0).abort();
    progress(others.remove(0).await.unwrap());
    assert_eq!(keys.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn last_dropped_watch_drops_call() {
    struct Dropped(Arc<AtomicUsize>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let simulator = simulator("first-key");
    let dropped: Arc<AtomicUsize> = Arc::default();
    let (guard, asked) = (Arc::clone(&dropped), AtomicUsize::new(0));
    let source = move || {
        let (number, guard) = (asked.fetch_add(1, Ordering::SeqCst), Dropped(Arc::clone(&guard)));
        async move {
            if number == 0 {
                pending::<()>().await;
            }
            drop(guard);
            Ok::<_, Infallible>("first-key")
        }
    };
    let client = Client::builder("").simulator(&simulator).api_key_from(source).build().unwrap();
    let id = simulator.add(SimulatedTask::new());
    let mut watch = client.watch(&id);
    assert!(watch.next().now_or_never().is_none());
    assert_eq!(dropped.load(Ordering::SeqCst), 0);
    drop(watch);
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
    client.status(&id).await.unwrap();
    assert_eq!(dropped.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn fresh_key_is_sent_over_http() {
    let gateway = simulator("first-key");
    let server = gateway.serve().await.unwrap();
    let keys = Keys::new("first-key");
    let source = keys.clone();
    let client = Client::builder("")
        .base_url(server.url())
        .api_key_from(move || {
            let key = source.ask();
            async move { Ok::<_, Infallible>(key) }
        })
        .build()
        .unwrap();
    let id: TaskId = gateway.add(SimulatedTask::new());
    client.status(&id).await.unwrap();
    gateway.api_key("second-key");
    keys.set("second-key");
    client.status(&id).await.unwrap();
    client.status(&id).await.unwrap();
    assert_eq!((gateway.requests().len(), refused(&gateway), keys.asked()), (4, 1, 2));
}

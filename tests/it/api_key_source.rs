//! A source of API keys: asked once for all, in time, and again when a key is refused. What goes wrong with it passes.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::join_all;
use futures::{FutureExt, StreamExt};
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{
    ApiKey, BreakerState, Client, ClientBuilder, Error, ErrorKind, RateLimit, Schedule, StatusEvent, TaskId,
};
use tokio::time::{Instant, sleep};

use crate::support::driver::Driver;
use crate::support::in_memory::{asked_at, endless, failure, ms, open_window, progress, secs};

/// A source that gives the present text, and counts how often it is asked.
#[derive(Clone, Default)]
struct Keys {
    text: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
}

impl Keys {
    fn new(text: &str) -> Self {
        let keys = Self::default();
        keys.set(text);
        keys
    }

    fn set(&self, text: &str) {
        text.clone_into(&mut self.text.lock().unwrap());
    }

    fn ask(&self) -> String {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.text.lock().unwrap().clone()
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// A client's settings with this source, which takes some time.
    fn builder(&self, simulator: &Simulator, takes: Duration) -> ClientBuilder {
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

fn simulator(key: &str) -> Simulator {
    let simulator = Simulator::new();
    simulator.api_key(key);
    simulator
}

fn refused(simulator: &Simulator) -> usize {
    simulator.requests().iter().filter(|request| !request.authorized).count()
}

fn failures(events: &[StatusEvent]) -> Vec<&Error> {
    events
        .iter()
        .filter_map(|event| match event {
            StatusEvent::PollFailed(failure) => Some(&failure.error),
            StatusEvent::GaveUp(error) => Some(error),
            _ => None,
        })
        .collect()
}

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

/// The first events of a watch whose source does this before it gives the key.
async fn events_after<F, Fut, K>(asks_that_fail: usize, fails: F) -> (Vec<StatusEvent>, usize)
where
    F: Fn() -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<K, io::Error>> + Send + 'static,
    K: Into<ApiKey>,
{
    let simulator = simulator("first-key");
    let id = simulator.add(SimulatedTask::new().generates_for(Duration::ZERO));
    let asked = AtomicUsize::new(0);
    let source = move || {
        let (number, fails) = (asked.fetch_add(1, Ordering::SeqCst), fails.clone());
        async move {
            if number < asks_that_fail {
                return fails().await.map(Into::into);
            }
            Ok(ApiKey::new("first-key"))
        }
    };
    let client = Client::builder("ignored").simulator(&simulator).api_key_from(source).build().unwrap();
    let events = client.watch(id).collect().await;
    (events, simulator.requests().len())
}

fn assert_passed(events: &[StatusEvent], words: &str) {
    assert!(matches!(events.last(), Some(StatusEvent::Done(_))), "{events:?}");
    for error in failures(events) {
        assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Config, true), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn failing_source_is_a_failed_poll() {
    for text in ["vault is sealed", "no route to vault", "two\nlines"] {
        let fails = move || async move { Err::<String, _>(io::Error::other(text)) };
        let (events, requests) = events_after(2, fails).await;
        assert_passed(&events, &format!("the source of the API key failed: {}", text.escape_default()));
        assert!(failures(&events).len() >= 2, "{events:?}");
        // The cause is the source's own error, unless its text would forge a line.
        let cause = std::error::Error::source(failures(&events)[0]).unwrap();
        assert_eq!(cause.is::<io::Error>(), !text.contains('\n'));
        assert_eq!(cause.to_string(), text.escape_default().to_string());
        assert_eq!(requests, 1, "nothing is sent without a key");
    }
}

#[tokio::test(start_paused = true)]
async fn hanging_source_fails_poll_after_half_timeout() {
    let started = Instant::now();
    let (events, requests) = events_after(1, pending::<Result<String, _>>).await;
    assert_passed(&events, "the source of the API key gave none within 10s");
    assert_eq!((failures(&events).len(), requests), (1, 1));
    assert!(started.elapsed() >= secs(10) && started.elapsed() < secs(13), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn panicking_source_is_a_failed_poll() {
    async fn panics_later() -> Result<String, io::Error> {
        tokio::task::yield_now().await;
        panic!("in the future")
    }
    let (events, requests) = events_after(1, panics_later).await;
    assert_passed(&events, "the source of the API key panicked");
    assert_eq!(requests, 1);

    let at_once = || -> std::future::Ready<Result<String, io::Error>> { panic!("in the call") };
    let (events, requests) = events_after(1, at_once).await;
    assert_passed(&events, "the source of the API key panicked");
    assert_eq!(requests, 1);
}

#[tokio::test(start_paused = true)]
async fn junk_from_source_is_a_failed_poll() {
    for (junk, words) in [
        ("", "is empty"),
        ("\n", "is empty"),
        ("\"sk-k3y\"", "in quotes"),
        ("sk-k3y\n", "line break"),
        ("Bearer sk-k3y", "Bearer"),
        ("<html>sk-k3y</html> 502", "a space"),
    ] {
        let (events, requests) = events_after(1, move || async move { Ok(junk) }).await;
        assert_passed(&events, words);
        let error = failures(&events)[0];
        assert!(error.to_string().contains("the source of the API key gives none that can be used"), "{error}");
        assert!(!format!("{error:?}").contains("k3y"), "{error:?}");
        assert_eq!(requests, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn failing_source_is_asked_twice_per_second() {
    let simulator = simulator("first-key");
    let ids = endless(&simulator, 30);
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let source = move || {
        counter.fetch_add(1, Ordering::SeqCst);
        async { Err::<String, _>("sealed") }
    };
    let client = Client::builder("").simulator(&simulator).api_key_from(source).build().unwrap();
    let started = Instant::now();
    while started.elapsed() < secs(10) {
        for answer in join_all(ids.iter().map(|id| client.status(id))).await {
            assert_eq!(answer.unwrap_err().kind(), ErrorKind::Config);
        }
        sleep(ms(100)).await;
    }
    let asked = asked.load(Ordering::SeqCst);
    assert!((17..=21).contains(&asked), "{asked}");
    assert_eq!(simulator.requests(), []);
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
async fn key_that_lives_on_is_used_while_source_is_down() {
    // The source fails, hangs and panics after its first answer.
    for what in 0..3 {
        let simulator = simulator("first-key");
        let asked: Arc<AtomicUsize> = Arc::default();
        let counter = Arc::clone(&asked);
        let source = move || {
            let number = counter.fetch_add(1, Ordering::SeqCst);
            async move {
                match what {
                    _ if number == 0 => Ok(ApiKey::new("first-key").expires_in(secs(1000))),
                    0 => Err("sealed"),
                    1 => pending().await,
                    _ => panic!("asked again"),
                }
            }
        };
        let client = Client::builder("").simulator(&simulator).api_key_from(source).build().unwrap();
        let id = simulator.add(SimulatedTask::new());
        let started = Instant::now();
        client.status(&id).await.unwrap();
        // A fresh key is asked for from 940 s on.
        while started.elapsed() < secs(985) {
            sleep(secs(3)).await;
            for answer in join_all((0..3).map(|_| client.status(&id))).await {
                answer.unwrap();
            }
        }
        assert!(asked.load(Ordering::SeqCst) >= 4, "{what}: {asked:?}");
        sleep(secs(30)).await;
        assert_eq!(client.status(&id).await.unwrap_err().kind(), ErrorKind::Config);
    }
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

#[tokio::test(start_paused = true)]
async fn wrong_key_ends_watch_at_once() {
    // The source gives the same key again: the poll is not repeated.
    let (simulator, keys) = (simulator("right-key"), Keys::new("wrong-key"));
    let id = simulator.add(SimulatedTask::new());
    let client = keys.builder(&simulator, ms(10)).build().unwrap();
    let error = client.wait_until_done(&id).await.unwrap_err();
    assert_eq!((error.kind(), error.is_transient(), error.http_status()), (ErrorKind::Unauthorized, false, Some(401)));
    assert_eq!((simulator.requests().len(), keys.asked()), (1, 2));
    assert_eq!(client.status(&id).await.unwrap_err().kind(), ErrorKind::Unauthorized);
    assert_eq!((simulator.requests().len(), keys.asked()), (2, 3));
    let fixed = Client::builder("wrong-key").simulator(&simulator).build().unwrap();
    let as_fixed = fixed.wait_until_done(&id).await.unwrap_err();
    assert_eq!(as_fixed.to_string(), error.to_string());

    // Another wrong key each time: one repeat.
    let number = AtomicUsize::new(0);
    let source = move || {
        let key = format!("wrong-{}", number.fetch_add(1, Ordering::SeqCst));
        async move { Ok::<_, Infallible>(key) }
    };
    let before = simulator.requests().len();
    let client = Client::builder("").simulator(&simulator).api_key_from(source).build().unwrap();
    let error = client.wait_until_done(&id).await.unwrap_err();
    assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Unauthorized, false));
    assert_eq!(simulator.requests().len() - before, 2);
}

#[tokio::test(start_paused = true)]
async fn refused_key_without_another_is_a_failed_poll() {
    let simulator = simulator("second-key");
    let id = simulator.add(SimulatedTask::new().generates_for(Duration::ZERO));
    let asked = AtomicUsize::new(0);
    let source = move || {
        let number = asked.fetch_add(1, Ordering::SeqCst);
        async move {
            match number {
                0 => Ok("first-key"),
                1 => Err("sealed"),
                _ => Ok("second-key"),
            }
        }
    };
    let client = Client::builder("").simulator(&simulator).api_key_from(source).build().unwrap();
    let events: Vec<_> = client.watch(id).collect().await;
    assert!(matches!(events.last(), Some(StatusEvent::Done(_))), "{events:?}");
    let error = failures(&events)[0];
    assert_eq!((error.kind(), error.is_transient(), error.http_status()), (ErrorKind::Unauthorized, true, Some(401)));
    assert!(error.to_string().contains("the source of the API key failed: sealed"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn poll_without_key_proves_nothing_to_circuit_breaker() {
    let simulator = simulator("first-key");
    let id = simulator.add(SimulatedTask::new().never_ends());
    let asked = AtomicUsize::new(0);
    let source = move || {
        let number = asked.fetch_add(1, Ordering::SeqCst);
        async move { if number == 0 { Ok(ApiKey::new("first-key").expires_in(secs(5))) } else { Err("sealed") } }
    };
    let client = Client::builder("").simulator(&simulator).api_key_from(source).build().unwrap();
    simulator.inject(Fault::status(503).retry_after("10"));
    let mut watch = client.watch(&id);
    assert_eq!(failure(watch.next().await).error.kind(), ErrorKind::Maintenance);
    // The probe is not sent: there is no key.
    assert_eq!(failure(watch.next().await).error.kind(), ErrorKind::Config);
    assert_eq!((client.limits().breaker, simulator.requests().len()), (BreakerState::Open, 1));
}

#[tokio::test(start_paused = true)]
async fn repeat_is_not_sent_while_held_back() {
    let (simulator, keys) = (simulator("first-key"), Keys::new("first-key"));
    let client = keys.builder(&simulator, secs(2)).build().unwrap();
    open_window(&simulator, &client, 8, ms(100)).await;
    let (refused, other) = (simulator.add(SimulatedTask::new()), simulator.add(SimulatedTask::new()));
    let before = simulator.requests().len();
    simulator.api_key("second-key");
    keys.set("second-key");
    let mut watch = client.watch(&refused);
    // While the source is asked, another request is told that there are too many.
    let throttled = async {
        sleep(secs(1)).await;
        simulator.inject(Fault::code(429, "Rate limit exceeded").retry_after("60"));
        client.status(&other).await
    };
    let (event, throttled) = tokio::join!(watch.next(), throttled);
    assert_eq!(throttled.unwrap_err().kind(), ErrorKind::RateLimited);
    let error = failure(event).error;
    assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Unauthorized, true));
    assert!(error.to_string().contains("let no second request go in time"), "{error}");
    assert_eq!(simulator.requests().len() - before, 2);
}

#[tokio::test(start_paused = true)]
async fn repeat_with_fresh_key_is_counted() {
    let (simulator, keys) = (simulator("first-key"), Keys::new("first-key"));
    let limit = RateLimit::per(2, secs(10));
    let client = keys.builder(&simulator, Duration::ZERO).rate_limit(limit).build().unwrap();
    let id = simulator.add(SimulatedTask::new());
    client.status(&id).await.unwrap();
    simulator.api_key("second-key");
    keys.set("second-key");
    client.status(&id).await.unwrap();
    let asked = asked_at(&simulator);
    assert_eq!(asked.len(), 3);
    assert!(asked[2] - asked[0] >= secs(10), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn one_request_in_flight_waits_not_for_itself() {
    let (simulator, keys) = (simulator("second-key"), Keys::new("first-key"));
    let client = keys.builder(&simulator, ms(5)).max_in_flight(1).build().unwrap();
    simulator.latency(ms(50));
    let ids = endless(&simulator, 4);
    let first = client.status(&ids[0]);
    let rotate = async {
        sleep(ms(20)).await;
        keys.set("second-key");
    };
    let (first, ()) = tokio::join!(first, rotate);
    first.unwrap();
    for answer in join_all(ids.iter().map(|id| client.status(id))).await {
        answer.unwrap();
    }
    assert_eq!((refused(&simulator), client.limits().in_flight), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn both_requests_share_one_timeout() {
    let (simulator, keys) = (simulator("second-key"), Keys::new("first-key"));
    simulator.latency(secs(12));
    let client = keys.builder(&simulator, Duration::ZERO).build().unwrap();
    let id = simulator.add(SimulatedTask::new());
    let rotate = async {
        sleep(secs(1)).await;
        keys.set("second-key");
    };
    let started = Instant::now();
    let (answer, ()) = tokio::join!(client.status(&id), rotate);
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!((started.elapsed(), simulator.requests().len()), (secs(20), 2));
    assert_eq!(client.limits().in_flight, 0);

    // Without time for a permit, the first answer is the poll's, and it passes.
    let (simulator, keys) = (simulator_with_latency("second-key", secs(1)), Keys::new("first-key"));
    let limit = RateLimit::per(1, secs(60));
    let client = keys.builder(&simulator, Duration::ZERO).rate_limit(limit).build().unwrap();
    let rotate = async {
        sleep(ms(500)).await;
        keys.set("second-key");
    };
    let (answer, ()) = tokio::join!(client.status("x"), rotate);
    let error = answer.unwrap_err();
    assert_eq!((error.kind(), error.is_transient(), error.http_status()), (ErrorKind::Unauthorized, true, Some(401)));
    assert!(error.to_string().contains("let no second request go in time"), "{error}");
    assert_eq!(simulator.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn refused_final_poll_is_repeated_within_its_bound() {
    for (latency, done) in [(secs(5), true), (secs(9), true), (secs(15), false)] {
        let (simulator, keys) = (simulator_with_latency("first-key", latency), Keys::new("first-key"));
        let schedule = Schedule::every(secs(60)).max_wait(secs(60));
        let client = keys.builder(&simulator, secs(1)).schedule(schedule).build().unwrap();
        let id = simulator.add(SimulatedTask::new().generates_for(secs(50)));
        let started = Instant::now();
        let mut watch = client.watch(&id);
        progress(watch.next().await);
        simulator.api_key("second-key");
        keys.set("second-key");
        let outcome = watch.wait_until_done().await;
        assert_eq!(outcome.is_ok(), done, "{latency:?}: {outcome:?}");
        assert!(started.elapsed() <= secs(80), "{latency:?}: {:?}", started.elapsed());
        assert_eq!(client.limits().in_flight, 0);
    }
}

fn simulator_with_latency(key: &str, latency: Duration) -> Simulator {
    let simulator = simulator(key);
    simulator.latency(latency);
    simulator
}

#[tokio::test(start_paused = true)]
async fn no_key_is_shown() {
    let fresh = "second-secret-key";
    for (code, fresh) in [(400, fresh), (501, fresh), (455, fresh), (400, r#"2nd"secret-key\%20<x>"#)] {
        let fault = Fault::code(code, format!("the keys first-secret-key and {fresh} are wrong"));
        let (simulator, keys) = (simulator("first-secret-key"), Keys::new("first-secret-key"));
        let builder = keys.builder(&simulator, ms(10));
        let client = builder.clone().build().unwrap();
        open_window(&simulator, &client, 8, secs(1)).await;
        let (id, other) = (simulator.add(SimulatedTask::new()), simulator.add(SimulatedTask::new()));
        simulator.inject(fault.only(&id));
        simulator.api_key(fresh);
        keys.set(fresh);
        // The other poll brings the second key while this request is in flight.
        let asks = async {
            sleep(ms(500)).await;
            client.status(&id).await
        };
        let (answer, other) = tokio::join!(asks, client.status(&other));
        other.unwrap();
        let text = format!("{builder:?} {client:?} {answer:?} {:?}", client.limits());
        assert!(!text.contains("secret-key"), "{text}");
        assert!(text.contains("the keys [key] and [key] are wrong"), "{text}");
    }
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

#[tokio::test(start_paused = true)]
async fn key_in_error_of_source_is_in_no_written_form() {
    let simulator = simulator("first-key");
    let (id, asked) = (endless(&simulator, 1).remove(0), AtomicUsize::new(0));
    let source = move || {
        let is_first = asked.fetch_add(1, Ordering::SeqCst) == 0;
        async move { if is_first { Ok("first-key") } else { Err(io::Error::other("the vault knows first-key only")) } }
    };
    let client = Client::builder("").simulator(&simulator).api_key_from(source).build().unwrap();
    client.status(&id).await.unwrap();
    simulator.api_key("second-key");
    let error = client.status(&id).await.unwrap_err();
    let written = format!("{error} {error:?} {}", serde_json::to_string(&error).unwrap());
    assert!(written.contains("the vault knows [key] only") && !written.contains("first-key"), "{written}");
}

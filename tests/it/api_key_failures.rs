//! A source of API keys that fails: what goes wrong with it passes.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use luma_watch::simulator::{Fault, SimulatedTask};
use luma_watch::{ApiKey, BreakerState, Client, ErrorKind, StatusEvent};
use tokio::time::{Instant, sleep};

use crate::support::in_memory::{endless, failure, ms, secs};
use crate::support::keys::{failures, simulator};

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
        assert!(error.to_string().contains(": no request was sent: the source of the API key "), "{error}");
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

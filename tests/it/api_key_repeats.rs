//! The repeat of a poll whose key was refused: one, counted, within the time of the poll.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use luma_watch::simulator::{Fault, SimulatedTask};
use luma_watch::{Client, ErrorKind, RateLimit, Schedule};
use tokio::time::{Instant, sleep, timeout};

use crate::support::in_memory::{asked_at, endless, failure, ms, open_window, progress, secs};
use crate::support::keys::{Keys, refused, simulator, simulator_with_latency};

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
    assert!(error.to_string().contains("; a fresh key from the source was refused, too (HTTP 401"), "{error}");
    assert_eq!(simulator.requests().len() - before, 2);
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

#[tokio::test(start_paused = true)]
async fn key_in_header_is_not_shown() {
    let (simulator, keys) = (simulator("first-secret-key"), Keys::new("first-secret-key"));
    let client = keys.builder(&simulator, ms(10)).build().unwrap();
    open_window(&simulator, &client, 8, secs(1)).await;
    let (id, other) = (simulator.add(SimulatedTask::new()), simulator.add(SimulatedTask::new()));
    simulator.inject(Fault::code(400, "no").retry_after("second-secret-key").only(&id));
    simulator.api_key("second-secret-key");
    keys.set("second-secret-key");
    // The other poll brings the second key while this request is in flight.
    let asks = async {
        sleep(ms(500)).await;
        client.status(&id).await
    };
    let (answer, other) = tokio::join!(asks, client.status(&other));
    other.unwrap();
    let error = answer.unwrap_err().to_string();
    assert!(error.contains("its Retry-After \"[key]\" cannot be read") && !error.contains("secret-key"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn repeat_without_time_left_is_not_sent() {
    let (simulator, keys) = (simulator("first-key"), Keys::new("first-key"));
    let client = keys.builder(&simulator, secs(1)).build().unwrap();
    let id = endless(&simulator, 1).remove(0);
    client.status(&id).await.unwrap();
    simulator.api_key("second-key");
    keys.set("second-key");
    let mut watch = client.watch(&id);
    // The consumer is away from when the source is asked.
    assert!(timeout(ms(500), watch.next()).await.is_err());
    let before = simulator.requests().len();
    sleep(secs(60)).await;
    let error = failure(watch.next().await).error;
    assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Unauthorized, true));
    assert!(error.to_string().contains("no time was left for a second request"), "{error}");
    assert_eq!(simulator.requests().len(), before);
}

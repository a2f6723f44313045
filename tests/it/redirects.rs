//! The API key is not sent along a redirect to another origin, and no redirect ends a watch.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use luma_watch::{Client, ClientBuilder, ErrorKind, RateLimit, Schedule, Status, StatusEvent};
use tokio::time::Instant;

use crate::support::raw_server::{Answer, RawServer, done};

const KEY: &str = "sk-5up3rs3cr3t";

fn client(server: &RawServer) -> ClientBuilder {
    Client::builder(KEY).base_url(server.url()).schedule(Schedule::every(Duration::from_millis(10)))
}

fn redirect(status: u16, location: &str) -> Answer {
    Answer::Page(format!("HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"))
}

fn carries_key(head: &str) -> bool {
    head.contains(KEY)
}

#[tokio::test]
async fn redirect_to_other_origin_is_a_failed_poll() {
    let elsewhere = RawServer::start(|_, _| Answer::Page(done())).await;
    for status in [301, 302, 303, 307, 308] {
        // Another port, another name of the same host, another scheme.
        for place in
            [elsewhere.url(), format!("http://localhost:{}", elsewhere.address.port()), "https://127.0.0.1".into()]
        {
            let location = format!("{place}/api/v1/modify/record-info?taskId=x");
            let home = RawServer::start(move |number, _| match number {
                0 => redirect(status, &location),
                _ => Answer::Page(done()),
            })
            .await;
            let events: Vec<_> = client(&home).build().unwrap().watch("x").collect().await;
            let [StatusEvent::PollFailed(failure), StatusEvent::Done(_)] = &events[..] else { panic!("{events:?}") };
            assert_eq!(failure.error.kind(), ErrorKind::Server);
            assert_eq!(failure.error.http_status(), Some(status));
            assert!(failure.error.to_string().contains("a redirect that is not followed"), "{}", failure.error);
            assert!(!format!("{:?}", failure.error).contains(&place), "{:?}", failure.error);
            assert_eq!(home.asked().len(), 2);
        }
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn redirect_to_other_host_name_is_not_followed() {
    let home = RawServer::start(|number, head| {
        let port = head.split("host: 127.0.0.1:").nth(1).and_then(|rest| rest.split("\r\n").next()).unwrap_or_default();
        if number == 0 { redirect(302, &format!("http://localhost:{port}/elsewhere")) } else { Answer::Page(done()) }
    })
    .await;
    let events: Vec<_> = client(&home).build().unwrap().watch("x").collect().await;
    assert!(matches!(&events[..], [StatusEvent::PollFailed(_), StatusEvent::Done(_)]), "{events:?}");
    assert!(home.asked().iter().all(|asked| !asked.head.contains("/elsewhere")), "{:?}", home.asked());
}

#[tokio::test]
async fn redirect_within_origin_is_followed_with_key() {
    let home = RawServer::start(|number, _| match number {
        0 => redirect(308, "/v2/record-info?taskId=x"),
        _ => Answer::Page(done()),
    })
    .await;
    let task = client(&home).build().unwrap().wait_until_done("x").await.unwrap();
    assert_eq!(task.status(), Status::Success);
    let asked = home.asked();
    assert_eq!(asked.len(), 2);
    assert!(asked[1].head.starts_with("GET /v2/record-info?taskId=x HTTP/1.1\r\n"), "{}", asked[1].head);
    assert!(asked.iter().all(|asked| carries_key(&asked.head)), "{asked:?}");
}

#[tokio::test]
async fn redirect_loop_is_a_failed_poll() {
    const MOST: usize = 10;
    let home = RawServer::start(|number, _| match number {
        0..MOST => redirect(307, "/api/v1/modify/record-info?taskId=x"),
        _ => Answer::Page(done()),
    })
    .await;
    let mut watch = client(&home).build().unwrap().watch("x");
    let first = watch.next().await.unwrap();
    assert!(
        matches!(&first, StatusEvent::PollFailed(failure) if failure.error.kind() == ErrorKind::Server),
        "{first:?}"
    );
    assert_eq!(home.asked().len(), 2);
    assert_eq!(watch.wait_until_done().await.unwrap().status(), Status::Success);
}

/// A server whose endpoint redirects each poll to another path.
async fn moved() -> RawServer {
    RawServer::start(|_, head| if head.starts_with("GET /v2 ") { Answer::Page(done()) } else { redirect(302, "/v2") })
        .await
}

#[tokio::test]
async fn redirect_is_counted_by_rate_limit() {
    const PERIOD: Duration = Duration::from_millis(300);
    let home = moved().await;
    let client = client(&home).rate_limit(RateLimit::per(2, PERIOD)).build().unwrap();
    let started = Instant::now();
    for _ in 0..3 {
        client.status("x").await.unwrap();
    }
    // Six requests, two in a period.
    assert_eq!(home.asked().len(), 6);
    assert!(started.elapsed() >= 2 * PERIOD, "{:?}", started.elapsed());
}

#[tokio::test]
async fn redirected_poll_goes_on_before_others_begin() {
    let home = moved().await;
    let limit = RateLimit::per(1, Duration::from_millis(50));
    let client = client(&home).rate_limit(limit).build().unwrap();
    for answer in join_all((0..6).map(|_| client.status("x"))).await {
        answer.unwrap();
    }
    let asked = home.asked();
    let moved: Vec<_> = asked.iter().map(|asked| asked.head.starts_with("GET /v2 ")).collect();
    // Only the first one is sent before another waits.
    assert_eq!(moved.len(), 12);
    assert!(moved.chunks(2).all(|pair| pair == [false, true]), "{moved:?}");
}

#[tokio::test]
async fn redirect_waits_not_for_its_own_permit() {
    let home = moved().await;
    let client = client(&home).max_in_flight(1).build().unwrap();
    for answer in join_all((0..5).map(|_| client.wait_until_done("x"))).await {
        answer.unwrap();
    }
    assert_eq!((home.asked().len(), client.limits().in_flight), (10, 0));
}

#[tokio::test]
async fn redirect_without_permit_in_time_fails_poll() {
    let home = moved().await;
    let limit = RateLimit::per(1, Duration::from_secs(60));
    let client = client(&home).rate_limit(limit).request_timeout(Duration::from_millis(200)).build().unwrap();
    let error = client.status("x").await.unwrap_err();
    assert_eq!((error.kind(), error.is_transient(), error.http_status()), (ErrorKind::Server, true, Some(302)));
    assert!(error.to_string().contains("let no second request go in time"), "{error}");
    assert_eq!((home.asked().len(), client.limits().in_flight), (1, 0));
}

#[tokio::test]
async fn redirect_and_its_target_share_one_timeout() {
    let home =
        RawServer::start(|_, head| if head.starts_with("GET /v2 ") { Answer::Silence } else { redirect(302, "/v2") })
            .await;
    let client = client(&home).request_timeout(Duration::from_millis(200)).build().unwrap();
    assert_eq!(client.status("x").await.unwrap_err().kind(), ErrorKind::Timeout);
    // The final poll at the deadline as well.
    let patient = client.with_schedule(Schedule::every(Duration::from_secs(1)).max_wait(Duration::ZERO)).unwrap();
    assert_eq!(patient.wait_until_done("x").await.unwrap_err().kind(), ErrorKind::Deadline);
    assert_eq!(client.limits().in_flight, 0);
}

#[tokio::test]
async fn redirect_without_or_with_bad_location_fails_poll() {
    for location in ["", "location: https://\r\n", "location: http://user:pass@127.0.0.1/\r\n"] {
        let page = format!("HTTP/1.1 302 Found\r\n{location}content-length: 0\r\n\r\n");
        let home = RawServer::start(move |_, _| Answer::Page(page.clone())).await;
        let error = client(&home).build().unwrap().status("x").await.unwrap_err();
        assert_eq!((error.kind(), error.http_status()), (ErrorKind::Server, Some(302)), "{location}");
        assert_eq!(home.asked().len(), 1);
    }
}

#[tokio::test]
async fn custom_client_decides_about_redirects_itself() {
    let home = moved().await;
    let none = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let error = client(&home).http_client(none).build().unwrap().status("x").await.unwrap_err();
    assert_eq!((error.http_status(), home.asked().len()), (Some(302), 1));
}

#[tokio::test]
async fn fresh_key_after_redirect_serves_next_poll() {
    // Every poll is redirected, and the first key is refused.
    let home = RawServer::start(|_, head| match head {
        head if !head.starts_with("GET /v2 ") => redirect(302, "/v2"),
        head if head.contains("Bearer second-key") => Answer::Page(done()),
        _ => Answer::Page("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n".to_owned()),
    })
    .await;
    let number = AtomicUsize::new(0);
    let source = move || {
        let key = ["first-key", "second-key"][number.fetch_add(1, Ordering::SeqCst).min(1)];
        async move { Ok::<_, Infallible>(key) }
    };
    let events: Vec<_> = client(&home).api_key_from(source).build().unwrap().watch("x").collect().await;
    let [StatusEvent::PollFailed(failure), StatusEvent::Done(_)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((failure.error.kind(), failure.error.is_transient()), (ErrorKind::Unauthorized, true));
    assert_eq!(home.asked().len(), 4);
}

#[tokio::test]
async fn custom_client_follows_redirect_without_key() {
    let elsewhere = RawServer::start(|_, _| Answer::Page(done())).await;
    let location = format!("{}/there", elsewhere.url());
    let home = RawServer::start(move |_, _| redirect(302, &location)).await;
    let own = reqwest::Client::builder().no_proxy().build().unwrap();
    let task = client(&home).http_client(own).build().unwrap().wait_until_done("x").await.unwrap();
    assert_eq!(task.status(), Status::Success);
    assert!(carries_key(&home.asked()[0].head));
    let asked = elsewhere.asked();
    assert_eq!(asked.len(), 1);
    assert!(!carries_key(&asked[0].head) && !asked[0].head.contains("authorization"), "{}", asked[0].head);
}

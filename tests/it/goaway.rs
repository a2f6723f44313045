//! Requests that an HTTP/2 gateway does not process, or whose connection ends, are sent again within bounds.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use luma_watch::{Client, Error, ErrorKind, Task};

use crate::support::child::{Child, is_child, report};
use crate::support::raw_http2::{CANCEL, ENHANCE_YOUR_CALM, INTERNAL_ERROR, NO_ERROR, REFUSED_STREAM, RawHttp2, Reply};
use crate::support::tls::LOCALHOST;

/// A client over an HTTP client that trusts the gateway and, as the library's own, repeats nothing itself.
fn client(server: &RawHttp2) -> Client {
    let certificate = reqwest::Certificate::from_pem(LOCALHOST).unwrap();
    let http = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_merge([certificate])
        .tls_backend_rustls()
        .retry(reqwest::retry::never().max_retries_per_request(0))
        .build()
        .unwrap();
    builder(server).http_client(http).build().unwrap()
}

fn builder(server: &RawHttp2) -> luma_watch::ClientBuilder {
    // No repeat may hang for long.
    Client::builder("test-key").base_url(server.url()).request_timeout(Duration::from_secs(10))
}

async fn at_once(client: &Client, calls: usize) -> Vec<Result<Task, Error>> {
    join_all((0..calls).map(|_| client.status("x"))).await
}

async fn failed(client: &Client, calls: usize) -> usize {
    at_once(client, calls).await.iter().filter(|result| result.is_err()).count()
}

/// The client is the library's own. It trusts the server's certificate by the environment of its process.
#[tokio::test]
async fn requests_left_out_by_goaway_fail_no_poll() {
    if is_child() {
        let mut failures = Vec::new();
        // How many requests a connection answers, and how many come at once.
        for (answers, calls) in [(10, 12), (10, 30), (2, 4), (100, 64)] {
            let server =
                RawHttp2::start(move |_, number| if number + 1 < answers { Reply::Record } else { Reply::LastRecord })
                    .await;
            let client = builder(&server).build().unwrap();
            for _ in 0..10 {
                failures.push(failed(&client, calls).await);
            }
            assert!(server.connections() > 1, "no connection was ended");
        }
        return report(&format!("{failures:?}"));
    }
    let certificate = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/fixtures/localhost.pem");
    let child = Child::of("goaway::requests_left_out_by_goaway_fail_no_poll");
    let child = child.set("SSL_CERT_FILE", certificate).unset("SSL_CERT_DIR");
    let failures = tokio::task::spawn_blocking(|| child.run()).await.unwrap();
    assert_eq!(failures, format!("{:?}", [0; 40]));
}

#[tokio::test]
async fn goaway_between_polls_fails_no_poll() {
    // Each connection answers one request, and says with the next that it is going away.
    let server = RawHttp2::start(|_, number| if number == 0 { Reply::Record } else { Reply::GoAway(NO_ERROR) }).await;
    let client = client(&server);
    for _ in 0..5 {
        client.status("x").await.unwrap();
    }
    assert_eq!(server.requests(), [0, 0, 1, 1, 2, 2, 3, 3, 4]);
}

#[tokio::test]
async fn refused_stream_is_sent_up_to_four_times() {
    for (refused, requests, is_answered) in [(1, 2, true), (2, 3, true), (3, 4, true), (4, 4, false), (99, 4, false)] {
        let server = RawHttp2::start(
            move |_, number| {
                if number < refused { Reply::Reset(REFUSED_STREAM) } else { Reply::Record }
            },
        )
        .await;
        let result = client(&server).status("x").await;
        assert_eq!(result.is_ok(), is_answered, "{refused} times: {result:?}");
        assert_eq!(server.requests().len(), requests, "{refused} times");
    }
}

#[tokio::test]
async fn endless_goaway_ends_after_four_requests() {
    let server = RawHttp2::start(|_, _| Reply::GoAway(NO_ERROR)).await;
    let client = client(&server);
    for poll in 1..=3 {
        assert_eq!(client.status("x").await.unwrap_err().kind(), ErrorKind::Transport);
        assert_eq!(server.requests().len(), 4 * poll);
    }
}

#[tokio::test]
async fn request_that_may_be_processed_is_not_repeated() {
    for reply in [
        Reply::Reset(CANCEL),
        Reply::Reset(INTERNAL_ERROR),
        Reply::Reset(ENHANCE_YOUR_CALM),
        Reply::GoAway(ENHANCE_YOUR_CALM),
        Reply::GoAway(INTERNAL_ERROR),
    ] {
        let server = RawHttp2::start(move |_, number| if number < 5 { Reply::Record } else { reply }).await;
        let client = client(&server);
        for _ in 0..5 {
            client.status("x").await.unwrap();
        }
        client.status("x").await.unwrap_err();
        assert_eq!(server.requests().len(), 6);
    }
}

#[tokio::test]
async fn broken_connection_fails_none_of_its_requests() {
    for calls in [1, 12, 64] {
        let warm_up = 2 * calls;
        let server = RawHttp2::start(
            move |connection, number| {
                if connection == 0 && number >= warm_up { Reply::Close } else { Reply::Record }
            },
        )
        .await;
        let client = client(&server);
        assert_eq!(failed(&client, warm_up).await, 0);
        assert_eq!(failed(&client, calls).await, 0, "{calls} at once");
        assert!(server.connections() > 1, "the connection was not ended");
    }
}

#[tokio::test]
async fn endless_closing_takes_no_more_than_credit() {
    const ANSWERS: usize = 10;
    let seen = AtomicUsize::new(0);
    let server =
        RawHttp2::start(
            move |_, _| {
                if seen.fetch_add(1, Ordering::SeqCst) < ANSWERS { Reply::Record } else { Reply::Close }
            },
        )
        .await;
    let client = client(&server);
    for _ in 0..ANSWERS {
        client.status("x").await.unwrap();
    }
    for _ in 0..20 {
        client.status("x").await.unwrap_err();
    }
    // One repeat for each answer.
    assert_eq!(server.requests().len(), ANSWERS + 20 + ANSWERS);
}

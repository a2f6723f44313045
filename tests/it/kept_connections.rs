//! Kept connections that all end in the moment of their use fail no poll, and a 421 is asked again on a fresh one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use luma_watch::{Client, RateLimit, Schedule, StatusEvent};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::support::raw_server::{Answer, RawServer, done, generating, head};

/// How long the gateway takes to answer: so that requests which come at once need a connection each.
const LATENCY: Duration = Duration::from_millis(20);

/// A gateway whose open connections all end, each when the next request has come over it.
#[derive(Clone, Default)]
struct Gateway {
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    /// Connections with lower numbers end.
    end_before: Arc<AtomicUsize>,
    /// Ends by a reset instead of a FIN.
    resets: bool,
}

impl Gateway {
    async fn start(resets: bool) -> (Self, Client) {
        let gateway = Self { resets, ..Self::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let accepting = gateway.clone();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let number = accepting.connections.fetch_add(1, Ordering::SeqCst);
                let gateway = accepting.clone();
                tokio::spawn(async move {
                    while head(&mut stream).await.is_some() {
                        gateway.requests.fetch_add(1, Ordering::SeqCst);
                        if number < gateway.end_before.load(Ordering::SeqCst) {
                            if gateway.resets {
                                stream.set_zero_linger().unwrap();
                            }
                            return;
                        }
                        sleep(LATENCY).await;
                        stream.write_all(generating().as_bytes()).await.unwrap();
                    }
                });
            }
        });
        (gateway, Client::builder("test-key").base_url(url).build().unwrap())
    }

    /// Opens this number of connections at least, and returns how many there are.
    async fn open(&self, client: &Client, connections: usize) -> usize {
        for _ in 0..20 {
            at_once(client, connections).await;
            // The connections go back to the pool.
            sleep(LATENCY).await;
            let opened = self.connections.load(Ordering::SeqCst);
            if opened >= connections {
                return opened;
            }
        }
        unreachable!("the client does not send {connections} requests at once");
    }

    fn end_all(&self) {
        self.end_before.store(self.connections.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

/// How many of these calls fail.
async fn at_once(client: &Client, calls: usize) -> usize {
    let results = join_all((0..calls).map(|_| client.status("x"))).await;
    results.iter().filter(|result| result.is_err()).count()
}

#[tokio::test]
async fn connections_broken_at_once_fail_no_poll() {
    for (kept, resets) in [(2, false), (12, true), (64, false), (64, true), (128, false)] {
        let (gateway, client) = Gateway::start(resets).await;
        gateway.open(&client, kept).await;
        gateway.end_all();
        let before = gateway.requests.load(Ordering::SeqCst);
        assert_eq!(at_once(&client, kept).await, 0, "{kept} connections, resets: {resets}");
        let requests = gateway.requests.load(Ordering::SeqCst) - before;
        assert!(requests > kept && requests <= 3 * kept, "{requests} requests for {kept} polls");
    }
}

#[tokio::test]
async fn broken_connections_used_one_by_one_fail_no_poll() {
    for (kept, resets) in [(3, false), (12, true), (64, false)] {
        let (gateway, client) = Gateway::start(resets).await;
        gateway.open(&client, kept).await;
        gateway.end_all();
        for poll in 0..5 {
            assert!(client.status("x").await.is_ok(), "poll {poll} of {kept} connections");
        }
    }
}

#[tokio::test]
async fn endless_closing_takes_no_more_than_credit() {
    for (answers, polls) in [(1, 10), (10, 20), (40, 50)] {
        let server = RawServer::start(
            move |number, _| if number < answers { Answer::Page(generating()) } else { Answer::Close },
        )
        .await;
        let client = Client::builder("test-key").base_url(server.url()).build().unwrap();
        for _ in 0..answers {
            client.status("x").await.unwrap();
        }
        for _ in 0..polls {
            client.status("x").await.unwrap_err();
        }
        assert_eq!(server.asked().len(), answers + polls + answers);
    }
}

#[tokio::test]
async fn credit_is_bounded_by_max_in_flight() {
    let server =
        RawServer::start(|number, _| if number < 50 { Answer::Page(generating()) } else { Answer::Close }).await;
    let client = Client::builder("test-key").base_url(server.url()).max_in_flight(8).build().unwrap();
    for _ in 0..50 {
        client.status("x").await.unwrap();
    }
    for _ in 0..20 {
        client.status("x").await.unwrap_err();
    }
    assert_eq!(server.asked().len(), 50 + 20 + 8);
}

fn misdirected(body: &str) -> Answer {
    let head = format!("HTTP/1.1 421 Misdirected Request\r\ncontent-length: {}\r\n\r\n", body.len());
    Answer::Page(head + body)
}

/// The connection of each request.
fn connections(server: &RawServer) -> Vec<usize> {
    server.asked().iter().map(|asked| asked.connection).collect()
}

#[tokio::test]
async fn misdirected_request_is_asked_on_fresh_connection() {
    for body in ["", "<html>421</html>", r#"{"code":421,"msg":"misdirected"}"#] {
        // The second request finds the connection of the first.
        let server = RawServer::start(move |number, _| match number {
            1 => misdirected(body),
            0 => Answer::Page(generating()),
            _ => Answer::Page(done()),
        })
        .await;
        let schedule = Schedule::every(Duration::from_millis(10));
        let client = Client::builder("test-key").base_url(server.url()).schedule(schedule).build().unwrap();
        let events: Vec<_> = client.watch("x").collect().await;
        let [StatusEvent::Generating(_), StatusEvent::Done(_)] = &events[..] else { panic!("{events:?}") };
        client.status("x").await.unwrap();
        assert_eq!(connections(&server), [0, 0, 1, 1], "{body:?}");
    }
}

#[tokio::test]
async fn misdirected_for_ever_is_asked_twice() {
    let server = RawServer::start(|_, _| misdirected("")).await;
    let builder = || Client::builder("test-key").base_url(server.url());
    let error = builder().build().unwrap().status("x").await.unwrap_err();
    assert_eq!(error.http_status(), Some(421));
    assert_eq!(connections(&server), [0, 1]);
    let limited = builder().rate_limit(RateLimit::per(10, Duration::from_secs(60))).build().unwrap();
    limited.status("x").await.unwrap_err();
    assert_eq!(limited.limits().rate_limit_left, Some(8), "both requests are counted");
    // With an HTTP client of the user's own, too, over whatever connection it uses.
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let error = builder().http_client(http).build().unwrap().status("x").await.unwrap_err();
    assert_eq!(error.http_status(), Some(421));
    assert_eq!(server.asked().len(), 6);
}

#[tokio::test]
async fn misdirected_then_broken_is_asked_again() {
    let server = RawServer::start(|number, _| match number {
        1 => misdirected(""),
        2 => Answer::Close,
        _ => Answer::Page(done()),
    })
    .await;
    let client = Client::builder("test-key").base_url(server.url()).build().unwrap();
    client.status("x").await.unwrap();
    client.status("x").await.unwrap();
    assert_eq!(connections(&server), [0, 0, 1, 2]);
}

#[tokio::test]
async fn misdirected_repeat_is_asked_on_fresh_connection() {
    // The kept connection has ended: the request is sent again at once, over another one, which answers 421.
    let server = RawServer::start(|number, _| match number {
        0 => Answer::Page(generating()),
        1 => Answer::Close,
        2 => misdirected(""),
        _ => Answer::Page(done()),
    })
    .await;
    let client = Client::builder("test-key").base_url(server.url()).build().unwrap();
    client.status("x").await.unwrap();
    client.status("x").await.unwrap();
    assert_eq!(connections(&server), [0, 0, 1, 2]);
}

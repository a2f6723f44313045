//! An HTTP/2 connection that falls silent is replaced: keep-alive pings notice it.

use std::future::pending;
use std::process::abort;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use axum::http::Response;
use bytes::Bytes;
use futures::StreamExt;
use luma_watch::{Client, Schedule, StatusEvent};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{Instant, advance, pause};
use tokio_rustls::TlsAcceptor;

use crate::support::child::{Child, is_child, report};
use crate::support::tls::{LOCALHOST, server_config};

/// Speaks HTTP/2 on one connection, and answers each request with a record of this flag. From the request of this
/// number on it neither reads nor writes, pings included.
async fn serve(stream: TcpStream, acceptor: TlsAcceptor, flag: u8, silent_from: usize, falls_silent: Arc<Notify>) {
    let stream = acceptor.accept(stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut connection = h2::server::handshake(stream).await.unwrap();
    let mut number = 0;
    while let Some(request) = connection.accept().await {
        let (_request, mut respond) = request.unwrap();
        if number == silent_from {
            falls_silent.notify_one();
            return pending().await;
        }
        number += 1;
        let body = format!(
            r#"{{"code":200,"data":{{"successFlag":{flag},"response":{{"resultUrls":["https://files.example.com/v"]}}}}}}"#
        );
        let mut body_stream = respond.send_response(Response::new(()), false).unwrap();
        body_stream.send_data(Bytes::from(body), true).unwrap();
    }
}

/// How long it takes a watch to notice that the connection of its second poll is silent. Its third poll uses another
/// connection, and ends it.
///
/// The clock is paused, and moves by hand only: a blocking task keeps tokio from moving it whenever the sockets are
/// idle. So no timeout fires because this machine is slow.
async fn time_to_notice_silence() -> Duration {
    const STEP: Duration = Duration::from_millis(100);
    /// Timers round up to whole milliseconds.
    const ROUNDING: Duration = Duration::from_millis(2);
    pause();
    let (_release, held) = mpsc::channel::<()>();
    let _blocking = tokio::task::spawn_blocking(move || {
        if held.recv_timeout(Duration::from_secs(30)) == Err(RecvTimeoutError::Timeout) {
            abort(); // where time stands still, nothing else ends a test that hangs
        }
    });
    let mut config = server_config(LOCALHOST);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let silent = Arc::new(Notify::new());
    let falls_silent = Arc::clone(&silent);
    tokio::spawn(async move {
        for (flag, silent_from) in [(0, 1), (1, usize::MAX)] {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, acceptor.clone(), flag, silent_from, Arc::clone(&falls_silent)));
        }
    });
    let interval = Duration::from_secs(30);
    let client = Client::builder("test-key").base_url(url).schedule(Schedule::every(interval)).build().unwrap();
    let mut watch = client.watch("x");
    let first = watch.next().await.unwrap();
    assert!(matches!(first, StatusEvent::Generating(_)), "{first:?}");
    advance(interval + ROUNDING).await;
    let silence = async {
        silent.notified().await;
        let asked = Instant::now();
        // A request times out after 20 s.
        while asked.elapsed() < Duration::from_secs(19) {
            advance(STEP).await;
            for _ in 0..20 {
                yield_now().await; // a task that a timer wakes may set another timer
            }
        }
    };
    let second = tokio::select! {
        event = watch.next() => event.unwrap(),
        () = silence => panic!("the connection is kept"),
    };
    let StatusEvent::PollFailed(failure) = &second else { panic!("{second:?}") };
    assert!(format!("{:?}", failure.error).contains("keep-alive timed out"), "{:?}", failure.error);
    assert!(
        failure.error.to_string().contains("HTTP/2 connection is dead: a ping was not answered"),
        "{}",
        failure.error
    );
    advance(failure.next_poll_in + ROUNDING).await;
    let third = watch.next().await.unwrap();
    assert!(matches!(third, StatusEvent::Done(_)), "{third:?}");
    failure.elapsed.saturating_sub(interval)
}

/// The client is the library's own. It trusts the server's certificate by the environment of its process.
#[tokio::test]
async fn silent_http2_connection_holds_no_later_poll() {
    if is_child() {
        return report(&time_to_notice_silence().await.as_millis().to_string());
    }
    let certificate = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/fixtures/localhost.pem");
    let child = Child::of("http2::silent_http2_connection_holds_no_later_poll");
    let millis: u64 = child.set("SSL_CERT_FILE", certificate).unset("SSL_CERT_DIR").run().parse().unwrap();
    // A ping after 10 s, and 5 s for its answer.
    assert!((14_900..16_000).contains(&millis), "{millis} ms");
}

//! Long answers that are read at the same time take a bounded amount of memory together.

use std::time::Duration;

use futures::FutureExt;
use futures::future::{join_all, poll_fn};
use luma_watch::{Client, ErrorKind};
use tokio::time::{sleep, timeout};

use crate::support::raw_server::{Answer, RawServer, done};

const KIB: usize = 1024;
/// Answers of 960 KiB take 896 KiB of the 32 MiB each, because the first 64 KiB are not counted.
const FIT: usize = 32 * KIB / 896;

/// An answer of 960 KiB, of which this number of bytes is sent.
fn page(sent: usize) -> Answer {
    let record = done();
    let (_, record) = record.split_once("\r\n\r\n").unwrap();
    let body = record.to_owned() + &" ".repeat(960 * KIB - record.len());
    Answer::Page(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{}", body.len(), &body[..sent]))
}

/// Answers by the task's id: `whole`, `stalled` shortly before the end, `chunked` without an announced length, or anything else.
async fn server() -> RawServer {
    RawServer::start(|_, head| match head {
        head if head.contains("taskId=whole") => page(960 * KIB),
        head if head.contains("taskId=stalled") => page(900 * KIB),
        head if head.contains("taskId=chunked") => {
            let chunk = format!("{:x}\r\n{}\r\n", 100 * KIB, " ".repeat(100 * KIB));
            Answer::Page(format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}", chunk.repeat(9)))
        }
        _ => Answer::Page(done()),
    })
    .await
}

async fn client(server: &RawServer, requests: usize) -> Client {
    let client = Client::builder("key").base_url(server.url()).request_timeout(Duration::from_millis(1500)).build();
    let client = client.unwrap();
    while client.limits().in_flight_allowed < requests {
        for answer in join_all((0..requests).map(|_| client.status("short"))).await {
            answer.unwrap();
        }
    }
    client
}

#[tokio::test]
async fn long_answers_beyond_the_sum_fail() {
    const REQUESTS: usize = FIT + 12;
    let server = server().await;
    let client = client(&server, REQUESTS).await;
    for id in ["stalled", "chunked"] {
        let answers = join_all((0..REQUESTS).map(|_| client.status(id))).await;
        let errors: Vec<_> = answers.into_iter().map(Result::unwrap_err).collect();
        let too_many: Vec<_> = errors.iter().filter(|error| error.kind() == ErrorKind::Decode).collect();
        assert!(too_many.len() >= 12, "{id}: {errors:?}");
        assert!(too_many.len() < REQUESTS, "{id}: {errors:?}");
        for error in too_many {
            assert!(error.is_transient() && error.to_string().contains("over 32 MiB"), "{error}");
        }
        // What the others held is given back.
        for answer in join_all((0..FIT).map(|_| client.status("whole"))).await {
            answer.unwrap();
        }
    }
}

#[tokio::test]
async fn dropped_answers_leave_the_sum() {
    let server = server().await;
    let client = client(&server, FIT).await;
    for _ in 0..3 {
        let stalled = join_all((0..FIT).map(|_| client.status("stalled")));
        assert!(timeout(Duration::from_millis(500), stalled).await.is_err());
        sleep(Duration::from_millis(10)).await;
    }
    for answer in join_all((0..FIT).map(|_| client.status("whole"))).await {
        answer.unwrap();
    }
}

#[tokio::test]
async fn short_answers_pass_beside_long_ones() {
    let server = server().await;
    let client = client(&server, FIT + 8).await;
    let mut stalled: Vec<_> = (0..FIT).map(|_| client.status("stalled").boxed()).collect();
    let mut long = poll_fn(|cx| {
        for answer in &mut stalled {
            assert!(answer.poll_unpin(cx).is_pending());
        }
        std::task::Poll::<()>::Pending
    });
    let short = async {
        sleep(Duration::from_millis(300)).await;
        for _ in 0..20 {
            client.status("short").await.unwrap();
        }
    };
    tokio::select! {
        () = &mut long => {}
        () = short => {}
    }
}

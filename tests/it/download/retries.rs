//! Failures that pass are repeated with growing pauses, and end when the retries are exhausted.

use std::time::Duration;

use futures::future::join_all;
use luma_watch::{DownloadEvent, DownloadOptions, ErrorKind};

use crate::support::downloads::{download, events, failed_one, folder, kept_one, names, parts, retried, started};
use crate::support::file::File;
use crate::support::file_reply::Reply;
use crate::support::file_server::{FileRequest, FileServer};
use crate::support::in_memory::{ms, secs};

fn pauses(events: &[DownloadEvent]) -> Vec<Duration> {
    let pauses = events.iter().filter_map(|event| match event {
        DownloadEvent::Retrying { next_in, .. } => Some(*next_in),
        _ => None,
    });
    pauses.collect()
}

#[tokio::test]
async fn passing_failures_are_repeated() {
    let failures = [
        (500, ErrorKind::Server),
        (502, ErrorKind::Server),
        (503, ErrorKind::Maintenance),
        (504, ErrorKind::Server),
        (429, ErrorKind::RateLimited),
        (408, ErrorKind::Transport),
    ];
    let once = |(status, kind)| async move {
        let page = Reply::new(status).header("content-type", "text/html").body("<html>busy</html>");
        let (events, requests) = first_answer(page).await;
        assert_eq!(retried(&events), [kind], "{status}");
        assert_eq!((started(&events), requests.len()), (vec![0], 2));
    };
    join_all(failures.map(once)).await;
}

/// The file is kept after this first answer.
async fn first_answer(first: Reply) -> (Vec<DownloadEvent>, Vec<FileRequest>) {
    let server = FileServer::start(move |request| match request.attempt {
        0 => first.clone(),
        _ => File::new(1_000, 1).reply(request),
    })
    .await;
    let dir = folder();
    let events = events(download(&server.url("/video.mp4"), &dir)).await;
    kept_one(&events, &File::new(1_000, 1).bytes);
    (events, server.requests())
}

#[tokio::test]
async fn retry_after_is_a_lower_bound() {
    let once = |status| async move {
        let (events, requests) = first_answer(Reply::new(status).header("retry-after", "2")).await;
        assert!(pauses(&events)[0] >= secs(2), "{events:?}");
        assert!(requests[1].at - requests[0].at >= secs(2), "{status}: {requests:?}");
    };
    join_all([429, 500, 503].map(once)).await;
}

#[tokio::test]
async fn pauses_double_with_jitter() {
    let server = FileServer::start(|_| Reply::new(500)).await;
    let dir = folder();
    let options = DownloadOptions::new().max_retries(2);
    let events = events(download(&server.url("/video.mp4"), &dir).options(options)).await;
    let error = failed_one(&events, ErrorKind::Server);
    assert!(error.is_transient() && error.http_status() == Some(500), "{error}");
    let pauses = pauses(&events);
    assert_eq!((pauses.len(), server.requests().len()), (2, 3));
    for (pause, longest) in pauses.iter().zip([1, 2]) {
        assert!(*pause >= secs(longest) / 2 && *pause <= secs(longest), "{pauses:?}");
    }
    for (pair, pause) in server.requests().windows(2).zip(&pauses) {
        assert!(pair[1].at - pair[0].at >= *pause);
    }
    assert_eq!(names(&dir), [""; 0]);
}

#[tokio::test]
async fn no_retries_means_one_request() {
    let server = FileServer::start(|_| Reply::new(500)).await;
    let dir = folder();
    let options = DownloadOptions::new().max_retries(0);
    let events = events(download(&server.url("/video.mp4"), &dir).options(options)).await;
    failed_one(&events, ErrorKind::Server);
    assert_eq!((events.len(), server.requests().len()), (1, 1));
}

#[tokio::test]
async fn exhausted_retries_leave_a_part_to_resume() {
    let file = File::new(300_000, 1);
    let content = file.clone();
    let server = FileServer::start(move |request| match request.attempt {
        0 => content.reply(request).cut_after(100_000),
        1 | 2 => Reply::new(502),
        _ => content.reply(request),
    })
    .await;
    let dir = folder();
    let url = server.url("/video.mp4");
    let options = DownloadOptions::new().max_retries(1);
    let failure = events(download(&url, &dir).options(options)).await;
    assert!(failed_one(&failure, ErrorKind::Server).is_transient());
    let asked = server.requests().len();
    assert!(asked == 2 || asked == 3, "{failure:#?}");
    assert_eq!((parts(&dir).len(), names(&dir).len()), (1, 2));
    let events = events(download(&url, &dir)).await;
    kept_one(&events, &file.bytes);
    assert_eq!(started(&events), [100_000]);
    assert_eq!(names(&dir), ["video.mp4"]);
}

#[tokio::test]
async fn part_without_validator_is_not_left() {
    let server = FileServer::start(|request| File::new(300_000, 1).etag(None).reply(request).cut_after(100_000)).await;
    let dir = folder();
    let options = DownloadOptions::new().max_retries(0);
    let events = events(download(&server.url("/video.mp4"), &dir).options(options)).await;
    failed_one(&events, ErrorKind::Transport);
    assert_eq!(names(&dir), [""; 0]);
}

/// Bytes that are downloaded again and again are no progress.
#[tokio::test]
async fn server_that_always_cuts_is_given_up() {
    let server = FileServer::start(|request| File::new(300_000, 1).etag(None).reply(request).cut_after(1_000)).await;
    let dir = folder();
    let options = DownloadOptions::new().max_retries(2);
    let events = events(download(&server.url("/video.mp4"), &dir).options(options)).await;
    failed_one(&events, ErrorKind::Transport);
    let asked = server.requests().len();
    assert!(asked == 3 || asked == 4, "{asked}");
}

#[tokio::test]
async fn refused_connection_is_repeated_and_fails() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/video.mp4", listener.local_addr().unwrap());
    drop(listener);
    let dir = folder();
    let events = events(download(&url, &dir).options(DownloadOptions::new().max_retries(1))).await;
    assert!(failed_one(&events, ErrorKind::Transport).is_transient());
    assert_eq!(retried(&events), [ErrorKind::Transport]);
}

#[tokio::test]
async fn server_that_speaks_no_http_fails() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/video.mp4", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"SSH-2.0-OpenSSH_9.2\r\n").await.unwrap();
        }
    });
    let dir = folder();
    let events = events(download(&url, &dir).options(DownloadOptions::new().max_retries(1))).await;
    failed_one(&events, ErrorKind::Transport);
    assert_eq!(names(&dir), [""; 0]);
}

#[tokio::test]
async fn huge_retry_after_does_not_overflow() {
    for text in ["99999999999999999999", "-1", "soon", "18446744073709551615"] {
        let server = FileServer::start(move |_| Reply::new(503).header("retry-after", text)).await;
        let dir = folder();
        let mut download = download(&server.url("/video.mp4"), &dir);
        let first = futures::StreamExt::next(&mut download).await.unwrap();
        let DownloadEvent::Retrying { next_in, .. } = first else { panic!("{first:?}") };
        assert!(next_in >= ms(500), "{next_in:?}");
    }
}

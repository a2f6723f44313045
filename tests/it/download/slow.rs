//! Servers that stall or drip: an attempt that brings less than 1 KiB/s over the stall timeout has failed.

use luma_watch::ErrorKind;

use crate::support::downloads::{
    download, events, failed_one, folder, impatient, kept_one, names, parts, retried, stall_timeout, started,
};
use crate::support::file::File;
use crate::support::file_reply::Reply;
use crate::support::file_server::{FileRequest, FileServer};
use crate::support::in_memory::{ms, secs};

/// Downloads a file whose first attempt is this, and whose later ones are right.
async fn first_attempt(first: impl Fn(&File, &FileRequest) -> Reply + Send + Sync + 'static) -> (FileServer, Vec<u64>) {
    let file = File::new(100_000, 1);
    let content = file.clone();
    let server = FileServer::start(move |request| match request.attempt {
        0 => first(&content, request),
        _ => content.reply(request),
    })
    .await;
    let dir = folder();
    let events = events(download(&server.url("/video.mp4"), &dir).options(impatient())).await;
    kept_one(&events, &file.bytes);
    // On a busy machine, the right one may seem to stall as well.
    let retried = retried(&events);
    assert!(!retried.is_empty() && retried.iter().all(|kind| *kind == ErrorKind::Timeout), "{events:#?}");
    (server, started(&events))
}

#[tokio::test]
async fn stalled_body_is_a_timeout_and_resumed() {
    let (server, started) = first_attempt(|file, request| file.reply(request).stall_after(40_000)).await;
    assert_eq!((&started[..2], &server.ranges()[..2]), (&[0, 40_000][..], &[None, Some(40_000)][..]));
    // The stalled connection is closed, and not used again.
    assert!(server.left() >= 1 && server.connections() >= 2);
}

#[tokio::test]
async fn dripping_body_is_a_timeout_and_resumed() {
    // 200 bytes per second.
    let (server, _) = first_attempt(|file, request| file.reply(request).drip(10, ms(50))).await;
    let resumed = server.ranges()[1].unwrap_or(0);
    assert!(resumed < 1_000, "{resumed}");
}

#[tokio::test]
async fn silent_server_is_a_timeout() {
    let (_, started) = first_attempt(|_, _| Reply::new(200).waits_for(usize::MAX)).await;
    assert_eq!(started[0], 0);
}

#[tokio::test]
async fn stall_at_first_byte_is_a_timeout() {
    first_attempt(|file, request| file.reply(request).stall_after(0)).await;
}

#[tokio::test]
async fn slow_but_steady_body_is_kept() {
    // 10 KiB/s, twice as long as the stall timeout.
    let file = File::new(20 * 1024, 1);
    let content = file.clone();
    let server = FileServer::start(move |request| content.reply(request).drip(1024, ms(100))).await;
    let dir = folder();
    let options = stall_timeout(secs(1));
    let events = events(download(&server.url("/video.mp4"), &dir).options(options)).await;
    kept_one(&events, &file.bytes);
    assert_eq!((retried(&events), server.requests().len()), (vec![], 1));
}

#[tokio::test]
async fn short_last_piece_is_no_stall() {
    // A file smaller than what 1 KiB/s asks for.
    let file = File::new(60, 1);
    let content = file.clone();
    let server = FileServer::start(move |request| content.reply(request).drip(30, ms(100))).await;
    let dir = folder();
    let events = events(download(&server.url("/video.mp4"), &dir).options(stall_timeout(secs(1)))).await;
    kept_one(&events, &file.bytes);
}

#[tokio::test]
async fn stalls_that_last_fail_as_timeout_with_part() {
    let server = FileServer::start(|request| {
        let file = File::new(100_000, 1);
        if request.attempt == 0 { file.reply(request).stall_after(40_000) } else { file.reply(request).stall_after(0) }
    })
    .await;
    let dir = folder();
    let options = impatient().max_retries(1);
    let error =
        failed_one(&events(download(&server.url("/video.mp4"), &dir).options(options)).await, ErrorKind::Timeout);
    assert!(error.is_transient(), "{error}");
    assert_eq!((parts(&dir).len(), names(&dir).len()), (1, 2));
}

//! Extreme settings and extreme records.

use std::time::Duration;

use futures::StreamExt;
use luma_watch::{DownloadEvent, DownloadOptions, ErrorKind};
use tokio::time::sleep;

use crate::support::downloads::{
    client, download, events, failed, failed_one, folder, kept, kept_one, names, retried, task,
};
use crate::support::file::File;
use crate::support::file_server::FileServer;
use crate::support::in_memory::ms;

async fn server() -> FileServer {
    FileServer::start(|request| File::new(300_000, 1).reply(request)).await
}

#[tokio::test]
async fn greatest_settings_are_harmless() {
    let server = server().await;
    let dir = folder();
    let options = DownloadOptions::new()
        .stall_timeout(Duration::MAX)
        .files_at_once(usize::MAX)
        .max_file_size(u64::MAX)
        .max_retries(u32::MAX);
    kept_one(&events(download(&server.url("/video.mp4"), &dir).options(options)).await, &File::new(300_000, 1).bytes);
}

#[tokio::test]
async fn least_settings_end() {
    let server = server().await;
    let dir = folder();
    let download = |options| download(&server.url("/video.mp4"), &dir).options(options);
    let options = DownloadOptions::new();
    failed_one(&events(download(options.clone().max_file_size(0))).await, ErrorKind::TooLarge);
    let events_of_no_time = events(download(options.clone().stall_timeout(Duration::ZERO).max_retries(0))).await;
    assert!(events_of_no_time.last().unwrap().is_terminal());
    kept_one(&events(download(options.files_at_once(0))).await, &File::new(300_000, 1).bytes);
}

/// What the program does between two polls of the stream is no fault of the server.
#[tokio::test]
async fn slow_consumer_is_no_stall() {
    let server = server().await;
    let dir = folder();
    // A busy machine may take some time for the answer.
    let options = DownloadOptions::new().stall_timeout(ms(600));
    let mut download = download(&server.url("/video.mp4"), &dir).options(options);
    let mut seen = Vec::new();
    while let Some(event) = download.next().await {
        seen.push(event);
        sleep(ms(700)).await;
    }
    kept_one(&seen, &File::new(300_000, 1).bytes);
    assert_eq!((retried(&seen), server.requests().len()), (vec![], 1));
}

#[tokio::test]
async fn record_with_thousands_of_urls_ends() {
    let server = FileServer::start(|request| File::new(100, 1).reply(request)).await;
    let bad = (0..3_000).map(|number| format!("ftp://127.0.0.1/{number}/video.mp4"));
    let good = (0..40).map(|number| server.url(&format!("/{number}/video.mp4")));
    let urls: Vec<_> = bad.chain(good).collect();
    let overwrite = DownloadOptions::new().on_collision(luma_watch::OnCollision::Overwrite);
    for options in [DownloadOptions::new(), overwrite] {
        let dir = folder();
        let events = events(client().download(&task(&urls), dir.path()).options(options)).await;
        assert_eq!((kept(&events).len(), failed(&events).len(), names(&dir).len()), (40, 3_000, 40));
    }
}

/// Bytes that have come are shown and stored, also when no more come for a while.
#[tokio::test]
async fn few_bytes_are_on_disk_before_the_stall_ends() {
    let server = FileServer::start(|request| File::new(300_000, 1).reply(request).stall_after(5_000)).await;
    let dir = folder();
    // The stall timeout is 30 s.
    let mut download = download(&server.url("/video.mp4"), &dir);
    let bytes = loop {
        match download.next().await.unwrap() {
            DownloadEvent::Progress { bytes, .. } => break bytes,
            event => assert!(matches!(event, DownloadEvent::Started { .. }), "{event:?}"),
        }
    };
    assert_eq!(bytes, 5_000);
    drop(download);
    assert_eq!(std::fs::metadata(&crate::support::downloads::parts(&dir)[0]).unwrap().len(), 5_000);
}

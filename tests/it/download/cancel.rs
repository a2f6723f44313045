//! A download is lazy, and stops when it is dropped.

use futures::{FutureExt, StreamExt};
use luma_watch::{DownloadEvent, DownloadOptions};
use tokio::time::{sleep, timeout};

use crate::support::downloads::{client, download, drop_after, events, folder, kept_one, names, parts, task, until};
use crate::support::file::File;
use crate::support::file_server::FileServer;
use crate::support::in_memory::ms;

async fn stalling() -> FileServer {
    FileServer::start(|request| match request.attempt {
        0 => File::new(100_000, 1).reply(request).stall_after(40_000),
        _ => File::new(100_000, 1).reply(request),
    })
    .await
}

#[tokio::test]
async fn nothing_happens_before_the_first_poll() {
    let server = stalling().await;
    let dir = folder();
    let place = dir.path().join("made-later");
    let download = client().download(&task(&[server.url("/video.mp4")]), &place).options(DownloadOptions::new());
    let waiting = IntoFuture::into_future(client().download(&task(&[server.url("/video.mp4")]), &place));
    let fetch = client().fetch("x", &place);
    sleep(ms(100)).await;
    assert_eq!((server.connections(), place.exists()), (0, false));
    drop((download, waiting, fetch));
    sleep(ms(100)).await;
    assert_eq!((server.connections(), place.exists()), (0, false));
}

#[tokio::test]
async fn dropped_download_closes_its_connection() {
    let server = stalling().await;
    let dir = folder();
    drop_after(download(&server.url("/video.mp4"), &dir), 1).await;
    until(|| server.left() == 1).await;
    sleep(ms(200)).await;
    assert_eq!((server.requests().len(), parts(&dir).len()), (1, 1));
}

#[tokio::test]
async fn dropped_future_closes_its_connections() {
    let server = FileServer::start(|request| File::new(100_000, 1).reply(request).stall_after(40_000)).await;
    let dir = folder();
    let urls = ["/a.mp4", "/b.mp4", "/c.mp4"].map(|target| server.url(target));
    let future = IntoFuture::into_future(client().download(&task(&urls), dir.path()));
    tokio::select! {
        ended = future => panic!("{ended:?}"),
        () = until(|| server.requests().len() == 3) => {}
    }
    until(|| server.left() == 3).await;
    assert!(names(&dir).iter().all(|name| name.contains(".part")), "{:?}", names(&dir));
}

#[tokio::test]
async fn download_dropped_in_its_pause_sends_nothing_more() {
    let server = FileServer::start(|request| File::new(100_000, 1).reply(request).cut_after(40_000)).await;
    let dir = folder();
    let mut download = download(&server.url("/video.mp4"), &dir);
    while !matches!(download.next().await.unwrap(), DownloadEvent::Retrying { .. }) {}
    drop(download);
    sleep(ms(1_200)).await;
    assert_eq!(server.requests().len(), 1);
}

/// A dropped `next()` loses nothing: the request lives in the download.
#[tokio::test]
async fn dropped_next_loses_no_bytes() {
    let file = File::new(200_000, 1);
    let content = file.clone();
    let server = FileServer::start(move |request| content.reply(request).drip(10_000, ms(5))).await;
    let dir = folder();
    let mut download = download(&server.url("/video.mp4"), &dir);
    let mut seen = Vec::new();
    while !matches!(seen.last(), Some(DownloadEvent::Kept { .. })) {
        match timeout(ms(3), download.next()).await {
            Ok(Some(event)) => seen.push(event),
            Ok(None) => panic!("{seen:?}"),
            Err(_) => {}
        }
    }
    kept_one(&seen, &file.bytes);
    assert_eq!(server.requests().len(), 1);
}

/// A part is free again as soon as its download is dropped.
#[tokio::test]
async fn part_of_a_dropped_download_is_not_locked() {
    let server = stalling().await;
    let dir = folder();
    let url = server.url("/video.mp4");
    drop_after(download(&url, &dir), 1).await;
    kept_one(&events(download(&url, &dir)).await, &File::new(100_000, 1).bytes);
    assert_eq!(names(&dir), ["video.mp4"]);
}

#[tokio::test]
async fn download_goes_on_in_another_task() {
    let file = File::new(200_000, 1);
    let content = file.clone();
    let server = FileServer::start(move |request| content.reply(request).drip(50_000, ms(5))).await;
    let dir = folder();
    let mut download = download(&server.url("/video.mp4"), &dir);
    let first = download.next().await.unwrap();
    assert!(!first.is_terminal());
    let rest = tokio::spawn(events(download)).await.unwrap();
    kept_one(&rest, &file.bytes);
}

#[test]
fn download_is_made_and_dropped_without_a_runtime() {
    let dir = folder();
    drop(download("http://127.0.0.1:9/video.mp4", &dir));
    drop(client().fetch("x", dir.path()));
    assert_eq!(names(&dir), [""; 0]);
}

#[tokio::test]
async fn first_poll_does_not_wait() {
    let server = stalling().await;
    let dir = folder();
    let mut download = download(&server.url("/video.mp4"), &dir);
    assert!(download.next().now_or_never().is_none());
}

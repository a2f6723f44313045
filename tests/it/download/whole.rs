//! Files that arrive without a fault: bytes, names, digests, events, and how many at once.

use futures::StreamExt;
use futures::stream::FusedStream;
use luma_watch::{Client, Download, DownloadEvent, DownloadOptions, ErrorKind, Task};
use serde_json::{from_value, json, to_value};
use sha2::{Digest, Sha256};

use crate::support::downloads::{client, download, events, failed, folder, kept, kept_one, names, task};
use crate::support::file::File;
use crate::support::file_reply::Reply;
use crate::support::file_server::FileServer;
use crate::support::in_memory::ms;

/// A server that gives this file for every target.
async fn server(file: &File) -> FileServer {
    let file = file.clone();
    FileServer::start(move |request| file.reply(request)).await
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[tokio::test]
async fn file_is_kept_with_bytes_digest_and_name() {
    let file = File::new(300_000, 1);
    let server = server(&file).await;
    let dir = folder();
    let events = events(download(&server.url("/results/video.mp4?sig=1"), &dir)).await;
    let kept = kept_one(&events, &file.bytes);
    assert_eq!(kept.path, dir.path().join("video.mp4"));
    assert_eq!(kept.sha256, sha256(&file.bytes));
    assert_eq!(names(&dir), ["video.mp4"]);
    let [request] = server.requests().try_into().unwrap();
    assert!(request.head.starts_with("GET /results/video.mp4?sig=1 HTTP/1.1\r\n"), "{request:?}");
    assert_eq!((request.range(), request.header("accept-encoding")), (None, Some("identity")));
    assert_eq!(request.header("if-range"), None);
}

#[tokio::test]
async fn events_come_in_order_with_growing_bytes() {
    let file = File::new(1_000_000, 1);
    let server = server(&file).await;
    let dir = folder();
    let url = server.url("/video.mp4");
    let events = events(download(&url, &dir)).await;
    assert!(events.iter().all(|event| event.url() == Some(url.as_str())), "{events:#?}");
    let (first, rest) = events.split_first().unwrap();
    let all = Some(1_000_000);
    assert!(matches!(first, DownloadEvent::Started { size, resumed_from: 0, .. } if *size == all), "{first:?}");
    let (last, progress) = rest.split_last().unwrap();
    assert!(matches!(last, DownloadEvent::Kept { bytes: 1_000_000, .. }), "{last:?}");
    assert!(!progress.is_empty());
    let mut before = 0;
    for event in progress {
        let DownloadEvent::Progress { bytes, size, .. } = event else { panic!("{event:?}") };
        assert!(*bytes >= before && *bytes <= 1_000_000 && *size == all, "{event:?} after {before}");
        before = *bytes;
    }
    assert!(events.iter().all(|event| event.is_terminal() == matches!(event, DownloadEvent::Kept { .. })));
}

#[tokio::test]
async fn ended_stream_stays_ended() {
    let server = server(&File::new(100, 1)).await;
    let dir = folder();
    let mut download = download(&server.url("/video.mp4"), &dir);
    assert!(!download.is_terminated());
    while download.next().await.is_some() {}
    for _ in 0..3 {
        assert!(download.is_terminated() && download.next().await.is_none());
    }
}

#[tokio::test]
async fn future_gives_files_in_order_of_urls() {
    let server = FileServer::start(|request| {
        let seed = u64::from(request.target().as_bytes()[1]);
        let file = File::new(100, seed).reply(request);
        // The first one is ready last.
        if request.target() == "/a.mp4" { file.drip(10, ms(30)) } else { file }
    })
    .await;
    let dir = folder();
    let urls = ["/a.mp4", "/b.mp4", "/c.mp4"].map(|target| server.url(target));
    let record = [&urls[..], &urls[..1]].concat();
    let files = client().download(&task(&record), dir.path()).await.unwrap();
    assert_eq!(files.iter().map(|file| file.url.clone()).collect::<Vec<_>>(), urls);
    for (file, name) in files.iter().zip(["a.mp4", "b.mp4", "c.mp4"]) {
        let content = File::new(100, u64::from(name.as_bytes()[0])).bytes;
        assert_eq!((&file.path, file.bytes), (&dir.path().join(name), 100));
        assert_eq!(file.sha256, sha256(&content));
        assert!(std::fs::read(&file.path).unwrap() == content);
    }
}

#[tokio::test]
async fn files_at_once_bounds_open_requests() {
    for (at_once, most) in [(DownloadOptions::new().files_at_once(2), 2), (DownloadOptions::new(), 4)] {
        let server = FileServer::start(move |request| {
            // The first ones wait for as many as are allowed; each takes a while.
            let waits_for = if request.target().len() > 5 { most } else { 0 };
            File::new(400, 1).reply(request).waits_for(waits_for).drip(100, ms(10))
        })
        .await;
        let dir = folder();
        let first = (0..most).map(|number| server.url(&format!("/{number}.first")));
        let urls: Vec<_> = first.chain((0..8).map(|number| server.url(&format!("/{number}.m")))).collect();
        let events = events(client().download(&task(&urls), dir.path()).options(at_once)).await;
        assert_eq!(kept(&events).len(), urls.len());
        assert_eq!(server.most_at_once(), most);
    }
}

#[tokio::test]
async fn one_failed_file_stops_no_other() {
    let server = FileServer::start(|request| match request.target() {
        "/gone.mp4" => Reply::new(404),
        _ => File::new(100, 1).reply(request),
    })
    .await;
    let dir = folder();
    let task = task(&["/gone.mp4", "/a.mp4", "/b.mp4"].map(|target| server.url(target)));
    let events = events(client().download(&task, dir.path()).options(DownloadOptions::new().files_at_once(1))).await;
    assert_eq!(kept(&events).len(), 2);
    assert_eq!(failed(&events).iter().map(|error| error.kind()).collect::<Vec<_>>(), [ErrorKind::Expired]);
    // The future says the failure, after the others are kept.
    let other = folder();
    let error = client().download(&task, other.path()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Expired);
    assert_eq!(names(&other), ["a.mp4", "b.mp4"]);
}

#[tokio::test]
async fn each_url_ends_once_and_last() {
    let server = FileServer::start(|request| match request.target().as_bytes()[1] {
        b'0'..=b'4' => File::new(50_000, 1).reply(request),
        _ => Reply::new(410),
    })
    .await;
    let dir = folder();
    let urls: Vec<_> = (0..10).map(|number| server.url(&format!("/{number}.mp4"))).collect();
    let events = events(client().download(&task(&urls), dir.path())).await;
    for url in &urls {
        let ends: Vec<_> =
            events.iter().filter(|event| event.url() == Some(url)).map(DownloadEvent::is_terminal).collect();
        assert_eq!(ends.iter().filter(|is_end| **is_end).count(), 1, "{events:#?}");
        assert_eq!(ends.last(), Some(&true), "{events:#?}");
    }
}

#[tokio::test]
async fn url_given_twice_is_downloaded_once() {
    let server = server(&File::new(100, 1)).await;
    let dir = folder();
    let (a, b) = (server.url("/a.mp4"), server.url("/b.mp4"));
    let task = task(&[&a, &b, &a, &a]);
    let events = events(client().download(&task, dir.path())).await;
    assert_eq!(kept(&events).len(), 2);
    assert_eq!((server.requests().len(), names(&dir)), (2, vec!["a.mp4".to_owned(), "b.mp4".to_owned()]));
}

#[tokio::test]
async fn task_without_urls_is_one_missing_result() {
    for status in ["SUCCESS", "CALLBACK_FAILED", "GENERATING"] {
        let task: Task = from_value(json!({ "id": "x", "status": status })).unwrap();
        let dir = folder();
        let events = events(client().download(&task, dir.path())).await;
        let [DownloadEvent::Failed { url: None, error, .. }] = &events[..] else { panic!("{events:?}") };
        assert_eq!((error.kind(), error.task_id()), (ErrorKind::MissingResult, Some(task.id())));
        let error = client().download(&task, dir.path()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MissingResult);
        assert_eq!(names(&dir), [""; 0]);
    }
}

#[tokio::test]
async fn missing_folders_are_made() {
    let file = File::new(100, 1);
    let server = server(&file).await;
    let dir = folder();
    let deep = dir.path().join("a/b/c");
    let events = events(client().download(&task(&[server.url("/video.mp4")]), &deep)).await;
    assert_eq!(kept_one(&events, &file.bytes).path, deep.join("video.mp4"));
}

#[tokio::test]
async fn media_type_with_parameters_is_kept() {
    for content_type in [
        "video/mp4",
        "VIDEO/MP4; codecs=\"avc1\"",
        "application/octet-stream",
        "binary/octet-stream",
        "image/png",
        "audio/mpeg",
    ] {
        let file = File::new(100, 1);
        let content = file.clone();
        let server =
            FileServer::start(move |request| content.reply(request).header("content-type", content_type)).await;
        let dir = folder();
        kept_one(&events(download(&server.url("/video.mp4"), &dir)).await, &file.bytes);
    }
}

#[tokio::test]
async fn events_are_written_with_url_and_numbers() {
    let server = server(&File::new(100, 1)).await;
    let dir = folder();
    let url = server.url("/video.mp4");
    let events = events(download(&url, &dir)).await;
    for event in &events {
        let written = to_value(event).unwrap().to_string();
        assert!(written.contains(&url), "{written}");
    }
    let last = to_value(events.last().unwrap()).unwrap().to_string();
    assert!(last.contains("100") && last.contains(&kept(&events)[0].sha256), "{last}");
}

#[test]
fn download_is_send_unpin_and_static() {
    fn check<T: Send + Unpin + std::fmt::Debug + 'static>(_: &T) {}
    let client: Client = client();
    check(&client.download(&task(&["http://127.0.0.1:9/a"]), "x"));
    check(&client.fetch("x", "x"));
    let download: Download = client.download(&task(&["http://127.0.0.1:9/a"]), "x");
    assert_eq!(download.task_id(), "task-1");
}

//! A connection that ends in the middle: the rest is asked for, and not the whole file again.

use futures::StreamExt;
use luma_watch::{DownloadEvent, DownloadOptions, ErrorKind};

use crate::support::downloads::{
    client, download, drop_after, events, folder, kept_one, names, parts, retried, started, task, until,
};
use crate::support::file::File;
use crate::support::file_server::FileServer;

/// A server that cuts the first answers after this many bytes, and sends the rest as asked.
async fn cutting(file: &File, cuts: Vec<usize>) -> FileServer {
    let file = file.clone();
    FileServer::start(move |request| match cuts.get(request.attempt) {
        Some(cut) => file.reply(request).cut_after(*cut),
        None => file.reply(request),
    })
    .await
}

#[tokio::test]
async fn cut_file_is_resumed_by_range() {
    let file = File::new(300_000, 1);
    let server = cutting(&file, vec![100_000]).await;
    let dir = folder();
    let events = events(download(&server.url("/video.mp4"), &dir)).await;
    kept_one(&events, &file.bytes);
    assert_eq!(retried(&events), [ErrorKind::Transport]);
    assert_eq!(started(&events), [0, 100_000]);
    assert_eq!(server.ranges(), [None, Some(100_000)]);
    let requests = server.requests();
    assert_eq!((requests[0].header("if-range"), requests[1].header("if-range")), (None, Some("\"1\"")));
    assert_eq!(names(&dir), ["video.mp4"]);
}

#[tokio::test]
async fn resumed_file_has_digest_of_whole() {
    let file = File::new(200_000, 1);
    let (cut, whole) = (cutting(&file, vec![70_000]).await, cutting(&file, vec![]).await);
    let dir = folder();
    let digest = async |server: &FileServer| {
        kept_one(&events(download(&server.url("/video.mp4"), &dir)).await, &file.bytes).sha256
    };
    assert_eq!(digest(&cut).await, digest(&whole).await);
}

#[tokio::test]
async fn retry_event_comes_before_second_request() {
    let file = File::new(300_000, 1);
    let server = cutting(&file, vec![100_000]).await;
    let dir = folder();
    let mut download = download(&server.url("/video.mp4"), &dir);
    let next_in = loop {
        match download.next().await.unwrap() {
            DownloadEvent::Retrying { next_in, error, .. } => {
                assert!(error.is_transient(), "{error}");
                break next_in;
            }
            event => assert!(!event.is_terminal(), "{event:?}"),
        }
    };
    assert_eq!(server.requests().len(), 1);
    // 1 s, and between half of it and all of it by jitter.
    assert!(next_in.as_millis() >= 500 && next_in.as_millis() <= 1_000, "{next_in:?}");
    kept_one(&events(download).await, &file.bytes);
    let requests = server.requests();
    assert!(requests[1].at - requests[0].at >= next_in, "{requests:?}");
}

#[tokio::test]
async fn progress_never_goes_back_while_resumed() {
    let file = File::new(300_000, 1);
    let server = cutting(&file, vec![100_000, 100_000]).await;
    let dir = folder();
    let events = events(download(&server.url("/video.mp4"), &dir)).await;
    kept_one(&events, &file.bytes);
    let bytes = events.iter().filter_map(|event| match event {
        DownloadEvent::Progress { bytes, .. } => Some(*bytes),
        _ => None,
    });
    assert!(bytes.is_sorted(), "{events:#?}");
    assert_eq!(started(&events), [0, 100_000, 200_000]);
    let sizes = events.iter().filter_map(|event| match event {
        DownloadEvent::Started { size, .. } | DownloadEvent::Progress { size, .. } => Some(*size),
        _ => None,
    });
    assert!(sizes.into_iter().all(|size| size == Some(300_000)), "{events:#?}");
}

#[tokio::test]
async fn progress_renews_the_retries() {
    let file = File::new(300_000, 1);
    // Three failed attempts, each of which brings bytes; one failed attempt without bytes is allowed.
    let server = cutting(&file, vec![50_000, 50_000, 50_000]).await;
    let dir = folder();
    let download = download(&server.url("/video.mp4"), &dir).options(DownloadOptions::new().max_retries(1));
    let events = events(download).await;
    kept_one(&events, &file.bytes);
    assert_eq!(server.ranges(), [None, Some(50_000), Some(100_000), Some(150_000)]);
}

#[tokio::test]
async fn strong_last_modified_serves_as_validator() {
    const DATE: &str = "Thu, 26 Nov 2026 10:00:00 GMT";
    let file = File::new(300_000, 1).etag(None).last_modified(DATE);
    let server = cutting(&file, vec![100_000]).await;
    let dir = folder();
    let events = events(download(&server.url("/video.mp4"), &dir)).await;
    kept_one(&events, &file.bytes);
    assert_eq!(server.ranges(), [None, Some(100_000)]);
    assert_eq!(server.requests()[1].header("if-range"), Some(DATE));
}

#[tokio::test]
async fn dropped_download_is_resumed_by_a_new_one() {
    let file = File::new(300_000, 1);
    let content = file.clone();
    let server = FileServer::start(move |request| match request.attempt {
        0 => content.reply(request).stall_after(100_000),
        _ => content.reply(request),
    })
    .await;
    let dir = folder();
    let url = server.url("/video.mp4");
    drop_after(download(&url, &dir), 1).await;
    until(|| server.left() == 1).await;
    let [part] = parts(&dir).try_into().unwrap();
    let name = part.file_name().unwrap().to_str().unwrap();
    let hash = name.strip_prefix("video.mp4.").unwrap().strip_suffix(".part").unwrap();
    assert!(hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{name}");
    assert_eq!(names(&dir), [name.to_owned(), format!("{name}.json")]);
    let events = events(download(&url, &dir)).await;
    let kept = kept_one(&events, &file.bytes);
    assert_eq!((kept.name(), names(&dir)), ("video.mp4", vec!["video.mp4".to_owned()]));
    let resumed = server.ranges()[1].unwrap();
    assert!(resumed > 0 && resumed <= 100_000, "{resumed}");
    assert_eq!(started(&events), [resumed as u64]);
    assert_eq!(server.requests()[1].header("if-range"), Some("\"1\""));
}

#[tokio::test]
async fn part_of_another_url_is_not_resumed() {
    let (a, b) = (File::new(300_000, 1), File::new(300_000, 2));
    let (first, second) = (a.clone(), b.clone());
    let server = FileServer::start(move |request| match request.target() {
        "/video.mp4?a" => first.reply(request).stall_after(100_000),
        _ => second.reply(request),
    })
    .await;
    let dir = folder();
    drop_after(download(&server.url("/video.mp4?a"), &dir), 1).await;
    let events = events(download(&server.url("/video.mp4?b"), &dir)).await;
    kept_one(&events, &b.bytes);
    assert_eq!((server.ranges(), parts(&dir).len()), (vec![None, None], 1));
}

#[tokio::test]
async fn two_files_are_resumed_each_from_its_own_byte() {
    let server = FileServer::start(|request| {
        let (file, cut) = match request.target() {
            "/a.mp4" => (File::new(200_000, 1), 50_000),
            _ => (File::new(100_000, 2), 80_000),
        };
        if request.attempt == 0 { file.reply(request).cut_after(cut) } else { file.reply(request) }
    })
    .await;
    let dir = folder();
    let task = task(&[server.url("/a.mp4"), server.url("/b.mp4")]);
    let files = client().download(&task, dir.path()).await.unwrap();
    assert!(std::fs::read(&files[0].path).unwrap() == File::new(200_000, 1).bytes);
    assert!(std::fs::read(&files[1].path).unwrap() == File::new(100_000, 2).bytes);
    let mut ranges = server.ranges();
    ranges.sort_unstable();
    assert_eq!(ranges, [None, None, Some(50_000), Some(80_000)]);
}

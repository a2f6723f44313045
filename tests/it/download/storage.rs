//! Folders that cannot be written to.

use std::path::Path;
use std::{env, fs};

use luma_watch::ErrorKind;

use crate::support::child::{Child, is_child, report};
use crate::support::downloads::{
    client, download, events, failed_one, folder, kept, kept_one, names, parts, started, task,
};
use crate::support::file::File;
use crate::support::file_server::FileServer;

const URL: &str = "LUMA_WATCH_TEST_URL";
const FOLDER: &str = "LUMA_WATCH_TEST_FOLDER";

async fn server() -> FileServer {
    FileServer::start(|request| File::new(1_000, 1).reply(request)).await
}

/// The download fails for good, with a text that names the place.
async fn assert_storage(place: &Path) {
    let server = server().await;
    let events = events(client().download(&task(&[server.url("/video.mp4")]), place)).await;
    let error = failed_one(&events, ErrorKind::Storage);
    assert!(!error.is_transient(), "{error}");
    assert!(error.to_string().contains(place.to_str().unwrap()), "{error}");
    assert!(std::error::Error::source(&error).is_some(), "{error:?}");
    assert!(server.requests().len() <= 1, "{:?}", server.requests());
}

#[tokio::test]
async fn file_in_the_place_of_the_folder_is_a_storage_error() {
    let dir = folder();
    let file = dir.path().join("taken");
    fs::write(&file, "mine").unwrap();
    assert_storage(&file).await;
    assert_storage(&file.join("below")).await;
    assert_eq!(fs::read(&file).unwrap(), b"mine");
}

/// Nobody makes files there, root included.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn folder_that_cannot_be_made_is_a_storage_error() {
    assert_storage(Path::new("/proc/luma-watch/videos")).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn folder_that_cannot_be_written_is_a_storage_error() {
    assert_storage(Path::new("/proc")).await;
}

#[tokio::test]
async fn name_with_a_zero_byte_is_a_storage_error() {
    let server = server().await;
    let events = events(client().download(&task(&[server.url("/video.mp4")]), "a\0b")).await;
    failed_one(&events, ErrorKind::Storage);
}

/// A process of its own, in which no file may be larger than some kilobytes.
#[tokio::test]
async fn downloads_with_little_space() {
    if is_child() {
        let (url, folder) = (env::var(URL).unwrap(), env::var(FOLDER).unwrap());
        let error = client().download(&task(&[url]), folder).await.unwrap_err();
        report(&format!("{}: {error}", error.kind()));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn full_disk_is_a_storage_error_that_is_gone_on_from() {
    let file = File::new(1_000_000, 1);
    let content = file.clone();
    let server = FileServer::start(move |request| content.reply(request)).await;
    let dir = folder();
    let url = server.url("/video.mp4");
    let child = Child::with_file_limit("download::storage::downloads_with_little_space", 400);
    let child = child.set(URL, &url).set(FOLDER, dir.path());
    let report = tokio::task::spawn_blocking(move || child.run()).await.unwrap();
    assert!(report.starts_with("storage: ") && report.contains("video.mp4"), "{report}");
    let [part] = parts(&dir).try_into().unwrap();
    let on_disk = part.metadata().unwrap().len();
    assert!(on_disk > 0 && on_disk < 500_000, "{on_disk}");
    // With more space, it goes on.
    let events = events(download(&url, &dir)).await;
    kept_one(&events, &file.bytes);
    assert_eq!((started(&events), names(&dir)), (vec![on_disk], vec!["video.mp4".to_owned()]));
}

#[tokio::test]
async fn folder_removed_in_the_middle_ends_in_order() {
    let server = FileServer::start(|request| match request.attempt {
        0 => File::new(100_000, 1).reply(request).cut_after(40_000),
        _ => File::new(100_000, 1).reply(request),
    })
    .await;
    let dir = folder();
    let place = dir.path().join("videos");
    let mut download = client().download(&task(&[server.url("/video.mp4")]), &place);
    let mut seen = Vec::new();
    while let Some(event) = futures::StreamExt::next(&mut download).await {
        if matches!(event, luma_watch::DownloadEvent::Retrying { .. }) {
            fs::remove_dir_all(&place).unwrap();
        }
        seen.push(event);
    }
    if kept(&seen).is_empty() {
        failed_one(&seen, ErrorKind::Storage);
    } else {
        kept_one(&seen, &File::new(100_000, 1).bytes);
        assert_eq!(names(&place), ["video.mp4"]);
    }
}

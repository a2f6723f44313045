//! Folders that cannot be written to.

use std::fs;
use std::path::Path;

use luma_watch::{DownloadOptions, ErrorKind};

use crate::support::downloads::{
    client, download, drop_after, events, failed_one, folder, kept, kept_one, names, parts, task,
};
use crate::support::file::File;
use crate::support::file_server::FileServer;

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

/// No space: a file is refused by its folder in the middle.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn full_disk_is_a_storage_error_that_leaves_nothing() {
    // A folder whose part file is a device that is always full.
    let server = FileServer::start(|request| match request.attempt {
        0 => File::new(1_000_000, 1).reply(request).stall_after(100_000),
        _ => File::new(1_000_000, 1).reply(request),
    })
    .await;
    let dir = folder();
    let url = server.url("/video.mp4");
    drop_after(download(&url, &dir), 1).await;
    let [part] = parts(&dir).try_into().unwrap();
    fs::remove_file(&part).unwrap();
    std::os::unix::fs::symlink("/dev/full", &part).unwrap();
    // A link is not written through: it is replaced, or refused.
    let events = events(download(&url, &dir).options(DownloadOptions::new().max_retries(1))).await;
    if kept(&events).is_empty() {
        failed_one(&events, ErrorKind::Storage);
    } else {
        assert_eq!(kept_one(&events, &File::new(1_000_000, 1).bytes).name(), "video.mp4");
    }
    assert!(Path::new("/dev/full").exists());
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

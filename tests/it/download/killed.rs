//! A process killed in the middle of a download: the next one goes on where it stopped.

use std::env;
use std::path::{Path, PathBuf};

use crate::support::child::{Child, is_child};
use crate::support::downloads::{client, download, events, folder, kept_one, names, parts, started, task, until};
use crate::support::file::File;
use crate::support::file_server::FileServer;

const URL: &str = "LUMA_WATCH_TEST_URL";
const FOLDER: &str = "LUMA_WATCH_TEST_FOLDER";

/// Downloads until it is killed.
#[tokio::test]
async fn downloads_in_a_process_of_its_own() {
    if is_child() {
        let (url, folder) = (env::var(URL).unwrap(), PathBuf::from(env::var_os(FOLDER).unwrap()));
        client().download(&task(&[url]), folder).await.unwrap();
    }
}

/// How many bytes of an unfinished file are written down.
fn written(part: &Path) -> Option<u64> {
    let mut record = part.as_os_str().to_owned();
    record.push(".json");
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(record).ok()?).ok()?;
    record["bytes"].as_u64()
}

#[tokio::test]
async fn killed_process_is_resumed_by_another() {
    let file = File::new(300_000, 1);
    let content = file.clone();
    let server = FileServer::start(move |request| match request.attempt {
        0 => content.reply(request).stall_after(100_000),
        _ => content.reply(request),
    })
    .await;
    let dir = folder();
    let url = server.url("/video.mp4");
    let child = Child::of("download::killed::downloads_in_a_process_of_its_own").set(URL, &url).set(FOLDER, dir.path());
    let mut child = child.spawn();
    let on_disk = || parts(&dir).first().and_then(|part| written(part)).unwrap_or(0);
    until(|| on_disk() > 0).await;
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    let left = on_disk();
    assert!(left > 0 && left <= 100_000, "{left}");
    let events = events(download(&url, &dir)).await;
    kept_one(&events, &file.bytes);
    assert_eq!((started(&events), server.ranges()), (vec![left], vec![None, Some(left.try_into().unwrap())]));
    assert_eq!(server.requests()[1].header("if-range"), Some("\"1\""));
    assert_eq!(names(&dir), ["video.mp4"]);
}

/// Two processes on one folder at once: both end with a right file.
#[tokio::test]
async fn two_processes_share_one_folder() {
    let file = File::new(200_000, 1);
    let content = file.clone();
    let server =
        FileServer::start(move |request| content.reply(request).drip(16_384, crate::support::in_memory::ms(10))).await;
    let dir = folder();
    let url = server.url("/video.mp4");
    let child = Child::of("download::killed::downloads_in_a_process_of_its_own").set(URL, &url).set(FOLDER, dir.path());
    let mut child = child.spawn();
    until(|| !server.requests().is_empty()).await;
    let events = events(download(&url, &dir)).await;
    kept_one(&events, &file.bytes);
    let ended = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
    assert!(ended.success());
    assert_eq!(names(&dir), ["video-1.mp4", "video.mp4"]);
    for name in names(&dir) {
        assert!(std::fs::read(dir.path().join(name)).unwrap() == file.bytes);
    }
}

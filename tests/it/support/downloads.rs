//! Downloads in tests: a client, a task with these URLs, the events, the folder.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, iter};

use futures::StreamExt;
use luma_watch::{Client, Download, DownloadEvent, DownloadOptions, Error, ErrorKind, Task};
use serde_json::{from_value, json};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::in_memory::ms;

pub(crate) const KEY: &str = "sk-5up3rs3cr3t";
/// A test that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client of a gateway on loopback: downloads from private addresses are allowed.
pub(crate) fn client() -> Client {
    Client::builder(KEY).base_url("http://127.0.0.1:9").build().unwrap()
}

/// A task that has succeeded, with these results.
pub(crate) fn task(urls: &[impl AsRef<str>]) -> Task {
    let urls: Vec<_> = urls.iter().map(AsRef::as_ref).collect();
    from_value(json!({ "id": "task-1", "status": "SUCCESS", "result_urls": urls })).unwrap()
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Options for tests: a stalled connection is noticed after 200 ms.
pub(crate) fn impatient() -> DownloadOptions {
    stall_timeout(ms(200))
}

/// The HTTP client is made before. On a busy machine, that takes longer than such a short time.
pub(crate) fn stall_timeout(time: Duration) -> DownloadOptions {
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    DownloadOptions::new().http_client(client).stall_timeout(time)
}

/// The download of one URL.
pub(crate) fn download(url: &str, dir: &TempDir) -> Download {
    client().download(&task(&[url]), dir.path())
}

/// All events, to the end.
pub(crate) async fn events(download: Download) -> Vec<DownloadEvent> {
    timeout(PATIENCE, download.collect()).await.expect("the download ends")
}

/// The download is polled until a file has at least so many bytes, and then dropped.
pub(crate) async fn drop_after(mut download: Download, at_least: u64) {
    let reached = async {
        while let Some(event) = download.next().await {
            assert!(!event.is_terminal(), "{event:?}");
            if matches!(event, DownloadEvent::Progress { bytes, .. } if bytes >= at_least) {
                return;
            }
        }
    };
    timeout(PATIENCE, reached).await.expect("progress is reported");
}

/// Waits until this is so.
pub(crate) async fn until(mut condition: impl FnMut() -> bool) {
    let met = async {
        while !condition() {
            sleep(ms(5)).await;
        }
    };
    timeout(PATIENCE, met).await.expect("what the test waits for happens");
}

/// A kept file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kept {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

impl Kept {
    pub(crate) fn name(&self) -> &str {
        self.path.file_name().unwrap().to_str().unwrap()
    }
}

/// The files of the `Kept` events.
pub(crate) fn kept(events: &[DownloadEvent]) -> Vec<Kept> {
    let kept = events.iter().filter_map(|event| match event {
        DownloadEvent::Kept { path, bytes, sha256, .. } => {
            Some(Kept { path: path.clone(), bytes: *bytes, sha256: sha256.clone() })
        }
        _ => None,
    });
    kept.collect()
}

/// The one file of a download that kept one, with its content checked.
#[track_caller]
pub(crate) fn kept_one(events: &[DownloadEvent], content: &[u8]) -> Kept {
    let [kept] = kept(events).try_into().unwrap_or_else(|kept| panic!("{kept:?} kept: {events:#?}"));
    assert!(fs::read(&kept.path).unwrap() == content, "the bytes of {kept:?} are not those of the server");
    assert_eq!(kept.bytes, content.len() as u64);
    assert!(matches!(events.last(), Some(DownloadEvent::Kept { .. })), "{events:#?}");
    kept
}

/// The errors of the `Failed` events.
pub(crate) fn failed(events: &[DownloadEvent]) -> Vec<&Error> {
    let failed = events.iter().filter_map(|event| match event {
        DownloadEvent::Failed { error, .. } => Some(error),
        _ => None,
    });
    failed.collect()
}

/// The error of a download that kept nothing.
#[track_caller]
pub(crate) fn failed_one(events: &[DownloadEvent], kind: ErrorKind) -> Error {
    let [error] = failed(events).try_into().unwrap_or_else(|failed| panic!("{failed:?} failed: {events:#?}"));
    assert_eq!(error.kind(), kind, "{error}");
    assert!(matches!(events.last(), Some(DownloadEvent::Failed { .. })), "{events:#?}");
    assert_eq!(kept(events), []);
    error.clone()
}

/// The kind of each failed attempt that was repeated.
pub(crate) fn retried(events: &[DownloadEvent]) -> Vec<ErrorKind> {
    let retried = events.iter().filter_map(|event| match event {
        DownloadEvent::Retrying { error, .. } => Some(error.kind()),
        _ => None,
    });
    retried.collect()
}

/// From which byte each attempt that delivered bytes went on.
pub(crate) fn started(events: &[DownloadEvent]) -> Vec<u64> {
    let started = events.iter().filter_map(|event| match event {
        DownloadEvent::Started { resumed_from, .. } => Some(*resumed_from),
        _ => None,
    });
    started.collect()
}

/// The names in a folder, in order.
pub(crate) fn names(dir: impl AsRef<Path>) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = entries.collect();
    names.sort();
    names
}

/// The unfinished files in a folder.
pub(crate) fn parts(dir: &TempDir) -> Vec<PathBuf> {
    let parts = names(dir).into_iter().filter(|name| name.rsplit('.').next() == Some("part"));
    parts.map(|name| dir.path().join(name)).collect()
}

/// The error's sentence and its causes. (Its `Debug` form shows the task, as that of each error does.)
pub(crate) fn whole_text(error: &Error) -> String {
    let causes = iter::successors(std::error::Error::source(error), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text} {cause} {cause:?}"))
}

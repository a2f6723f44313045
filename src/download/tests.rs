//! Downloads in virtual time: attempts, pauses, and what stays on disk.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use futures::StreamExt;
use tempfile::TempDir;
use tokio::time::Instant;

use super::{DownloadEvent, DownloadOptions, OnCollision};
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::simulator::{Fault, SimulatedTask, Simulator};
use crate::task::TaskId;

const SIZE: usize = 300_000;

struct Host {
    simulator: Simulator,
    client: Client,
    id: TaskId,
    folder: TempDir,
}

/// A task that has ended with one file.
fn host() -> Host {
    host_of(SimulatedTask::new())
}

fn host_of(task: SimulatedTask) -> Host {
    let simulator = Simulator::new();
    let id = simulator.add(task.generates_for(Duration::ZERO).result_size(SIZE));
    let client = Client::builder("test-key").simulator(&simulator).build().unwrap();
    Host { simulator, client, id, folder: tempfile::tempdir().unwrap() }
}

impl Host {
    async fn events(&self, options: DownloadOptions) -> Vec<DownloadEvent> {
        let task = self.client.status(&self.id).await.unwrap();
        self.client.download(&task, self.folder.path()).options(options).collect().await
    }

    async fn failure(&self, options: DownloadOptions) -> Error {
        match self.events(options).await.pop() {
            Some(DownloadEvent::Failed { error, .. }) => error,
            other => panic!("{other:?}"),
        }
    }

    fn names(&self) -> Vec<String> {
        names(self.folder.path())
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.collect();
    names.sort();
    names
}

fn pauses(events: &[DownloadEvent]) -> Vec<Duration> {
    let pause = |event: &DownloadEvent| match event {
        DownloadEvent::Retrying { next_in, .. } => Some(*next_in),
        _ => None,
    };
    events.iter().filter_map(pause).collect()
}

#[tokio::test(start_paused = true)]
async fn good_file_is_started_and_kept() {
    let host = host();
    let events = host.events(DownloadOptions::new()).await;
    let [DownloadEvent::Started { size, resumed_from: 0, .. }, .., DownloadEvent::Kept { path, bytes, sha256, .. }] =
        &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!((*size, *bytes), (Some(SIZE as u64), SIZE as u64));
    assert_eq!(host.names(), [format!("{}.mp4", host.id)]);
    assert_eq!(fs::read(path).unwrap().len(), SIZE);
    // Of the simulator's pattern, by sha256sum.
    assert_eq!(sha256, "dc705987e43d35e6ff8845bed9c0359dd425ecc9c910b3190c80456922b03397");
}

#[tokio::test(start_paused = true)]
async fn nothing_happens_before_first_poll() {
    let host = host();
    let task = host.client.status(&host.id).await.unwrap();
    let folder = host.folder.path().join("new");
    let download = host.client.download(&task, &folder);
    tokio::time::sleep(Duration::from_secs(60)).await;
    drop(download);
    assert!(!folder.exists());
}

#[tokio::test(start_paused = true)]
async fn pauses_double_up_to_30_s() {
    let host = host();
    host.simulator.inject(Fault::status(500).always().on_files());
    let since = Instant::now();
    let events = host.events(DownloadOptions::new()).await;
    let pauses = pauses(&events);
    let bounds = [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000].map(Duration::from_millis);
    assert_eq!(pauses.len(), bounds.len());
    for (pause, bound) in pauses.iter().zip(bounds) {
        assert!((bound / 2..=bound).contains(pause), "{pauses:?}");
    }
    assert!(since.elapsed() >= pauses.iter().sum());
    let Some(DownloadEvent::Failed { error, .. }) = events.last() else { panic!("{events:?}") };
    assert_eq!((error.kind(), error.http_status(), error.is_transient()), (ErrorKind::Server, Some(500), true));
    assert!(error.to_string().contains("9 attempts in a row failed"), "{error}");
    assert_eq!(host.names(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn cut_file_is_resumed_and_progress_resets_count() {
    let host = host();
    // Each attempt brings half of the rest.
    host.simulator.inject(Fault::truncated().times(5).on_files());
    let events = host.events(DownloadOptions::new().max_retries(1)).await;
    let starts: Vec<u64> = events
        .iter()
        .filter_map(|event| match event {
            DownloadEvent::Started { resumed_from, .. } => Some(*resumed_from),
            _ => None,
        })
        .collect();
    assert_eq!(starts, [0, 150_000, 225_000, 262_500, 281_250, 290_625]);
    assert!(pauses(&events).iter().all(|pause| *pause <= Duration::from_secs(1)), "{events:?}");
    assert!(matches!(events.last(), Some(DownloadEvent::Kept { bytes, .. }) if *bytes == SIZE as u64));
}

#[tokio::test(start_paused = true)]
async fn part_stays_if_retries_run_out_and_is_gone_on_with() {
    let host = host();
    host.simulator.inject(Fault::truncated().on_files());
    host.simulator.inject(Fault::reset().on_files());
    let error = host.failure(DownloadOptions::new().max_retries(1)).await;
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert!(error.to_string().contains("150000 bytes are on disk"), "{error}");
    let names = host.names();
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(names[1], format!("{}.json", names[0]), "{names:?}");
    let events = host.events(DownloadOptions::new()).await;
    assert!(matches!(events[0], DownloadEvent::Started { resumed_from: 150_000, .. }), "{events:?}");
    assert_eq!(host.names(), [format!("{}.mp4", host.id)]);
}

#[tokio::test(start_paused = true)]
async fn whole_part_is_kept_without_request() {
    let host = host();
    let events = host.events(DownloadOptions::new()).await;
    let Some(DownloadEvent::Kept { path, url, sha256, .. }) = events.last() else { panic!("{events:?}") };
    // As a process leaves it that ends before the rename.
    let mut part = super::part::Part::open(host.folder.path(), &format!("{}.mp4", host.id), url).unwrap();
    let version = super::record::Version { validator: "\"a\"".to_owned(), size: Some(SIZE as u64) };
    part.start_over(Some(version)).unwrap();
    part.append(&fs::read(path).unwrap()).unwrap();
    drop(part);
    host.simulator.inject(Fault::status(500).always().on_files());
    let events = host.events(DownloadOptions::new().on_collision(OnCollision::Overwrite)).await;
    assert!(matches!(&events[..], [DownloadEvent::Kept { sha256: same, .. }] if same == sha256), "{events:?}");
    assert_eq!(host.names(), [format!("{}.mp4", host.id)]);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_obeyed_up_to_cap() {
    let host = host();
    host.simulator.inject(Fault::status(503).retry_after("50").on_files());
    host.simulator.inject(Fault::status(429).retry_after("5000").on_files());
    let events = host.events(DownloadOptions::new()).await;
    assert_eq!(pauses(&events), [50, 120].map(Duration::from_secs));
}

#[tokio::test(start_paused = true)]
async fn stalled_answer_is_retried_after_timeout() {
    let host = host();
    host.simulator.inject(Fault::stall().on_files());
    let since = Instant::now();
    let events = host.events(DownloadOptions::new()).await;
    assert!(since.elapsed() >= Duration::from_secs(30));
    let DownloadEvent::Retrying { error, .. } = &events[0] else { panic!("{events:?}") };
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(matches!(events.last(), Some(DownloadEvent::Kept { .. })));
}

#[tokio::test(start_paused = true)]
async fn expired_link_says_what_to_do() {
    let host = host_of(SimulatedTask::new().results_expire_after(Duration::from_secs(3600)));
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let error = host.failure(DownloadOptions::new()).await;
    assert_eq!((error.kind(), error.http_status(), error.is_transient()), (ErrorKind::Expired, Some(403), false));
    assert!(error.to_string().contains("do not create it again"), "{error}");
    assert_eq!(host.names(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn page_in_place_of_file_is_refused() {
    let host = host();
    host.simulator.inject(Fault::page(200).on_files());
    let error = host.failure(DownloadOptions::new()).await;
    assert_eq!(error.kind(), ErrorKind::NotMedia);
    assert_eq!(host.names(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn same_name_is_numbered_or_overwritten() {
    let host = host();
    for _ in 0..3 {
        host.events(DownloadOptions::new()).await;
    }
    host.events(DownloadOptions::new().on_collision(OnCollision::Overwrite)).await;
    let id = &host.id;
    assert_eq!(host.names(), [format!("{id}-1.mp4"), format!("{id}-2.mp4"), format!("{id}.mp4")]);
}

#[tokio::test(start_paused = true)]
async fn fetch_waits_and_keeps_files_in_order() {
    let urls = ["https://a.example/z.mp4", "https://b.example/a.mp4", "https://a.example/z.mp4"];
    let simulator = Simulator::new();
    let id = simulator.add(SimulatedTask::new().result_urls(urls));
    let client = Client::builder("test-key").simulator(&simulator).build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    simulator.inject(Fault::status(502).on_files());
    let paths = client.fetch(id, folder.path()).await.unwrap();
    assert_eq!(paths, ["z.mp4", "a.mp4"].map(|name| folder.path().join(name)));
}

#[tokio::test(start_paused = true)]
async fn task_without_result_fails_once() {
    let host = host_of(SimulatedTask::new().result_urls([""; 0]));
    let events = host.events(DownloadOptions::new()).await;
    let [DownloadEvent::Failed { url: None, error }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(error.kind(), ErrorKind::MissingResult);
    assert!(events[0].url().is_none() && events[0].is_terminal());
}

#[tokio::test(start_paused = true)]
async fn future_counts_files_that_ended_before() {
    let urls = ["https://a.example/z.mp4", "https://b.example/a.mp4"];
    let host = host_of(SimulatedTask::new().result_urls(urls));
    let task = host.client.status(&host.id).await.unwrap();
    let download = || host.client.download(&task, host.folder.path()).options(DownloadOptions::new().files_at_once(1));
    let mut some = download();
    while !some.next().await.unwrap().is_terminal() {}
    let kept: Vec<_> = some.await.unwrap().into_iter().map(|file| file.url).collect();
    assert_eq!(kept, urls);

    host.simulator.inject(Fault::status(404).on_files());
    let mut failing = download();
    while failing.next().await.is_some() {}
    assert!(failing.next().await.is_none());
    assert_eq!(failing.await.unwrap_err().kind(), ErrorKind::Expired);
}

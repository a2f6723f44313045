//! From a task's id to its files: over HTTP on loopback, and in memory on virtual time.

use std::fs;

use futures::StreamExt;
use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{Client, DownloadEvent, DownloadOptions, ErrorKind, OnCollision, Schedule, Status};

use crate::support::downloads::{events, folder, kept, names, until};
use crate::support::file::File;
use crate::support::file_server::FileServer;
use crate::support::in_memory::{builder, ms, secs};

fn is_media(path: &std::path::Path) -> bool {
    let content = fs::read(path).unwrap();
    !content.is_empty() && !content.starts_with(b"<")
}

#[tokio::test]
async fn sample_results_are_fetched_over_http() {
    let simulator = Simulator::new();
    let server = simulator.serve().await.unwrap();
    let id = simulator.add(SimulatedTask::new().generates_for(ms(50)));
    let schedule = Schedule::every(ms(20));
    let client = Client::builder("test-key").base_url(server.url()).schedule(schedule).build().unwrap();
    let dir = folder();
    let [path] = client.fetch(&id, dir.path()).await.unwrap().try_into().unwrap();
    assert_eq!(path.parent(), Some(dir.path()));
    assert!(is_media(&path));
    assert_eq!(names(&dir).len(), 1);
    // The same from the task.
    let task = client.status(&id).await.unwrap();
    let events = events(client.download(&task, dir.path())).await;
    assert_eq!(kept(&events).len(), 1, "{events:?}");
    assert!(fs::read(&kept(&events)[0].path).unwrap() == fs::read(path).unwrap());
    assert_eq!(names(&dir).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn sample_results_are_fetched_in_memory() {
    let simulator = Simulator::new();
    let id = simulator.add(SimulatedTask::new());
    let client = builder(&simulator).build().unwrap();
    let dir = folder();
    let started = tokio::time::Instant::now();
    let [path] = client.fetch(&id, dir.path()).await.unwrap().try_into().unwrap();
    assert!(started.elapsed() >= secs(300), "{:?}", started.elapsed());
    assert!(is_media(&path));
    assert_eq!((path.parent(), names(&dir).len()), (Some(dir.path()), 1));
    let task = client.status(&id).await.unwrap();
    let mut download = client.download(&task, dir.path());
    let first = download.next().await.unwrap();
    assert!(matches!(&first, DownloadEvent::Started { url, .. } if *url == task.result_urls()[0]), "{first:?}");
    assert_eq!(download.await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn options_of_a_fetch_are_used() {
    let simulator = Simulator::new();
    let id = simulator.add(SimulatedTask::new().ends_with(Status::CallbackFailed));
    let client = builder(&simulator).build().unwrap();
    let dir = folder();
    let first = client.fetch(&id, dir.path()).await.unwrap();
    let overwrite = DownloadOptions::new().on_collision(OnCollision::Overwrite);
    assert_eq!(client.fetch(&id, dir.path()).options(overwrite).await.unwrap(), first);
    assert_ne!(client.fetch(&id, dir.path()).await.unwrap(), first);
    let tiny = DownloadOptions::new().max_file_size(1);
    assert_eq!(client.fetch(&id, dir.path()).options(tiny).await.unwrap_err().kind(), ErrorKind::TooLarge);
    assert_eq!(names(&dir).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn failed_task_is_not_fetched() {
    let simulator = Simulator::new();
    let client = builder(&simulator).build().unwrap();
    let dir = folder();
    let place = dir.path().join("videos");
    let id = simulator.add(SimulatedTask::new().ends_with(Status::GenerateFailed));
    let error = client.fetch(&id, &place).await.unwrap_err();
    assert_eq!((error.kind(), error.task_id()), (ErrorKind::TaskFailed, Some(&id)));
    let endless = simulator.add(SimulatedTask::new().never_ends());
    assert_eq!(client.fetch(&endless, &place).await.unwrap_err().kind(), ErrorKind::Deadline);
    let none = simulator.add(SimulatedTask::new().result_urls([""; 0]));
    assert_eq!(client.fetch(&none, &place).await.unwrap_err().kind(), ErrorKind::MissingResult);
    assert_eq!(names(&dir), [""; 0]);
}

#[tokio::test]
async fn files_of_another_server_are_fetched() {
    let files = FileServer::start(|request| match request.attempt {
        0 => File::new(100_000, 1).reply(request).cut_after(30_000),
        _ => File::new(100_000, 1).reply(request),
    })
    .await;
    let simulator = Simulator::new();
    let server = simulator.serve().await.unwrap();
    let urls = [files.url("/a.mp4"), files.url("/b.mp4")];
    let id = simulator.add(SimulatedTask::new().generates_for(ms(0)).result_urls(urls));
    let client = Client::builder("test-key").base_url(server.url()).build().unwrap();
    let dir = folder();
    let paths = client.fetch(id, dir.path()).await.unwrap();
    assert_eq!(paths, ["a.mp4", "b.mp4"].map(|name| dir.path().join(name)));
    assert!(paths.iter().all(|path| fs::read(path).unwrap() == File::new(100_000, 1).bytes));
    assert!(files.requests().iter().all(|request| !request.head.contains("test-key")));
}

#[tokio::test]
async fn dropped_fetch_stops_its_download() {
    let files = FileServer::start(|request| File::new(100_000, 1).reply(request).stall_after(30_000)).await;
    let simulator = Simulator::new();
    let server = simulator.serve().await.unwrap();
    let id = simulator.add(SimulatedTask::new().generates_for(ms(0)).result_urls([files.url("/a.mp4")]));
    let client = Client::builder("test-key").base_url(server.url()).build().unwrap();
    let dir = folder();
    let fetch = tokio::spawn(client.fetch(id, dir.path()));
    until(|| names(&dir).len() == 2).await;
    fetch.abort();
    until(|| files.left() == 1).await;
    assert_eq!(files.requests().len(), 1);
}

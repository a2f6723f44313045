//! `--learn` and `--history`.

use std::fs;
use std::time::Duration;

use luma_watch::History;
use luma_watch::simulator::SimulatedTask;

use crate::support::{Folder, Gateway, end_of, signal, until};

fn recorded(file: &str) -> u64 {
    let history: History = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    history.recorded()
}

#[tokio::test(flavor = "multi_thread")]
async fn task_that_takes_longer_than_the_wait_is_learned_from() {
    let gateway = Gateway::start().await;
    let folder = Folder::new();
    let file = folder.file("history");
    let known: History = (0..30).map(|_| Duration::from_secs(300)).collect();
    fs::write(&file, serde_json::to_vec(&known).unwrap()).unwrap();
    gateway.simulator.add_as("slow", SimulatedTask::new().never_ends());
    let ended = gateway.run(&format!("wait slow --max-wait 300ms --learn {file}")).await;
    assert_eq!((ended.code, recorded(&file)), (Some(3), 31));
}

#[tokio::test(flavor = "multi_thread")]
async fn learned_history_is_there_after_an_interruption() {
    let gateway = Gateway::start().await;
    let folder = Folder::new();
    let file = folder.file("history");
    gateway.simulator.add_as("slow", SimulatedTask::new().never_ends());
    let child = gateway.command(&format!("wait slow --learn {file}")).spawn().unwrap();
    until(|| gateway.requests("slow") > 0).await;
    signal(&child, "INT");
    let ended = end_of(child).await;
    assert_eq!((ended.code, recorded(&file)), (Some(130), 0));
    assert!(ended.stderr.ends_with(&format!("To go on: luma-watch wait slow --learn {file}\n")), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_only_read() {
    let gateway = Gateway::start().await;
    let folder = Folder::new();
    let file = folder.file("history");
    let known: History = (0..30).map(|_| Duration::from_secs(1)).collect();
    fs::write(&file, serde_json::to_vec(&known).unwrap()).unwrap();
    let before = fs::read(&file).unwrap();
    gateway.simulator.add_as("task", SimulatedTask::new().generates_for(Duration::from_millis(500)));
    assert_eq!(gateway.run(&format!("wait task --every 300ms --history {file}")).await.code, Some(0));
    assert_eq!(fs::read(&file).unwrap(), before);
}

//! `--resume`: a wait that is killed goes on.

use std::fs;
use std::process::Child;
use std::time::Duration;

use luma_watch::Status;
use luma_watch::simulator::SimulatedTask;
use serde_json::Value;

use crate::support::{Folder, Gateway, end_of, ended_with_stdin, signal, until};

fn ended_task() -> SimulatedTask {
    SimulatedTask::new().generates_for(Duration::ZERO)
}

/// Starts a command, and waits until the file says that each of these tasks stands there.
async fn start_until(gateway: &Gateway, line: &str, file: &str, states: &[(&str, &str)]) -> Child {
    let child = gateway.command(line).spawn().unwrap();
    until(|| states.iter().all(|(id, state)| state_in(file, id).is_some_and(|there| there == *state))).await;
    child
}

fn state_in(file: &str, id: &str) -> Option<Value> {
    let content: Value = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    Some(content["tasks"][id]["state"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_wait_goes_on_and_repeats_outcomes_without_a_request() {
    let gateway = Gateway::start().await;
    let folder = Folder::new();
    let file = folder.file("state");
    gateway.simulator.add_as("good", ended_task());
    gateway.simulator.add_as("dark", ended_task().ends_with(Status::GenerateFailed).error(400, "too dark"));
    gateway.simulator.add_as("slow", SimulatedTask::new().never_ends());
    let line = format!("wait good dark slow --every 100ms --resume {file}");
    let states = [("good", "ended"), ("dark", "ended"), ("slow", "waiting")];
    let child = start_until(&gateway, &line, &file, &states).await;
    signal(&child, "KILL");
    assert_eq!(end_of(child).await.code, None);

    gateway.simulator.add_as("slow", ended_task());
    let again = gateway.run(&line).await;
    assert_eq!(again.code, Some(1));
    let urls = ["good", "slow"].map(|id| gateway.line(id)).concat();
    assert_eq!(again.stdout, urls);
    assert_eq!((gateway.requests("good"), gateway.requests("dark")), (1, 1));

    // All have ended: nothing is asked, and without ids all tasks of the file are meant.
    let before = gateway.simulator.requests().len();
    let third = gateway.run(&format!("wait --resume {file}")).await;
    assert_eq!(third.code, Some(1));
    assert_eq!(third.stdout, urls);
    assert!(third.stderr.contains("task dark: the task failed: GENERATE_FAILED: too dark (errorCode 400)"));
    assert_eq!(gateway.simulator.requests().len(), before);
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1, "no other file is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_wait_keeps_its_deadline_and_its_polls() {
    let gateway = Gateway::start().await;
    let folder = Folder::new();
    let file = folder.file("state");
    gateway.simulator.add_as("slow", SimulatedTask::new().never_ends());
    let line = format!("wait - --every 100ms --max-wait 1h --resume {file}");
    let child = gateway.command(&line).stdin(std::process::Stdio::piped()).spawn();
    let mut child = child.unwrap();
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"slow\n").unwrap();
    drop(child.stdin.take());
    until(|| gateway.requests("slow") >= 4).await;
    signal(&child, "INT");
    let ended = end_of(child).await;
    assert_eq!(ended.code, Some(130));
    let command = format!("To go on: luma-watch wait --every 100ms --max-wait 3600s --resume {file}\n");
    assert!(ended.stderr.ends_with(&command), "{}", ended.stderr);

    // The deadline of the first command has passed since: one more poll.
    let mut state: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let checkpoint = &mut state["tasks"]["slow"]["checkpoint"];
    assert!(checkpoint["polls"].as_u64().unwrap() >= 3, "{checkpoint}");
    checkpoint["start_ms"] = (checkpoint["start_ms"].as_u64().unwrap() - 3_600_000).into();
    fs::write(&file, state.to_string()).unwrap();
    let before = gateway.requests("slow");
    let late = gateway.run(&format!("wait --every 100ms --resume {file}")).await;
    assert_eq!((late.code, gateway.requests("slow") - before), (Some(3), 1));

    // After a deadline, the same command waits anew.
    gateway.simulator.add_as("slow", ended_task());
    let anew = gateway.run(&format!("wait --every 100ms --resume {file}")).await;
    assert_eq!((anew.code, anew.stdout.as_str()), (Some(0), gateway.line("slow").as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_key_loses_no_task() {
    let gateway = Gateway::start().await;
    let folder = Folder::new();
    let file = folder.file("state");
    gateway.simulator.add_as("good", ended_task());
    gateway.simulator.api_key("another");
    let line = format!("wait - --resume {file}");
    let refused = ended_with_stdin(gateway.command(&line), "good").await;
    assert_eq!(refused.code, Some(5));
    gateway.simulator.api_key(crate::support::KEY);
    let again = gateway.run(&format!("wait --resume {file}")).await;
    assert_eq!((again.code, again.stdout.as_str()), (Some(0), gateway.line("good").as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn folder_that_goes_away_is_reported_and_the_wait_goes_on() {
    let gateway = Gateway::start().await;
    let folder = Folder::new();
    fs::create_dir(folder.file("inside")).unwrap();
    let file = folder.file("inside/state");
    gateway.simulator.add_as("slow", SimulatedTask::new().never_ends());
    let line = format!("wait slow --every 100ms --resume {file}");
    let child = start_until(&gateway, &line, &file, &[("slow", "waiting")]).await;
    fs::remove_dir_all(folder.file("inside")).unwrap();
    gateway.simulator.add_as("slow", ended_task());
    let ended = end_of(child).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(6), gateway.line("slow").as_str()));
    let message = format!("error: the resume file {file} cannot be written: No such file or directory");
    assert!(ended.stderr.contains(&message), "{}", ended.stderr);
}

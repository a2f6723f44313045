//! Ids from stdin, and readers that go away.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Duration;

use luma_watch::simulator::SimulatedTask;

use crate::support::{Folder, Gateway, ended, ended_with_stdin, signal, until};

fn ended_task() -> SimulatedTask {
    SimulatedTask::new().generates_for(Duration::ZERO)
}

/// A pipe whose reader has gone already.
fn closed_pipe() -> Stdio {
    let mut reader = Command::new("true").stdin(Stdio::piped()).spawn().unwrap();
    let writer = reader.stdin.take().unwrap();
    assert!(reader.wait().unwrap().success());
    writer.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_from_stdin_and_arguments_are_watched_once_each() {
    let gateway = Gateway::start().await;
    for id in ["a", "b", "c"] {
        gateway.simulator.add_as(id, ended_task());
    }
    let ended = ended_with_stdin(gateway.command("wait c - a"), "a b\n\n  b\t\n").await;
    let mut urls: Vec<_> = ended.stdout.lines().collect();
    urls.sort_unstable();
    assert_eq!(urls.concat(), ["a", "b", "c"].map(|id| gateway.line(id)).concat().replace('\n', ""));
    assert_eq!((ended.code, gateway.simulator.requests().len()), (Some(0), 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_ids_keep_the_rate_limit() {
    let gateway = Gateway::start().await;
    let ids: Vec<_> = (0..30).map(|number| format!("task-{number}")).collect();
    for id in &ids {
        gateway.simulator.add_as(id.as_str(), ended_task());
    }
    let ended = gateway.run(&format!("wait {} --rate 10/1s", ids.join(" "))).await;
    assert_eq!((ended.code, ended.stdout.lines().count()), (Some(0), 30));
    assert!(ended.stderr.starts_with("waiting for 30 tasks\n"), "{}", ended.stderr);
    let requests = gateway.simulator.requests();
    let took = requests.last().unwrap().at.saturating_sub(requests[0].at);
    assert!(took >= Duration::from_millis(1500), "30 requests, 10 per second: {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_pipe_ends_it_quietly_and_keeps_the_state() {
    let gateway = Gateway::start().await;
    let folder = Folder::new();
    gateway.simulator.add_as("one", ended_task());
    gateway.simulator.add_as("other", SimulatedTask::new().never_ends());
    let file = folder.file("state");
    for line in [
        format!("wait one other --resume {file}"),
        "watch one other".to_owned(),
        "watch other --json".to_owned(),
        "status one".to_owned(),
        "man".to_owned(),
        "completions bash".to_owned(),
        "simulate --port 0".to_owned(),
    ] {
        let mut command = gateway.command(&line);
        command.stdout(closed_pipe());
        let ended = ended(command).await;
        assert_eq!(ended.code, Some(141), "{line}: {}", ended.stderr);
        assert!(!ended.stderr.contains("error"), "{line}: {}", ended.stderr);
    }
    assert!(std::fs::read_to_string(&file).unwrap().contains("\"state\":\"ended\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn signal_ends_it_although_its_output_is_not_read() {
    let gateway = Gateway::start().await;
    gateway.simulator.add_as("slow", SimulatedTask::new().never_ends());
    let mut child = gateway.command("watch slow --json --every 1ms").spawn().unwrap();
    // When the pipe is full, no request comes any more.
    until(|| gateway.requests("slow") > 100).await;
    let mut before = 0;
    while before != gateway.requests("slow") {
        before = gateway.requests("slow");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    signal(&child, "TERM");
    let status = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap(); // nothing is read
    assert_eq!(status.code(), Some(143));
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_stderr_changes_nothing() {
    let gateway = Gateway::start().await;
    gateway.simulator.add_as("one", ended_task());
    let mut command = gateway.command("wait one");
    command.stderr(closed_pipe());
    let ended = ended(command).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), gateway.line("one").as_str()));
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn full_disk_is_an_error_with_exit_code_6() {
    let gateway = Gateway::start().await;
    gateway.simulator.add_as("one", ended_task());
    let mut command = gateway.command("wait one");
    command.stdout(Stdio::from(File::create("/dev/full").unwrap()));
    let ended = ended(command).await;
    assert_eq!(ended.code, Some(6));
    assert!(ended.stderr.contains("error: the output cannot be written: No space left on device"), "{}", ended.stderr);
}

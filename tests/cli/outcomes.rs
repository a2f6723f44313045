//! How tasks end, what is printed then, and with which exit code.

use std::time::Duration;

use luma_watch::Status;
use luma_watch::simulator::{Fault, SimulatedTask};

use crate::support::{Folder, Gateway, assert_snapshot, end_of, normalised, signal, until, without_times};

fn ended_task() -> SimulatedTask {
    SimulatedTask::new().generates_for(Duration::ZERO)
}

fn failed_task() -> SimulatedTask {
    ended_task().ends_with(Status::GenerateFailed).error(400, "The video is too dark.")
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_with_results_exit_with_0() {
    let gateway = Gateway::start().await;
    gateway.simulator.add_as("one", ended_task());
    gateway.simulator.add_as("two", ended_task().ends_with(Status::CallbackFailed));
    let ended = gateway.run("wait one").await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), gateway.line("one").as_str()));
    assert_snapshot("wait-result", &gateway.shown(&ended));
    assert_snapshot("wait-two-quiet", &gateway.shown(&gateway.run("wait two --quiet").await));
    let both = gateway.run("wait one two one").await;
    assert_eq!((both.code, both.stdout.lines().count()), (Some(0), 2));
    assert_snapshot("watch-result", &gateway.shown(&gateway.run("watch one").await));
    assert_snapshot("status-result", &gateway.shown(&gateway.run("status two one").await));
}

#[tokio::test(flavor = "multi_thread")]
async fn result_that_comes_later_is_waited_for() {
    let gateway = Gateway::start().await;
    gateway.simulator.add_as("task", SimulatedTask::new().never_ends());
    gateway.simulator.inject(Fault::status(502).after(1));
    let child = gateway.command("wait task --every 500ms").spawn().unwrap();
    until(|| gateway.requests("task") >= 3).await;
    gateway.simulator.add_as("task", ended_task());
    let ended = end_of(child).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), gateway.line("task").as_str()));
    assert!(ended.stderr.contains("task task: poll failed: the gateway failed (HTTP 502); next poll in 0."));
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_task_exits_with_1() {
    let gateway = Gateway::start().await;
    gateway.simulator.add_as("dark", failed_task());
    gateway.simulator.add_as("good", ended_task());
    for command in ["wait", "watch", "status"] {
        let ended = gateway.run(&format!("{command} dark")).await;
        assert_eq!(ended.code, Some(1), "{command}");
        assert_snapshot(&format!("{command}-failed"), &gateway.shown(&ended));
    }
    assert_eq!(gateway.run("wait good dark").await.code, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn success_without_a_result_exits_with_1() {
    let gateway = Gateway::start().await;
    gateway.simulator.add_as("empty", ended_task().result_urls([""; 0]));
    // The record is not believed for a minute, unless the wait ends before.
    let ended = gateway.run("wait empty --max-wait 300ms").await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("its record names no result URL"), "{}", ended.stderr);
    assert_eq!(gateway.run("status empty").await.code, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn deadline_exits_with_3_and_says_how_to_go_on() {
    let gateway = Gateway::start().await;
    gateway.simulator.add_as("slow", SimulatedTask::new().never_ends());
    let ended = gateway.run("wait slow --every 400ms --max-wait 900ms").await;
    assert_eq!(ended.code, Some(3));
    let polls = format!("{} polls", gateway.requests("slow"));
    let shown = normalised(&without_times(&gateway.shown(&ended)), &[(&polls, "POLLS")]);
    assert_snapshot("wait-deadline", &shown);
    let status = gateway.run("status slow").await;
    assert_eq!(status.code, Some(3));
    assert_snapshot("status-unfinished", &gateway.shown(&status));
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_task_exits_with_4() {
    let gateway = Gateway::start().await;
    let status = gateway.run("status nope").await;
    assert_eq!(status.code, Some(4));
    assert_snapshot("status-not-found", &gateway.shown(&status));

    // A wait believes it after a minute: here of a wait that began longer ago.
    let folder = Folder::new();
    let file = folder.file("state");
    let line = format!("wait nope --every 100ms --resume {file}");
    let child = gateway.command(&line).spawn().unwrap();
    until(|| gateway.requests("nope") >= 3).await;
    signal(&child, "INT");
    assert_eq!(end_of(child).await.code, Some(130));
    let mut state: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let start = &mut state["tasks"]["nope"]["checkpoint"]["start_ms"];
    *start = (start.as_u64().unwrap() - 70_000).into();
    std::fs::write(&file, state.to_string()).unwrap();
    let ended = gateway.run(&line).await;
    assert_eq!(ended.code, Some(4));
    assert_snapshot("wait-not-found", &normalised(&without_times(&gateway.shown(&ended)), &[(&file, "FILE")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_key_exits_with_5_and_asks_no_more() {
    let gateway = Gateway::start().await;
    gateway.simulator.api_key("another");
    gateway.simulator.add_as("task", ended_task());
    for command in ["wait", "status"] {
        let ended = gateway.run(&format!("{command} task")).await;
        assert_eq!(ended.code, Some(5), "{command}");
        assert_snapshot(&format!("{command}-unauthorized"), &gateway.shown(&ended));
    }
    let ids: Vec<_> = (0..40).map(|number| format!("task-{number}")).collect();
    for (command, note) in [("wait", "40 tasks are unfinished"), ("status", "stopped after 1 of 40 tasks")] {
        let before = gateway.simulator.requests().len();
        let ended = gateway.run(&format!("{command} {} --rate 10/s", ids.join(" "))).await;
        assert_eq!(ended.code, Some(5), "{command}");
        assert!(gateway.simulator.requests().len() - before <= 20, "{command} went on");
        assert!(ended.stderr.contains(note), "{}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn account_without_credit_exits_with_5() {
    let gateway = Gateway::start().await;
    gateway.simulator.inject(Fault::code(402, "Insufficient credits").always());
    let ended = gateway.run("wait task").await;
    assert_eq!(ended.code, Some(5));
    assert_snapshot("wait-out-of-credit", &gateway.shown(&ended));
}

#[tokio::test(flavor = "multi_thread")]
async fn gateway_that_does_not_answer_exits_with_7() {
    let gateway = Gateway::start().await;
    gateway.simulator.inject(Fault::status(502).always());
    let ended = gateway.run("status task").await;
    assert_eq!(ended.code, Some(7));
    assert_snapshot("status-no-answer", &gateway.shown(&ended));
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_code_of_many_tasks_is_the_first_of_the_documented_order() {
    let gateway = Gateway::start().await;
    gateway.simulator.add_as("good", ended_task());
    gateway.simulator.add_as("dark", failed_task());
    gateway.simulator.add_as("slow", SimulatedTask::new().never_ends());
    for (ids, code) in [
        ("good", 0),
        ("good dark", 1),
        ("dark nope", 4),
        ("dark nope 'quoted'", 2),
        ("nope slow dark 'quoted' good", 3),
    ] {
        assert_eq!(gateway.run(&format!("status {ids}")).await.code, Some(code), "{ids}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_wait_exits_with_130_and_names_the_command_that_goes_on() {
    let gateway = Gateway::start().await;
    gateway.simulator.add_as("good", ended_task());
    gateway.simulator.add_as("slow", SimulatedTask::new().never_ends());
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let before = gateway.requests("slow");
        let child = gateway.command("wait good slow --every 10m --max-wait none").spawn().unwrap();
        until(|| gateway.requests("slow") > before).await;
        // Time to print what the requests brought.
        tokio::time::sleep(Duration::from_millis(500)).await;
        signal(&child, name);
        let ended = end_of(child).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(code), gateway.line("good").as_str()));
        assert!(
            ended
                .stderr
                .ends_with("1 task is unfinished: slow\nTo go on: luma-watch wait slow --every 600s --max-wait none\n"),
            "{}",
            ended.stderr
        );
    }
}

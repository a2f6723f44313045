//! The lines of `--json`.

use std::time::Duration;

use luma_watch::simulator::{Fault, SimulatedTask};
use luma_watch::{Status, StatusEvent};
use serde_json::Value;

use crate::support::{Ended, Gateway};

/// Each line, as the program wrote it.
fn lines(ended: &Ended) -> Vec<Value> {
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_is_a_line_that_reads_back_as_the_event() {
    let gateway = Gateway::start().await;
    gateway.simulator.add_as("task", SimulatedTask::new().generates_for(Duration::from_millis(1500)));
    gateway.simulator.inject(Fault::status(502).after(1));
    for command in ["wait", "watch"] {
        let ended = gateway.run(&format!("{command} task --every 400ms --json")).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{command}");
        let lines = lines(&ended);
        assert!(lines.iter().all(|line| line["task_id"] == "task"));
        let events: Vec<StatusEvent> = lines.into_iter().map(|line| serde_json::from_value(line).unwrap()).collect();
        assert!(matches!(events.last(), Some(StatusEvent::Done(end)) if end.task.status() == Status::Success));
        if command == "wait" {
            let names: Vec<_> = events.iter().map(StatusEvent::name).collect();
            assert_eq!(names[..2], ["generating", "poll_failed"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn quiet_json_is_the_last_event_of_each_task() {
    let gateway = Gateway::start().await;
    gateway.simulator.add_as("task", SimulatedTask::new().generates_for(Duration::from_millis(300)));
    gateway.simulator.add_as("slow", SimulatedTask::new().never_ends());
    let ended = gateway.run("wait task slow --every 200ms --max-wait 800ms --json --quiet").await;
    let mut lines = lines(&ended);
    lines.sort_by_key(|line| line["event"] == "gave_up");
    let ends: Vec<_> = lines.iter().map(|line| (line["task_id"].as_str(), line["event"].as_str())).collect();
    assert_eq!(ends, [(Some("task"), Some("done")), (Some("slow"), Some("gave_up"))]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(3), ""));
    assert_eq!(lines[1]["error"]["kind"], "deadline");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_is_one_line_for_each_task_in_the_order_of_the_ids() {
    let gateway = Gateway::start().await;
    gateway.simulator.add_as("task", SimulatedTask::new());
    let lines = lines(&gateway.run("status nope task --json").await);
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["task_id"], &lines[0]["event"]), (&"nope".into(), &"status_failed".into()));
    assert_eq!(lines[0]["error"]["kind"], "not_found");
    assert_eq!((&lines[1]["event"], &lines[1]["task"]["status"]), (&"status".into(), &"GENERATING".into()));
}

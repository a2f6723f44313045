//! No text from outside forges a log line, or steers the terminal that shows it.

use std::time::Duration;

use futures::StreamExt;
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{Client, Error, Schedule, Status};

use crate::subscriber::{install, log, watches_of};

/// Each with the mark `forged` after what breaks a line, hides or reorders.
const FORGED: [&str; 6] = [
    "id\n2026-11-27T00:00:00Z  WARN forged",
    "id\r\u{85}forged",
    "id\u{2028}forged\u{2029}",
    "id\u{1b}[2K\u{9b}1Aforged",
    "id\u{202e}\u{2066}\u{200f}forged",
    "id\u{200b}\u{feff}forged",
];

/// Part of what must be escaped.
fn is_harmful(c: char) -> bool {
    c.is_control() || "\u{2028}\u{2029}\u{202e}\u{2066}\u{200b}\u{200f}\u{feff}".contains(c)
}

fn assert_log_is_harmless() {
    let log = log();
    assert!(log.contains("forged"), "nothing was logged");
    for line in log.split('\n').filter(|line| line.contains("forged")) {
        assert!(line.contains("luma.watch"), "a forged line: {line:?}");
        assert!(!line.contains(is_harmful), "{line:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn forged_task_id_stays_on_its_line() {
    install();
    let simulator = Simulator::new();
    let client = Client::builder("test-key").simulator(&simulator).build().unwrap();
    for id in FORGED {
        simulator.add_as(id, SimulatedTask::new().generates_for(Duration::ZERO));
        // Not asked for if no id holds such a character; the watch is logged all the same.
        match client.wait_until_done(id).await {
            Ok(task) => assert_eq!(task.id().as_str(), id, "the id itself stays"),
            Err(error) => assert_eq!(error.task_id().unwrap().as_str(), id, "the id itself stays"),
        }
        let escaped: String =
            id.chars().map(|c| if is_harmful(c) { c.escape_default().to_string() } else { c.to_string() }).collect();
        assert_eq!(watches_of(&escaped).len(), 1, "{escaped}");
    }
    assert_log_is_harmless();
}

#[tokio::test(start_paused = true)]
async fn forged_message_stays_on_its_line() {
    install();
    let simulator = Simulator::new();
    let schedule = Schedule::default().max_wait(Duration::from_secs(50));
    let client = Client::builder("test-key").schedule(schedule).simulator(&simulator).build().unwrap();
    for message in FORGED {
        // A failed poll, a refusal for which others hold back, a failed task, and a deadline.
        let id = simulator.add(SimulatedTask::new().generates_for(Duration::ZERO));
        simulator.inject(Fault::code(500, message));
        simulator.inject(Fault::code(455, message).after(1));
        client.watch(id).collect::<Vec<_>>().await;
        let failed = SimulatedTask::new().generates_for(Duration::ZERO).ends_with(Status::GenerateFailed);
        let error = client.wait_until_done(simulator.add(failed.error(1, message))).await.unwrap_err();
        assert!(error.to_string().contains("forged"));
        simulator.inject(Fault::code(500, message).always());
        let error: Error = client.wait_until_done("late").await.unwrap_err();
        assert!(error.to_string().contains("forged"));
        simulator.clear_faults();
    }
    assert_log_is_harmless();
}

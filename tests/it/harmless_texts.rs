//! Texts from outside are harmless in everything that is made to be printed, and exact in everything that is not.

use std::time::Duration;

use futures::StreamExt;
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{Client, Error, Schedule, Status, StatusEvent, TaskId};

/// What breaks a line, steers a terminal, hides or reorders.
const HARMFUL: &str = "\n\r\0\u{7f}\u{85}\u{1b}\u{9b}\u{2028}\u{2029}\u{202a}\u{202e}\u{2066}\u{2069}\u{61c}\u{200b}\u{200e}\u{200f}\u{feff}";

#[track_caller]
fn assert_harmless(text: &str) {
    assert!(text.contains("mark"), "{text:?} does not hold it");
    assert!(!text.chars().any(|c| HARMFUL.contains(c)), "{text:?}");
}

/// In all its written forms.
#[track_caller]
fn assert_error_is_harmless(error: &Error) {
    assert_harmless(&error.to_string());
    assert_harmless(&format!("{error:?}"));
    assert_harmless(serde_json::to_value(error).unwrap()["message"].as_str().unwrap());
}

/// Without a character that no id holds: such an id is not asked for.
fn can_be_id(text: &str) -> bool {
    !text.contains(|c: char| c.is_control() || "\u{200b}\u{200e}\u{200f}\u{feff}".contains(c))
}

fn texts() -> impl Iterator<Item = String> {
    HARMFUL.chars().map(|c| format!("mark{c}mark"))
}

#[tokio::test(start_paused = true)]
async fn error_shows_id_and_message_harmlessly() {
    let simulator = Simulator::new();
    let client = Client::builder("test-key").simulator(&simulator).build().unwrap();
    for text in texts() {
        let failed = SimulatedTask::new().generates_for(Duration::ZERO).ends_with(Status::GenerateFailed);
        simulator.add_as(text.as_str(), failed.error(1, text.as_str()));
        let error = client.wait_until_done(text.as_str()).await.unwrap_err();
        assert_eq!(error.task_id().unwrap().as_str(), text, "exact");
        assert_error_is_harmless(&error);
        let task = error.task().map(|task| task.error_message());
        assert_eq!(task, can_be_id(&text).then_some(Some(text.as_str())), "exact");
        simulator.inject(Fault::code(400, &text));
        assert_error_is_harmless(&client.status(text.as_str()).await.unwrap_err());
        simulator.clear_faults();
    }
}

#[tokio::test(start_paused = true)]
async fn deadline_shows_last_error_harmlessly() {
    let simulator = Simulator::new();
    let schedule = Schedule::default().max_wait(Duration::from_secs(40));
    let client = Client::builder("test-key").schedule(schedule).simulator(&simulator).build().unwrap();
    for text in texts() {
        simulator.inject(Fault::code(500, &text).always());
        let error = client.wait_until_done(text.as_str()).await.unwrap_err();
        assert_error_is_harmless(&error);
        simulator.clear_faults();
    }
}

#[tokio::test(start_paused = true)]
async fn cooldown_and_limits_show_id_harmlessly() {
    for text in texts().filter(|text| can_be_id(text)) {
        let simulator = Simulator::new();
        let client = Client::builder("test-key").simulator(&simulator).build().unwrap();
        simulator.inject(Fault::status(503).retry_after("60"));
        client.status(text.as_str()).await.unwrap_err();
        let limits = client.limits();
        assert_harmless(&limits.to_string());
        assert_harmless(&format!("{limits:?}"));
        assert_harmless(&limits.cooldown.unwrap().to_string());
        let Some(StatusEvent::HeldBack(hold)) = client.watch("mark").next().await else { panic!() };
        assert_error_is_harmless(&hold.error);
    }
}

#[test]
fn debug_of_values_is_harmless() {
    for text in texts() {
        let task: luma_watch::Task = serde_json::from_value(serde_json::json!({
            "id": text, "status": "SUCCESS", "result_urls": [text], "error_message": text,
            "param_json": serde_json::json!({"prompt": text, text.as_str(): text, "list": [text]}).to_string(),
        }))
        .unwrap();
        assert_harmless(&format!("{task:?}"));
        assert_harmless(&format!("{:?}", task.params().unwrap()));
        assert_harmless(&format!("{:?}", TaskId::from(text.as_str())));
        let simulator = Simulator::new();
        let client = Client::builder("test-key").simulator(&simulator).build().unwrap();
        assert_harmless(&format!("{:?}", client.watch(text.as_str())));
        assert_harmless(&format!("{:?}", client.watch(text.as_str()).shared()));
        #[cfg(feature = "callback")]
        {
            let body = serde_json::json!({"code": 200, "msg": text, "data": {"taskId": text, "promptJson": text, "resultUrls": [text]}});
            let callback = luma_watch::Callback::parse(body.to_string().as_bytes()).unwrap();
            assert_harmless(&format!("{callback:?}"));
        }
    }
}

#[test]
fn display_of_task_id_is_exact() {
    for text in texts() {
        assert_eq!(TaskId::from(text.as_str()).to_string(), text);
    }
}

#[tokio::test(start_paused = true)]
async fn readable_message_stays_as_it_is() {
    let simulator = Simulator::new();
    let client = Client::builder("test-key").simulator(&simulator).build().unwrap();
    for message in ["视频太暗了", "الفيديو مظلم", "Видео слишком тёмное", "é e\u{301}", "👩\u{200d}👧 ❤\u{fe0f}"]
    {
        simulator.inject(Fault::code(400, message));
        let error = client.status("x").await.unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
}

//! A watch is one span, with one event per poll.

use std::time::Duration;

use futures::StreamExt;
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{Client, Schedule, Status};
use tokio::time::timeout;

use crate::subscriber::{WatchSpan, install, watches_of};

fn simulator() -> (Simulator, Client) {
    install();
    let simulator = Simulator::new();
    let client = Client::builder("test-key").simulator(&simulator).build().unwrap();
    (simulator, client)
}

/// The one watch of this task: outcome, polls and elapsed time of its span, and its events as "LEVEL message".
fn story_of(id: &str) -> (Vec<String>, Vec<String>) {
    let seen = watches_of(id);
    let [WatchSpan { span, closed: true, events }] = &seen[..] else { panic!("{seen:?}") };
    let fields = ["outcome", "polls", "elapsed_ms"].map(|name| span.0[name].clone());
    (fields.to_vec(), events.iter().map(|(level, fields)| format!("{level} {}", fields.0["message"])).collect())
}

#[tokio::test(start_paused = true)]
async fn watch_is_one_span_and_poll_one_event() {
    let (simulator, client) = simulator();
    simulator.add_as("whole", SimulatedTask::new().generates_for(Duration::from_secs(45)));
    simulator.inject(Fault::status(429).after(1));
    client.wait_until_done("whole").await.unwrap();
    let (span, events) = story_of("whole");
    assert_eq!(span, ["success", "3", "60000"]);
    assert_eq!(
        events,
        [
            "DEBUG not finished",
            "WARN poll failed",
            "INFO polls of this client succeed again",
            "DEBUG finished",
            "INFO watch ended"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn span_names_every_outcome() {
    install();
    let simulator = Simulator::new();
    // Each end is believed at once.
    let client = Client::builder("test-key").simulator(&simulator).grace(Duration::ZERO).build().unwrap();
    let ends = |status| SimulatedTask::new().generates_for(Duration::ZERO).ends_with(status);
    simulator.add_as("success", ends(Status::Success));
    simulator.add_as("callback", ends(Status::CallbackFailed));
    simulator.add_as("failed", ends(Status::GenerateFailed));
    simulator.add_as("missing", ends(Status::Success).result_urls(Vec::<String>::new()));
    simulator.add_as("endless", SimulatedTask::new().never_ends());
    let cases = [
        ("success", ["success", "1", "0"], "DEBUG finished"),
        ("callback", ["callback_failed", "1", "0"], "DEBUG finished"),
        ("failed", ["task_failed", "1", "0"], "DEBUG finished"),
        ("missing", ["missing_result", "1", "0"], "DEBUG finished"),
        ("endless", ["deadline", "2", "20000"], "WARN gave up"),
        ("", ["invalid_request", "1", "0"], "WARN gave up"),
    ];
    let client = client.with_schedule(Schedule::default().max_wait(Duration::from_secs(20))).unwrap();
    for (id, span, last_poll) in cases {
        assert_eq!(client.watch(id).count().await.to_string(), span[1]);
        let (fields, events) = story_of(id);
        assert_eq!(fields, span, "{id}");
        assert_eq!(events[events.len() - 2..], [last_poll, "INFO watch ended"], "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_watch_is_logged_as_dropped() {
    let (simulator, client) = simulator();
    simulator.add_as("between", SimulatedTask::new());
    let mut watch = client.watch("between");
    watch.next().await.unwrap();
    assert!(timeout(Duration::from_secs(40), async { while watch.next().await.is_some() {} }).await.is_err());
    assert!(watches_of("between").iter().all(|seen| !seen.closed && !seen.span.0.contains_key("outcome")));
    drop(watch);
    let (span, events) = story_of("between");
    assert_eq!(span, ["dropped", "2", "40000"]);
    assert_eq!(events, ["DEBUG not finished", "DEBUG not finished", "INFO watch ended"]);

    simulator.add_as("in flight", SimulatedTask::new());
    simulator.inject(Fault::stall());
    assert!(timeout(Duration::from_secs(7), client.wait_until_done("in flight")).await.is_err());
    let (span, events) = story_of("in flight");
    assert_eq!(span, ["dropped", "0", "7000"]);
    assert_eq!(events, ["INFO watch ended"]);
}

#[tokio::test(start_paused = true)]
async fn unpolled_watch_is_not_logged() {
    let (_, client) = simulator();
    drop(client.watch("unpolled"));
    assert_eq!(watches_of("unpolled").len(), 0);
}

#[tokio::test(start_paused = true)]
async fn ended_watch_is_not_logged_as_dropped() {
    let (simulator, client) = simulator();
    simulator.add_as("ended", SimulatedTask::new().generates_for(Duration::ZERO));
    let mut watch = client.watch("ended");
    assert!(watch.next().await.unwrap().is_terminal());
    assert!(watch.next().await.is_none());
    drop(watch);
    let (span, events) = story_of("ended");
    assert_eq!(span[0], "success");
    assert_eq!(events, ["DEBUG finished", "INFO watch ended"]);
}

#[tokio::test(start_paused = true)]
async fn failed_poll_event_has_error_and_next_pause() {
    let (simulator, client) = simulator();
    simulator.add_as("why", SimulatedTask::new());
    simulator.inject(Fault::code(429, "slow down").retry_after("7"));
    assert!(client.watch("why").next().await.is_some());
    let (_, fields) = &watches_of("why")[0].events[0];
    assert!(fields.0["error"].contains("slow down"), "{fields:?}");
    let numbers = ["polls", "consecutive", "next_poll_in_ms", "kind"].map(|name| &fields.0[name]);
    assert_eq!(numbers, ["1", "1", "7000", "rate_limited"]);
}

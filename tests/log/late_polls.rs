//! A rate limit that cannot carry its tasks is told once.

use std::time::Duration;

use futures::StreamExt;
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{Client, RateLimit};
use tokio::time::timeout;
use tracing::Level;

use crate::subscriber::{Fields, install, watches_of};

/// The warnings that so many tasks under this limit cause in some minutes.
async fn warnings(name: &str, tasks: u32, fault: Option<Fault>) -> Vec<Fields> {
    install();
    let simulator = Simulator::new();
    let ids: Vec<_> = (0..tasks).map(|task| format!("{name}-{task}")).collect();
    for id in &ids {
        simulator.add_as(id.as_str(), SimulatedTask::new().never_ends());
    }
    if let Some(fault) = fault {
        simulator.inject(fault);
    }
    let limit = RateLimit::per(20, Duration::from_secs(10));
    let client = Client::builder("test-key").rate_limit(limit).simulator(&simulator).build().unwrap();
    let all = client.watch_all(ids.iter().map(String::as_str));
    assert!(timeout(Duration::from_secs(300), all.count()).await.is_err());
    let events = ids.iter().flat_map(|id| watches_of(id)).flat_map(|watch| watch.events);
    let warnings = events.filter(|(level, fields)| *level == Level::WARN && fields.0["message"] != "poll failed");
    warnings.map(|(_, fields)| fields).collect()
}

#[tokio::test(start_paused = true)]
async fn limit_below_its_load_is_told_once_with_numbers() {
    let warnings = warnings("overload", 500, None).await;
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    let number = |name| warning.0[name].parse::<u64>().unwrap();
    assert_eq!((number("pause_ms"), number("sustains")), (30_000, 60));
    assert!(number("waiting") > 400 && number("round_ms") > 200_000, "{warning:?}");
    let text = &warning.0["message"];
    assert!(text.contains("polls come late") && text.contains("20 per 10s") && text.contains("60 tasks"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn limit_that_carries_its_load_is_not_told() {
    assert_eq!(warnings("carried", 60, None).await.len(), 0);
    // Polls wait for a minute, but not for the rate limit.
    let refusal = Fault::status(503).retry_after("60").after(30);
    assert_eq!(warnings("refused", 40, Some(refusal)).await.len(), 0);
}

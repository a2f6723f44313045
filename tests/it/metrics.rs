//! The metrics of a client, as an exporter shows them.

use std::time::Duration;

use futures::StreamExt;
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{Client, MetricsObserver, RateLimit, Status};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::support::in_memory::{ms, secs};

/// Runs a story with a recorder of its own, on a paused clock.
fn observed<F: Future>(story: impl FnOnce(Simulator, Client, PrometheusHandle) -> F) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let simulator = Simulator::new();
            let observer = MetricsObserver::new().label("account", "main");
            let limit = RateLimit::per(1, secs(1));
            let builder = Client::builder("test-key").rate_limit(limit).simulator(&simulator).observe(observer);
            story(simulator, builder.build().unwrap(), handle.clone()).await;
        });
    });
    handle.render()
}

/// The lines of this metric, without its name and labels that are always there.
fn lines(page: &str, name: &str) -> Vec<String> {
    let lines = page.lines().filter(|line| !line.starts_with('#') && line.starts_with(name));
    let mut lines: Vec<_> = lines.map(|line| line.replace("account=\"main\"", "").replace("{,", "{")).collect();
    lines.sort();
    lines
}

#[test]
fn metrics_of_a_client_have_their_names_and_labels() {
    let page = observed(|simulator, client, _| async move {
        simulator.add_as("ok", SimulatedTask::new().generates_for(secs(20)));
        simulator
            .add_as("failed", SimulatedTask::new().generates_for(Duration::ZERO).ends_with(Status::GenerateFailed));
        simulator.add_as("note", SimulatedTask::new().generates_for(Duration::ZERO).ends_with(Status::CallbackFailed));
        simulator.latency(ms(250)).inject(Fault::status(503).retry_after("7"));
        assert_eq!(
            client
                .watch_all(["ok", "failed", "note"])
                .filter(|(_, e)| std::future::ready(e.is_terminal()))
                .count()
                .await,
            3
        );
        simulator.inject(Fault::reset().times(9));
        client.status("ok").await.unwrap_err();
        simulator.clear_faults();
        simulator.inject(Fault::stall());
        assert!(timeout(secs(5), client.wait_until_done("ok")).await.is_err());
    });
    let of = |name| lines(&page, name);
    let count = |labels: &str| format!("luma_watch_poll_duration_count{{{labels}}}");
    assert_eq!(
        of("luma_watch_poll_duration_count"),
        [
            format!("{} 4", count(r#"outcome="answered",http_response_status_code="200""#)),
            format!("{} 1", count(r#"outcome="dropped""#)),
            format!("{} 1", count(r#"outcome="maintenance",http_response_status_code="503""#)),
            format!("{} 1", count(r#"outcome="transport""#)),
        ],
        "{page}"
    );
    let ends = ["callback_failed", "dropped", "success", "task_failed"];
    let ends = ends.map(|outcome| format!("luma_watch_watch_duration_count{{outcome=\"{outcome}\"}} 1"));
    assert_eq!(of("luma_watch_watch_duration_count"), ends, "{page}");
    assert_eq!(of("luma_watch_refusals"), ["luma_watch_refusals{kind=\"maintenance\"} 1"]);
    assert_eq!(of("luma_watch_watch_detection_delay_count"), ["luma_watch_watch_detection_delay_count{} 3"]);
    assert_eq!(of("luma_watch_poll_wait_count"), ["luma_watch_poll_wait_count{} 7"]);
    for gauge in
        ["luma_watch_watches", "luma_watch_polls_in_flight", "luma_watch_polls_waiting", "luma_watch_breaker_state"]
    {
        assert!(of(gauge).contains(&format!("{gauge}{{}} 0")), "{gauge}: {page}");
    }
    assert_eq!(of("luma_watch_retries_left").len(), 1);
}

#[test]
fn gauges_show_what_runs_now() {
    observed(|simulator, client, handle| async move {
        let ids: Vec<_> = (0..5).map(|_| simulator.add(SimulatedTask::new().never_ends())).collect();
        simulator.latency(secs(10));
        let mut all = client.watch_all(ids);
        assert!(timeout(ms(1_500), all.next()).await.is_err());
        let page = handle.render();
        let of = |name| lines(&page, name);
        assert_eq!(of("luma_watch_watches"), ["luma_watch_watches{} 5"], "{page}");
        assert_eq!(of("luma_watch_polls_in_flight"), ["luma_watch_polls_in_flight{} 2"]);
        assert_eq!(of("luma_watch_polls_waiting"), ["luma_watch_polls_waiting{} 3"]);
        simulator.clear_faults();
        simulator.inject(Fault::status(429).retry_after("60").always());
        drop(all);
        client.status("t").await.unwrap_err();
        let page = handle.render();
        assert_eq!(lines(&page, "luma_watch_breaker_state"), ["luma_watch_breaker_state{} 3"]);
        assert_eq!(lines(&page, "luma_watch_watches"), ["luma_watch_watches{} 0"]);
    });
}

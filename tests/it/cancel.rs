//! Dropping a watch stops it; dropping a future that only polled it loses nothing.

use std::pin::pin;

use futures::future::join_all;
use futures::stream::select_all;
use futures::{FutureExt, StreamExt};
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{Client, Schedule, Status, StatusEvent, TaskId};
use tokio::time::{Instant, sleep, timeout};

use crate::support::in_memory::{asked_at, gateway, ms, progress, secs};

/// A task of 65 s behind a gateway that takes 400 ms to answer.
fn slow_gateway() -> (Simulator, Client, TaskId) {
    let (simulator, client, id) = gateway(SimulatedTask::new().generates_for(secs(65)), Schedule::default());
    simulator.latency(ms(400));
    (simulator, client, id)
}

#[tokio::test(start_paused = true)]
async fn watch_under_10_ms_timeouts_repeats_no_request() {
    let (simulator, client, id) = slow_gateway();
    let mut watch = client.watch(id);
    let (mut events, mut timeouts) = (Vec::new(), 0);
    while events.last().is_none_or(|event: &StatusEvent| !event.is_terminal()) {
        match timeout(ms(10), watch.next()).await {
            Ok(event) => events.push(event.unwrap()),
            Err(_) => timeouts += 1,
        }
    }
    assert_eq!(asked_at(&simulator), [0, 30_400, 60_800, 91_200].map(ms));
    assert_eq!(events.len(), 4);
    assert!(timeouts > 9_000, "{timeouts}");
}

#[tokio::test(start_paused = true)]
async fn answer_during_absence_is_still_yielded() {
    let (simulator, client, id) = slow_gateway();
    let mut watch = client.watch(id);
    assert!(watch.next().now_or_never().is_none());
    sleep(secs(7)).await;
    let event = progress(watch.next().now_or_never().flatten());
    assert_eq!((event.polls, simulator.requests().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn next_cancelled_by_select_loses_no_event() {
    let (simulator, client, id) = slow_gateway();
    let mut watch = client.watch(id);
    let mut ticks = tokio::time::interval(ms(150));
    let mut seen = Vec::new();
    loop {
        tokio::select! {
            event = watch.next() => match event {
                Some(event) => seen.push(event.is_terminal()),
                None => break,
            },
            _ = ticks.tick() => {}
        }
    }
    assert_eq!(seen, [false, false, false, true]);
    assert_eq!(simulator.requests().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn dropped_watch_sends_no_request_in_any_state() {
    // Before the first poll, in flight, in the pause, in flight again, and during a stalled request.
    for (polled_for, requests) in [(None, 0), (Some(100), 1), (Some(10_000), 1), (Some(30_500), 2), (Some(61_000), 3)] {
        let (simulator, client, id) = slow_gateway();
        simulator.inject(Fault::stall().after(2));
        let mut watch = client.watch(&id);
        if let Some(millis) = polled_for {
            let all = timeout(ms(millis), watch.by_ref().for_each(|_| async {})).await;
            assert!(all.is_err(), "it has ended before it could be dropped");
        }
        drop(watch);
        sleep(secs(3600)).await;
        assert_eq!(simulator.requests().len(), requests, "{polled_for:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_wait_sends_no_request() {
    for millis in [100, 10_000] {
        let (simulator, client, id) = slow_gateway();
        assert!(timeout(ms(millis), client.wait_until_done(&id)).await.is_err());
        assert!(timeout(ms(millis), client.watch(&id)).await.is_err());
        assert!(timeout(ms(100), client.status(&id)).await.is_err());
        sleep(secs(3600)).await;
        assert_eq!(simulator.requests().len(), 3);
        assert_eq!(client.wait_until_done(&id).await.unwrap().status(), Status::Success);
    }
}

#[tokio::test(start_paused = true)]
async fn aborted_task_stops_its_watch() {
    let (simulator, client, id) = slow_gateway();
    let waiting = tokio::spawn(client.watch(&id).wait_until_done());
    sleep(secs(45)).await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    sleep(secs(3600)).await;
    assert_eq!(simulator.requests().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn waits_and_watches_work_with_futures_combinators() {
    let (simulator, client, first) = gateway(SimulatedTask::new().generates_for(secs(40)), Schedule::default());
    let second = simulator.add(SimulatedTask::new().generates_for(secs(20)));
    let third = simulator.add(SimulatedTask::new().ends_with(Status::GenerateFailed).generates_for(secs(70)));
    let ids = [&first, &second, &third];

    let start = Instant::now();
    let ends = join_all(ids.map(|id| client.wait_until_done(id))).await;
    assert_eq!(ends.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!((start.elapsed(), simulator.requests().len()), (secs(90), 3 + 2 + 4));

    for (id, seconds) in [(&first, 50), (&second, 20), (&third, 50)] {
        simulator.add_as(id, SimulatedTask::new().generates_for(secs(seconds)));
    }
    let mut merged = select_all(ids.map(|id| client.watch(id)));
    let mut done = Vec::new();
    while let Some(event) = merged.next().await {
        if let StatusEvent::Done(finished) = event {
            let task = finished.task;
            done.push(task.id().clone());
        }
    }
    assert_eq!(done[0], second);
    assert_eq!((done.len(), done.contains(&first), done.contains(&third)), (3, true, true));
}

#[tokio::test(start_paused = true)]
async fn take_until_ends_stream_between_two_polls() {
    let (simulator, client, id) = slow_gateway();
    let mut until = pin!(client.watch(&id).take_until(sleep(secs(40))));
    let events: Vec<_> = until.by_ref().collect().await;
    assert_eq!((events.len(), simulator.requests().len()), (2, 2));
    assert!(events.iter().all(|event| !event.is_terminal()));

    let start = Instant::now();
    let first = tokio::select! {
        outcome = client.wait_until_done(&id) => outcome.is_ok(),
        () = sleep(secs(5)) => false,
    };
    assert!(!first && start.elapsed() == secs(5));
}

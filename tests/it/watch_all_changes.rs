//! Tasks come and go while a `WatchAll` runs, and it can be drained, stopped and dropped.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};

use futures::stream::FusedStream;
use futures::{FutureExt, StreamExt};
use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{Schedule, StatusEvent, TaskId, WatchAll};
use tokio::time::{sleep, timeout};

use crate::support::in_memory::{builder, gateway, ms, secs, slow_simulator};

#[tokio::test(start_paused = true)]
async fn tasks_can_be_pushed_and_removed_while_running() {
    let (simulator, client, first) = gateway(SimulatedTask::new().never_ends(), Schedule::default());
    simulator.latency(secs(2));
    let mut all = client.watch_all([&first]);
    assert!(timeout(secs(10), async { while all.next().await.is_some() {} }).await.is_err());
    let second = simulator.add(SimulatedTask::new().never_ends());
    assert!(all.push(&second) && !all.push(&second));
    assert!(timeout(secs(1), all.next()).await.is_err());
    // One in flight, one that is gone already, one that was never there.
    assert!(all.remove(&second) && !all.remove(&second) && !all.remove("unknown"));
    assert_eq!(all.len(), 1);
    assert!(
        timeout(secs(60), async {
            while let Some((id, _)) = all.next().await {
                assert_eq!(id, first);
            }
        })
        .await
        .is_err()
    );
    assert!(all.remove(&first) && all.is_empty());
    assert!(all.next().await.is_none());
    let asked = simulator.requests().len();
    assert_eq!(simulator.requests().iter().filter(|request| request.task_id == second).count(), 1);
    sleep(secs(600)).await;
    assert_eq!(simulator.requests().len(), asked);

    // Removed before its first poll, and pushed again.
    assert!(all.push(&first) && all.remove(&first) && all.push(&first));
    assert!(all.next().await.is_some());
    assert_eq!(simulator.requests().len(), asked + 1);
}

#[tokio::test(start_paused = true)]
async fn reused_slot_mixes_no_events() {
    let (simulator, client, _) = gateway(SimulatedTask::new(), Schedule::default());
    let mut all = client.watch_all(Vec::<TaskId>::new());
    let mut lives: HashMap<TaskId, u32> = HashMap::new();
    let mut random = 7_u64;
    for round in 0_u64..400 {
        let id = TaskId::from(format!("t{}", round % 37));
        simulator.add_as(&id, SimulatedTask::new().generates_for(secs(round % 90)));
        if !all.push(&id) {
            assert!(all.remove(&id));
        }
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let step = ms(random >> 50);
        drop(
            timeout(step, async {
                while let Some((id, event)) = all.next().await {
                    assert!(event.task().is_none_or(|task| *task.id() == id));
                    *lives.entry(id).or_default() += 1;
                }
            })
            .await,
        );
    }
    let left = all.len();
    let mut ends = 0;
    while let Some((_, event)) = all.next().await {
        ends += usize::from(event.is_terminal());
    }
    assert_eq!(ends, left);
    assert_eq!(lives.len(), 37);
}

/// A `WatchAll` of three tasks: one in flight, one in its pause, one that has not been polled yet.
async fn under_way() -> (Simulator, WatchAll, [TaskId; 3]) {
    let (simulator, client, pausing) = gateway(SimulatedTask::new().never_ends(), Schedule::default());
    simulator.latency(secs(2));
    let in_flight = simulator.add(SimulatedTask::new().generates_for(secs(10)));
    let mut all = client.watch_all([&pausing]);
    all.next().await.unwrap();
    sleep(secs(10)).await;
    all.push(&in_flight);
    assert!(timeout(secs(1), all.next()).await.is_err());
    let fresh = simulator.add(SimulatedTask::new().never_ends());
    all.push(&fresh);
    (simulator, all, [in_flight, pausing, fresh])
}

fn sorted(mut ids: Vec<TaskId>) -> Vec<TaskId> {
    ids.sort();
    ids
}

#[tokio::test(start_paused = true)]
async fn stop_returns_unfinished_tasks_and_aborts_requests() {
    let (simulator, mut all, ids) = under_way().await;
    assert_eq!(sorted(all.stop()), sorted(ids.to_vec()));
    assert!(all.is_empty() && all.next().now_or_never().unwrap().is_none());
    assert_eq!(all.stop(), Vec::<TaskId>::new());
    sleep(secs(600)).await;
    assert_eq!(simulator.requests().len(), 2);
    // It can be used again.
    all.extend(ids.iter());
    assert!(all.next().await.is_some());
}

#[tokio::test(start_paused = true)]
async fn drain_finishes_requests_in_flight_and_sends_none() {
    let (simulator, mut all, [in_flight, pausing, fresh]) = under_way().await;
    all.drain();
    let events: Vec<_> = all.by_ref().collect().await;
    assert!(matches!(&events[..], [(id, StatusEvent::Done(_))] if *id == in_flight), "{events:?}");
    assert!(all.is_terminated());
    assert_eq!(sorted(all.stop()), sorted(vec![pausing, fresh]));
    assert_eq!(simulator.requests().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn cancelled_next_loses_nothing_and_drop_stops_all() {
    let (simulator, mut all, _) = under_way().await;
    let mut events = 0;
    for _ in 0..2_000 {
        if timeout(ms(10), all.next()).await.is_ok() {
            events += 1;
        }
    }
    assert_eq!((events, simulator.requests().len()), (2, 4));
    drop(all);
    sleep(secs(600)).await;
    assert_eq!(simulator.requests().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn change_from_another_task_wakes_the_poller() {
    let simulator = slow_simulator(secs(2));
    let ids = [0; 3].map(|_| simulator.add(SimulatedTask::new().never_ends()));
    let all = Arc::new(Mutex::new(builder(&simulator).build().unwrap().watch_all(&ids[..2])));
    let reader = tokio::spawn({
        let all = Arc::clone(&all);
        async move {
            let mut seen = Vec::new();
            while let Some((id, _)) = poll_fn(|cx| all.lock().unwrap().poll_next_unpin(cx)).await {
                seen.push(id);
            }
            seen
        }
    });
    sleep(secs(1)).await;
    assert!(all.lock().unwrap().remove(&ids[0]) && all.lock().unwrap().push(&ids[2]));
    sleep(secs(9)).await;
    assert_eq!(all.lock().unwrap().stop().len(), 2);
    assert_eq!(reader.await.unwrap(), [ids[1].clone(), ids[2].clone()]);
}

#[tokio::test(start_paused = true)]
async fn push_wakes_a_poller_in_another_task() {
    let (simulator, client, first) = gateway(SimulatedTask::new().never_ends(), Schedule::default());
    let second = simulator.add(SimulatedTask::new().never_ends());
    let all = Arc::new(Mutex::new(client.watch_all([&first])));
    let poller = tokio::spawn({
        let all = Arc::clone(&all);
        async move { while poll_fn(|cx| all.lock().unwrap().poll_next_unpin(cx)).await.is_some() {} }
    });
    // The first task is in its pause of 30 s.
    sleep(secs(1)).await;
    assert!(all.lock().unwrap().push(&second));
    sleep(secs(1)).await;
    poller.abort();
    let asked: Vec<_> = simulator.requests().into_iter().map(|request| (request.task_id, request.at)).collect();
    assert_eq!(asked, [(first, secs(0)), (second, secs(1))]);
}

#[tokio::test(start_paused = true)]
async fn drain_ends_when_task_in_flight_is_removed() {
    let (simulator, mut all, [in_flight, pausing, fresh]) = under_way().await;
    all.drain();
    assert!(all.next().now_or_never().is_none(), "it waits for the answer");
    assert!(all.remove(&in_flight));
    assert!(all.is_terminated());
    assert!(all.next().now_or_never().unwrap().is_none());
    assert_eq!(sorted(all.stop()), sorted(vec![pausing, fresh]));
    sleep(secs(600)).await;
    assert_eq!(simulator.requests().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn is_draining_from_drain_until_stop() {
    let (_, mut all, _) = under_way().await;
    assert!(!all.is_draining());
    all.drain();
    assert!(all.is_draining());
    while all.next().await.is_some() {}
    assert!(all.is_draining());
    // A task that is pushed meanwhile is not polled, and draining goes on.
    assert!(all.push("late") && all.is_draining() && all.next().await.is_none());
    all.stop();
    assert!(!all.is_draining());
}

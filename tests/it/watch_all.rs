//! Many tasks in one stream: each as it would be alone, none in another's way.

use std::collections::{BTreeMap, HashMap};
use std::future::poll_fn;
use std::sync::{Arc, Mutex};

use futures::stream::FusedStream;
use futures::{FutureExt, StreamExt};
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{Client, ErrorKind, Schedule, Status, StatusEvent, TaskId, WatchAll};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use crate::support::in_memory::{asked_at, gateway, gave_up, ms, secs};

fn client(simulator: &Simulator, schedule: Schedule) -> Client {
    Client::builder("test-key").schedule(schedule).simulator(simulator).build().unwrap()
}

/// A task's whole story, times included.
fn story(event: &StatusEvent) -> Value {
    let mut story = serde_json::to_value(event).unwrap();
    for path in ["/task", "/error/task"] {
        if let Some(task) = story.pointer_mut(path).and_then(Value::as_object_mut) {
            task.retain(|name, _| !name.ends_with("_at_ms")); // real time
        }
    }
    story
}

/// The same life, watched alone and in a fleet: the events, and when the gateway was asked.
async fn both(schedule: impl Fn() -> Schedule, task: &SimulatedTask, faults: &[Fault]) -> [(Vec<Value>, Vec<u128>); 2] {
    let world = || {
        fastrand::seed(7); // the jitter of retries
        let simulator = Simulator::new();
        simulator.latency(ms(700));
        simulator.add_as("t", task.clone());
        for fault in faults {
            simulator.inject(fault.clone());
        }
        (client(&simulator, schedule()), simulator)
    };
    let millis = |simulator: &Simulator| asked_at(simulator).iter().map(std::time::Duration::as_millis).collect();
    let (client, simulator) = world();
    let alone: Vec<_> = client.watch("t").map(|event| story(&event)).collect().await;
    let alone = (alone, millis(&simulator));
    let (client, simulator) = world();
    let in_fleet: Vec<_> = client.watch_all(["t"]).map(|(id, event)| (id == "t", story(&event))).collect().await;
    assert!(in_fleet.iter().all(|(its_own, _)| *its_own));
    let in_fleet = in_fleet.into_iter().map(|(_, story)| story).collect();
    [alone, (in_fleet, millis(&simulator))]
}

#[tokio::test(start_paused = true)]
async fn a_task_has_the_same_story_alone_and_in_a_fleet() {
    let minute = SimulatedTask::new().generates_for(secs(60));
    let endless = SimulatedTask::new().never_ends();
    let schedules: [fn() -> Schedule; 6] = [
        Schedule::default,
        || Schedule::every(secs(7)).max_wait(secs(100)),
        || Schedule::exponential(secs(2), secs(20)).max_wait(secs(90)),
        || Schedule::default().first_poll_after(secs(11)).max_wait(secs(95)),
        || Schedule::default().max_wait(secs(0)),
        // With a history of its own: what is learned from one life is not to help the other.
        || Schedule::learned(&[40, 50, 60, 70].map(secs).into_iter().collect()).max_wait(secs(120)),
    ];
    let tasks = [
        minute.clone(),
        minute.clone().ends_with(Status::GenerateFailed).error(400, "no audio"),
        minute.clone().ends_with(Status::CallbackFailed).unknown_for(secs(20)),
        endless.clone(),
        endless.meanwhile(Status::Unknown(9)),
    ];
    let faults = [
        vec![],
        vec![Fault::code(429, "slow down").retry_after("5").after(1)],
        vec![Fault::status(503).times(3), Fault::code(455, "maintenance").after(2)],
        vec![Fault::status(429).retry_after("86400").after(1)],
        vec![Fault::status(401).after(2)],
        vec![Fault::code(501, "failed").after(1)],
        vec![Fault::code(422, "recordInfo is null").always()],
    ];
    let mut compared = 0;
    for schedule in &schedules {
        for task in &tasks {
            for faults in &faults {
                let [alone, in_fleet] = both(*schedule, task, faults).await;
                for (alone, in_fleet) in alone.0.iter().zip(&in_fleet.0) {
                    assert_eq!(alone, in_fleet, "{:?} {task:?} {faults:?}", schedule());
                }
                assert_eq!(alone.0.len(), in_fleet.0.len(), "{:?} {task:?} {faults:?}", schedule());
                assert_eq!(alone.1, in_fleet.1, "{:?} {task:?} {faults:?}", schedule());
                compared += alone.0.len();
            }
        }
    }
    assert!(compared > 1_000, "{compared}");
}

#[tokio::test(start_paused = true)]
async fn an_end_says_what_a_wait_would_give() {
    let now = || SimulatedTask::new().generates_for(secs(0));
    let (simulator, client, good) = gateway(now(), Schedule::default());
    let failed = simulator.add(now().ends_with(Status::GenerateFailed).error(400, "no audio"));
    let empty = simulator.add(now().result_urls(Vec::<String>::new()));
    let events: BTreeMap<_, _> = client.watch_all([&good, &failed, &empty, &"".into()]).collect().await;
    for (id, event) in &events {
        let (told, waited) = (event.outcome().unwrap(), client.wait_until_done(id).await);
        assert_eq!(told.as_ref().map_err(ToString::to_string).ok(), waited.as_ref().ok());
        assert_eq!(told.map_err(|error| error.to_string()), waited.map_err(|error| error.to_string()));
    }
    assert_eq!(events.values().filter(|event| event.outcome().unwrap().is_ok()).count(), 1);
    let under_way = client.watch(simulator.add(SimulatedTask::new())).next().await.unwrap();
    assert!(under_way.outcome().is_none());
}

#[tokio::test(start_paused = true)]
async fn it_is_lazy_and_ends_when_all_have_ended() {
    let (simulator, client, first) = gateway(SimulatedTask::new().generates_for(secs(20)), Schedule::default());
    let second = simulator.add(SimulatedTask::new().generates_for(secs(50)).ends_with(Status::GenerateFailed));
    let mut all = client.watch_all([&first, &second, &first]);
    assert_eq!((all.len(), all.is_empty()), (2, false));
    sleep(secs(100)).await;
    assert_eq!(simulator.requests().len(), 0);
    simulator.add_as(&first, SimulatedTask::new().generates_for(secs(20)));
    simulator.add_as(&second, SimulatedTask::new().generates_for(secs(50)).ends_with(Status::GenerateFailed));

    let start = Instant::now();
    let mut ends = Vec::new();
    while let Some((id, event)) = all.next().await {
        if let StatusEvent::Done(finished) = event {
            let task = finished.task;
            assert_eq!(task.id(), &id);
            ends.push((id, task.status(), start.elapsed().as_secs(), all.len()));
        }
    }
    assert_eq!(ends, [(first.clone(), Status::Success, 30, 1), (second, Status::GenerateFailed, 60, 0)]);
    assert!(all.is_terminated() && all.next().await.is_none());
    assert_eq!(simulator.requests().len(), 5);

    // And goes on after a push.
    assert!(all.push(&first) && !all.is_terminated());
    assert!(matches!(all.next().await, Some((id, StatusEvent::Done(_))) if id == first));
    assert!(all.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_empty_fleet_ends_at_once_and_an_empty_id_is_told() {
    let (simulator, client, _) = gateway(SimulatedTask::new(), Schedule::default());
    assert!(client.watch_all(Vec::<String>::new()).next().await.is_none());
    let events: Vec<_> = client.watch_all([" "]).collect().await;
    assert_eq!(events.iter().filter_map(|(_, event)| gave_up(event)).collect::<Vec<_>>(), [ErrorKind::InvalidRequest]);
    assert_eq!(simulator.requests().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stalled_or_failing_task_delays_no_other() {
    let (simulator, client, good) = gateway(SimulatedTask::new().generates_for(secs(95)), Schedule::default());
    let [stalled, failing, denied] = [0; 3].map(|_| simulator.add(SimulatedTask::new()));
    simulator.inject(Fault::stall().always().only(&stalled));
    simulator.inject(Fault::status(502).always().only(&failing));
    simulator.inject(Fault::status(403).always().only(&denied));
    let mut all = client.watch_all([&stalled, &failing, &denied, &good]);
    while let Some((id, event)) = all.next().await {
        assert!(id != denied || gave_up(&event) == Some(ErrorKind::Unauthorized));
        if event.is_terminal() && id == good {
            break;
        }
    }
    let asked = |id: &TaskId| {
        let requests = simulator.requests().into_iter().filter(|request| request.task_id == *id);
        requests.map(|request| request.at.as_secs()).collect::<Vec<_>>()
    };
    assert_eq!(asked(&good), [0, 30, 60, 90, 120]);
    assert_eq!(asked(&denied), [0]);
    // Backoff is each task's own: one second and more after its own failures only.
    let retries = asked(&failing);
    assert!(retries.len() > 6 && retries[1] <= 1 && retries[2] <= 3, "{retries:?}");
    assert_eq!(all.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn tasks_come_and_go_while_it_runs() {
    let (simulator, client, first) = gateway(SimulatedTask::new().never_ends(), Schedule::default());
    simulator.latency(secs(2));
    let mut all = client.watch_all([&first]);
    assert!(timeout(secs(10), async { while all.next().await.is_some() {} }).await.is_err());
    let second = simulator.add(SimulatedTask::new().never_ends());
    assert!(all.push(&second) && !all.push(&second));
    assert!(timeout(secs(1), all.next()).await.is_err());
    // In flight, in the pause, never there.
    assert!(all.remove(&second) && !all.remove(&second) && !all.remove("nobody"));
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

    // Removed before it was ever asked about, and pushed again.
    assert!(all.push(&first) && all.remove(&first) && all.push(&first));
    assert!(all.next().await.is_some());
    assert_eq!(simulator.requests().len(), asked + 1);
}

#[tokio::test(start_paused = true)]
async fn a_removed_tasks_place_can_be_anothers_without_a_mixture() {
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

/// A fleet of three under way: one in flight, one in its pause, one that has not been asked about yet.
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
async fn stopped_it_gives_back_what_has_not_ended_and_aborts_what_is_in_flight() {
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
async fn drained_it_lets_what_is_in_flight_finish_and_asks_no_more() {
    let (simulator, mut all, [in_flight, pausing, fresh]) = under_way().await;
    all.drain();
    let events: Vec<_> = all.by_ref().collect().await;
    assert!(matches!(&events[..], [(id, StatusEvent::Done(_))] if *id == in_flight), "{events:?}");
    assert!(all.is_terminated());
    assert_eq!(sorted(all.stop()), sorted(vec![pausing, fresh]));
    assert_eq!(simulator.requests().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn dropped_it_asks_no_more_and_a_next_that_loses_a_race_loses_nothing() {
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
async fn all_of_a_thousand_ends_are_told_once() {
    let simulator = Simulator::new();
    simulator.latency(ms(80));
    let ids: Vec<_> = (0..1_000).map(|n| simulator.add(SimulatedTask::new().generates_for(secs(n % 200)))).collect();
    simulator.inject(Fault::status(502).probability(0.05).always());
    let mut ends: BTreeMap<TaskId, u32> = BTreeMap::new();
    let mut all = client(&simulator, Schedule::default()).watch_all(&ids);
    while let Some((id, event)) = all.next().await {
        assert_eq!(ends.get(&id), None, "an event after the end");
        if event.is_terminal() {
            ends.insert(id, 1);
        }
    }
    assert_eq!(ends.len(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn changed_from_elsewhere_it_wakes_whoever_waits_for_its_next_event() {
    let simulator = Simulator::new();
    simulator.latency(secs(2));
    let ids = [0; 3].map(|_| simulator.add(SimulatedTask::new().never_ends()));
    let all = Arc::new(Mutex::new(client(&simulator, Schedule::default()).watch_all(&ids[..2])));
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
async fn it_does_not_run_far_ahead_of_its_consumer() {
    let simulator = Simulator::new();
    let ids: Vec<_> = (0..1_000).map(|_| simulator.add(SimulatedTask::new().never_ends())).collect();
    let mut all = client(&simulator, Schedule::default()).watch_all(&ids);
    for told in 1..500 {
        all.next().await.unwrap();
        assert!(simulator.requests().len() <= told + 256);
    }
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
async fn drain_ends_after_removal_of_the_task_in_flight() {
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
    // What is pushed meanwhile is not asked about, and does not end it.
    assert!(all.push("late") && all.is_draining() && all.next().await.is_none());
    all.stop();
    assert!(!all.is_draining());
}

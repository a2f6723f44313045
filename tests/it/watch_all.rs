//! A `WatchAll`: each task has the events that it has in a watch of its own, and delays no other.

use std::collections::BTreeMap;

use futures::StreamExt;
use futures::stream::FusedStream;
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{Client, ErrorKind, Schedule, Status, StatusEvent, TaskId};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::support::in_memory::{asked_at, gateway, gave_up, ms, secs, slow_simulator};

fn client(simulator: &Simulator, schedule: Schedule) -> Client {
    Client::builder("test-key").schedule(schedule).simulator(simulator).build().unwrap()
}

/// An event as JSON, without dates, which are of the real clock.
fn story(event: &StatusEvent) -> Value {
    let mut story = serde_json::to_value(event).unwrap();
    for path in ["/task", "/error/task"] {
        if let Some(task) = story.pointer_mut(path).and_then(Value::as_object_mut) {
            task.retain(|name, _| !name.ends_with("_at_ms"));
        }
    }
    story
}

/// The same task in a watch of its own and in a `WatchAll`: the events, and the time of each request in milliseconds.
async fn both(schedule: impl Fn() -> Schedule, task: &SimulatedTask, faults: &[Fault]) -> [(Vec<Value>, Vec<u128>); 2] {
    let world = || {
        fastrand::seed(7); // the jitter of retries
        let simulator = slow_simulator(ms(700));
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
    let in_all: Vec<_> = client.watch_all(["t"]).map(|(id, event)| (id == "t", story(&event))).collect().await;
    assert!(in_all.iter().all(|(its_own, _)| *its_own));
    let in_all = in_all.into_iter().map(|(_, story)| story).collect();
    [alone, (in_all, millis(&simulator))]
}

#[tokio::test(start_paused = true)]
async fn task_has_same_events_with_either_driver() {
    let minute = SimulatedTask::new().generates_for(secs(60));
    let endless = SimulatedTask::new().never_ends();
    let schedules: [fn() -> Schedule; 6] = [
        Schedule::default,
        || Schedule::every(secs(7)).max_wait(secs(100)),
        || Schedule::exponential(secs(2), secs(20)).max_wait(secs(90)),
        || Schedule::default().first_poll_after(secs(11)).max_wait(secs(95)),
        || Schedule::default().max_wait(secs(0)),
        // Each with a history of its own: what one run learns must not change the other.
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
                let [alone, in_all] = both(*schedule, task, faults).await;
                for (alone, in_all) in alone.0.iter().zip(&in_all.0) {
                    assert_eq!(alone, in_all, "{:?} {task:?} {faults:?}", schedule());
                }
                assert_eq!(alone.0.len(), in_all.0.len(), "{:?} {task:?} {faults:?}", schedule());
                assert_eq!(alone.1, in_all.1, "{:?} {task:?} {faults:?}", schedule());
                compared += alone.0.len();
            }
        }
    }
    assert!(compared > 1_000, "{compared}");
}

#[tokio::test(start_paused = true)]
async fn outcome_of_event_equals_outcome_of_wait() {
    let now = || SimulatedTask::new().generates_for(secs(0));
    let (simulator, client, good) = gateway(now(), Schedule::default());
    let failed = simulator.add(now().ends_with(Status::GenerateFailed).error(400, "no audio"));
    let empty = simulator.add(now().result_urls(Vec::<String>::new()));
    let events: BTreeMap<_, _> = client.watch_all([&good, &failed, &empty, &"".into()]).collect().await;
    for (id, event) in &events {
        let (of_event, of_wait) = (event.outcome().unwrap(), client.wait_until_done(id).await);
        assert_eq!(of_event.as_ref().map_err(ToString::to_string).ok(), of_wait.as_ref().ok());
        assert_eq!(of_event.map_err(|error| error.to_string()), of_wait.map_err(|error| error.to_string()));
    }
    assert_eq!(events.values().filter(|event| event.outcome().unwrap().is_ok()).count(), 1);
    let under_way = client.watch(simulator.add(SimulatedTask::new())).next().await.unwrap();
    assert!(under_way.outcome().is_none());
}

#[tokio::test(start_paused = true)]
async fn watch_all_is_lazy_and_ends_with_tasks() {
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

    // The stream goes on after a push.
    assert!(all.push(&first) && !all.is_terminated());
    assert!(matches!(all.next().await, Some((id, StatusEvent::Done(_))) if id == first));
    assert!(all.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn empty_watch_all_ends_and_empty_id_fails() {
    let (simulator, client, _) = gateway(SimulatedTask::new(), Schedule::default());
    assert!(client.watch_all(Vec::<String>::new()).next().await.is_none());
    let events: Vec<_> = client.watch_all([" "]).collect().await;
    assert_eq!(events.iter().filter_map(|(_, event)| gave_up(event)).collect::<Vec<_>>(), [ErrorKind::InvalidRequest]);
    assert_eq!(simulator.requests().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn stalled_or_failing_task_delays_no_other() {
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
    // At the start one request goes alone, for a second at most.
    assert_eq!(asked(&good), [1, 31, 61, 91, 121]);
    assert_eq!(asked(&denied), [1]);
    // Retries slow down for the failing task only.
    let retries = asked(&failing);
    assert!(retries.len() > 6 && retries[1] <= 2 && retries[2] <= 4, "{retries:?}");
    assert_eq!(all.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn thousand_tasks_each_end_once() {
    let simulator = slow_simulator(ms(80));
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
async fn requests_do_not_run_far_ahead_of_consumer() {
    let simulator = Simulator::new();
    let ids: Vec<_> = (0..1_000).map(|_| simulator.add(SimulatedTask::new().never_ends())).collect();
    let mut all = client(&simulator, Schedule::default()).watch_all(&ids);
    for events in 1..500 {
        all.next().await.unwrap();
        assert!(simulator.requests().len() <= events + 256);
    }
}

//! A `WatchAll` is steered from other tasks, and says what it knows of its tasks.

use std::time::Duration;

use futures::stream::FusedStream;
use futures::{FutureExt, StreamExt};
use luma_watch::simulator::{Fault, SimulatedTask};
use luma_watch::{ErrorKind, Schedule, Status, StatusEvent, TaskId, TaskSummary, WatchAll};
use tokio::time::{Instant, sleep, timeout};

use crate::support::in_memory::{asked_at, gateway, gave_up, secs};

async fn ends(all: &mut WatchAll) -> Vec<TaskId> {
    let terminal = all.filter_map(|(id, event)| std::future::ready(event.is_terminal().then_some(id)));
    terminal.collect().await
}

#[tokio::test(start_paused = true)]
async fn stream_goes_on_as_long_as_there_is_a_handle() {
    let (simulator, client, first) = gateway(SimulatedTask::new(), Schedule::default());
    let second = simulator.add(SimulatedTask::new().generates_for(secs(30)));
    let mut all = client.watch_all([&first]);
    let handle = all.handle();
    let (other, late) = (handle.clone(), second.clone());
    tokio::spawn(async move {
        sleep(secs(1000)).await; // long after the first task's end
        other.push(&late).unwrap();
        sleep(secs(1000)).await;
    });
    drop(handle);
    let start = Instant::now();
    assert!(!all.is_terminated());
    assert_eq!(ends(&mut all).await, [first, second]);
    assert!(all.is_terminated() && all.is_empty());
    assert_eq!(start.elapsed(), secs(2000), "the end comes with the end of the last handle");
    // A later handle makes it go on.
    let handle = all.handle();
    assert!(!all.is_terminated() && all.next().now_or_never().is_none());
    drop(handle);
    assert!(all.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn handle_removes_and_drains() {
    let (simulator, client, first) = gateway(SimulatedTask::new().never_ends(), Schedule::default());
    let second = simulator.add(SimulatedTask::new().never_ends());
    let mut all = client.watch_all([&first, &second]);
    let handle = all.handle();
    let remote = async {
        sleep(secs(45)).await;
        handle.remove(&first);
        sleep(secs(60)).await;
        handle.drain();
        handle.push("after the drain").unwrap();
    };
    let events = async {
        let mut events = Vec::new();
        while let Some((id, _)) = all.next().await {
            events.push(id);
        }
        events
    };
    let (events, ()) = tokio::join!(events, remote);
    let of = |wanted: &TaskId| events.iter().filter(|id| *id == wanted).count();
    assert_eq!((of(&first), of(&second), events.len()), (2, 4, 6));
    assert!(all.is_draining() && all.is_terminated(), "though there is a handle");
    let mut left = all.stop();
    left.sort();
    assert_eq!(left, [second, TaskId::from("after the drain")]);
    assert!(!all.is_terminated(), "the handle is there still");
    drop(all);
    assert!(handle.is_closed());
    for refused in [handle.push("late"), handle.push_with("late", Schedule::default())] {
        let error = refused.unwrap_err();
        assert_eq!((error.kind(), error.task_id().unwrap().as_str()), (ErrorKind::Closed, "late"));
        let text = "task late: not watched: the WatchAll of this handle is dropped: nobody watches the task";
        assert_eq!((error.to_string().as_str(), error.is_transient()), (text, false));
    }
    handle.remove("late");
    handle.drain();
}

#[tokio::test(start_paused = true)]
async fn stop_returns_what_was_pushed_and_not_seen_yet() {
    let (_, client, first) = gateway(SimulatedTask::new(), Schedule::default());
    let mut all = client.watch_all([&first]);
    let handle = all.handle();
    handle.push("pushed").unwrap();
    handle.remove(&first);
    assert_eq!(all.stop(), ["pushed"]);
}

#[tokio::test(start_paused = true)]
async fn task_with_a_schedule_of_its_own_keeps_its_deadline() {
    let (simulator, client, _) = gateway(SimulatedTask::new(), Schedule::default().max_wait(secs(600)));
    for id in ["own", "other", "by handle"] {
        simulator.add_as(id, SimulatedTask::new().never_ends());
    }
    let mut all = client.watch_all(["other"]);
    let short = Schedule::every(secs(20)).max_wait(secs(50));
    assert!(all.push_with("own", short.clone()).unwrap() && !all.push_with("own", short.clone()).unwrap());
    all.handle().push_with("by handle", short.clone().max_wait(secs(70))).unwrap();
    assert_eq!(all.push_with("bad", Schedule::every(Duration::ZERO)).unwrap_err().kind(), ErrorKind::Config);
    assert!(!all.contains("bad"));
    let ends: Vec<_> = all.filter(|(_, event)| std::future::ready(event.is_terminal())).collect().await;
    let ends: Vec<_> = ends
        .iter()
        .map(|(id, event)| {
            let StatusEvent::GaveUp(error) = event else { panic!("{event:?}") };
            assert_eq!(gave_up(event), Some(ErrorKind::Deadline));
            (id.as_str(), error.elapsed(), error.polls())
        })
        .collect();
    assert_eq!(ends, [("own", secs(50), 4), ("by handle", secs(70), 5), ("other", secs(600), 21)]);
    let own: Vec<_> = simulator.requests().iter().filter(|request| request.task_id == "own").map(|r| r.at).collect();
    assert_eq!(own, [0, 20, 40, 50].map(secs), "with its own final poll");
}

#[tokio::test(start_paused = true)]
async fn task_tells_its_status_between_two_events() {
    let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::default());
    let mut all = client.watch_all([&id]);
    let of = |all: &WatchAll| {
        all.get(&id)
            .map(|TaskSummary { status, polls, elapsed, next_poll_in, .. }| (status, polls, elapsed, next_poll_in))
    };
    assert_eq!(of(&all), Some((None, 0, secs(0), None)));
    assert!(all.contains(&id) && all.ids().eq([&id]) && !all.contains("other") && all.get("other").is_none());
    all.next().await.unwrap();
    sleep(secs(12)).await;
    assert_eq!(of(&all), Some((Some(Status::Generating), 1, secs(12), Some(secs(18)))));
    simulator.inject(Fault::stall());
    assert!(timeout(secs(20), all.next()).await.is_err());
    assert_eq!(of(&all), Some((Some(Status::Generating), 1, secs(32), None)), "in flight");
    assert_eq!(asked_at(&simulator).len(), 2);
    assert_eq!(
        serde_json::to_string(&all.get(&id)).unwrap(),
        r#"{"status":"GENERATING","polls":1,"elapsed_ms":32000,"next_poll_in_ms":null}"#
    );
    assert!(all.remove(&id));
    assert!(!all.contains(&id) && all.get(&id).is_none() && all.ids().count() == 0);
}

#[tokio::test(start_paused = true)]
async fn pushes_of_a_thousand_tasks_are_all_watched() {
    let (simulator, client, _) = gateway(SimulatedTask::new(), Schedule::default());
    let ids: Vec<_> = (0..1_000).map(|_| simulator.add(SimulatedTask::new().generates_for(secs(20)))).collect();
    let mut all = client.watch_all([""; 0]);
    let handle = all.handle();
    let pushed = ids.clone();
    std::thread::spawn(move || pushed.iter().try_for_each(|id| handle.push(id)).unwrap()).join().unwrap();
    let mut ended = ends(&mut all).await;
    ended.sort();
    let mut ids = ids;
    ids.sort();
    assert_eq!(ended, ids);
}

#[tokio::test(start_paused = true)]
async fn what_handles_asked_for_outlives_them() {
    let (_, client, id) = gateway(SimulatedTask::new().generates_for(secs(20)), Schedule::default());
    let mut all = client.watch_all([&id]);
    all.handle().push("a").unwrap();
    all.handle().push("b").unwrap();
    all.handle().remove(&id);
    drop(all.handle());
    let mut ids: Vec<_> = all.stop();
    ids.sort();
    assert_eq!(ids, ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn command_of_a_new_handle_wakes_a_stream_that_waits() {
    let (simulator, client, first) = gateway(SimulatedTask::new().never_ends(), Schedule::default());
    let all = std::sync::Arc::new(std::sync::Mutex::new(client.watch_all([first])));
    let polled = std::sync::Arc::clone(&all);
    let reader = tokio::spawn(std::future::poll_fn(move |cx| {
        let mut all = polled.lock().unwrap();
        while let std::task::Poll::Ready(event) = all.poll_next_unpin(cx) {
            if event.is_some_and(|(id, _)| id == "second") {
                return std::task::Poll::Ready(());
            }
        }
        std::task::Poll::Pending
    }));
    sleep(secs(10)).await;
    simulator.add_as("second", SimulatedTask::new());
    let handle = all.lock().unwrap().handle();
    sleep(secs(1)).await;
    handle.push("second").unwrap();
    timeout(secs(1), reader).await.unwrap().unwrap();
}

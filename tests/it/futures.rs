//! The named futures of a watch's end live wherever a future can: in structs, in `select!`, in collections, in tasks.

use futures::future::{FusedFuture, select_ok};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt, select};
use luma_watch::simulator::{Fault, SimulatedTask};
use luma_watch::{Client, Error, ErrorKind, Schedule, SharedWait, Status, StatusEvent, Task, TaskId, Wait};
use serde_json::{from_value, to_value};
use tokio::time::timeout;

use crate::support::in_memory::{asked_at, gateway, secs};

/// A job that a service keeps between two of its own steps.
struct Job {
    wait: Wait,
    shared: SharedWait,
}

#[tokio::test(start_paused = true)]
async fn waits_live_in_a_struct() {
    let (_simulator, client, id) = gateway(SimulatedTask::new(), Schedule::default());
    let mut job = Job { wait: client.wait_until_done(&id), shared: client.watch(&id).shared().wait_until_done() };
    assert_eq!(job.wait.task_id(), &id);
    assert!(timeout(secs(60), &mut job.wait).await.is_err());
    assert_eq!((&mut job.wait).await.unwrap(), job.shared.await.unwrap());
    assert_eq!((&mut job.wait).await.unwrap().status(), Status::Success, "it answers again");
}

#[tokio::test(start_paused = true)]
async fn wait_is_spawned_from_a_borrowed_client() {
    fn start(client: &Client, id: &TaskId) -> tokio::task::JoinHandle<Result<Task, Error>> {
        tokio::spawn(client.wait_until_done(id))
    }
    let (_simulator, client, id) = gateway(SimulatedTask::new(), Schedule::default());
    let handle = start(&client, &id);
    drop(client);
    assert_eq!(handle.await.unwrap().unwrap().id(), &id);
}

#[tokio::test(start_paused = true)]
async fn select_of_futures_ends_with_its_waits() {
    let (simulator, client, short) = gateway(SimulatedTask::new().generates_for(secs(60)), Schedule::default());
    let long = simulator.add(SimulatedTask::new());
    let mut first = client.wait_until_done(&long);
    let mut second = client.watch(&short).shared().wait_until_done();
    let mut ended = Vec::new();
    assert!(!first.is_terminated() && !second.is_terminated());
    loop {
        select! {
            task = first => ended.push(task.unwrap()),
            task = second => ended.push(task.unwrap()),
            complete => break,
        }
    }
    assert!(first.is_terminated() && second.is_terminated());
    assert_eq!(ended.iter().map(Task::id).collect::<Vec<_>>(), [&short, &long]);
}

#[tokio::test(start_paused = true)]
async fn waits_are_collected_without_pins() {
    let (simulator, client, fails) =
        gateway(SimulatedTask::new().ends_with(Status::GenerateFailed).generates_for(secs(30)), Schedule::default());
    let ids = [120, 60].map(|seconds| simulator.add(SimulatedTask::new().generates_for(secs(seconds))));
    let waits = ids.iter().chain([&fails]).map(|id| client.wait_until_done(id));
    let (first, others) = select_ok(waits).await.unwrap();
    assert_eq!((first.id(), others.len()), (&ids[1], 1));
    let mut pending: FuturesUnordered<Wait> = others.into_iter().collect();
    pending.push(client.wait_until_done(&fails));
    let mut kinds = Vec::new();
    while let Some(outcome) = pending.next().await {
        kinds.push(outcome.map(|task| task.id().clone()).map_err(|error| error.kind()));
    }
    assert_eq!(kinds, [Err(ErrorKind::TaskFailed), Ok(ids[0].clone())]);
}

#[tokio::test(start_paused = true)]
async fn done_that_is_dropped_loses_no_request() {
    let (simulator, client, id) = gateway(SimulatedTask::new().generates_for(secs(60)), Schedule::default());
    simulator.latency(secs(5));
    let mut watch = client.watch(&id);
    let mut dropped = 0;
    while timeout(secs(3), watch.done()).await.is_err() {
        dropped += 1;
    }
    assert!(dropped > 20, "{dropped}");
    assert_eq!(simulator.requests().len(), 3, "one request for each poll: {:?}", asked_at(&simulator));
    // It answers again, and the stream has ended.
    assert_eq!(watch.done().await.unwrap().id(), &id);
    assert!(watch.next().await.is_none());
    assert_eq!(watch.into_future().await.unwrap().id(), &id);
}

#[tokio::test(start_paused = true)]
async fn done_of_a_reader_leaves_the_reader() {
    let (_simulator, client, id) = gateway(SimulatedTask::new(), Schedule::default());
    let mut reader = client.watch(&id).shared();
    assert!(reader.done().now_or_never().is_none());
    let mut other = reader.clone();
    assert_eq!(reader.done().await.unwrap(), other.done().await.unwrap());
    assert!(matches!(other.next().await, Some(StatusEvent::Done(_))), "the last event is still to come");
    assert_eq!(other.into_future().await.unwrap().id(), &id);
}

#[tokio::test(start_paused = true)]
async fn real_events_read_back_as_the_same() {
    let (simulator, client, id) = gateway(SimulatedTask::new().generates_for(secs(100)), Schedule::default());
    simulator.inject(Fault::status(502).after(1).times(2));
    simulator.inject(Fault::status(429).retry_after("7").after(4));
    simulator.latency(std::time::Duration::from_micros(1_234_567));
    let mut events: Vec<_> = client.watch(&id).collect().await;
    events.extend(client.watch("").collect::<Vec<_>>().await);
    assert!(events.len() > 6);
    for event in events {
        assert_eq!(from_value::<StatusEvent>(to_value(&event).unwrap()).unwrap(), event);
        assert_eq!(postcard::from_bytes::<StatusEvent>(&postcard::to_stdvec(&event).unwrap()).unwrap(), event);
    }
}

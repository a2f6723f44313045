//! One shared watch per task and client, found by its id, read without polls and driven in the background.

use std::panic::AssertUnwindSafe;

use futures::future::join_all;
use futures::{FutureExt, StreamExt};
use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{Client, ErrorKind, Schedule, StatusEvent};
use tokio::time::{sleep, timeout};

use crate::support::in_memory::{asked_at, gateway, gave_up, progress, secs};

#[tokio::test(start_paused = true)]
async fn readers_of_one_id_share_one_watch() {
    let (simulator, client, id) = gateway(SimulatedTask::new(), Schedule::default());
    let other = client.with_schedule(Schedule::every(secs(1))).unwrap();
    let readers = (0..20).map(|reader| if reader % 2 == 0 { client.shared(&id) } else { other.clone().shared(&id) });
    let seen = join_all(readers.map(|reader| tokio::spawn(reader.wait_until_done()))).await;
    assert!(seen.into_iter().all(|task| task.unwrap().unwrap().id() == &id));
    assert_eq!(simulator.requests().len(), 11, "with the schedule of the first");
    let two = [SimulatedTask::new(), SimulatedTask::new()].map(|task| simulator.add(task));
    let [one, another] = two.map(|id| client.shared(id));
    assert_ne!(one.task_id(), another.task_id());
}

#[tokio::test(start_paused = true)]
async fn watch_is_dropped_with_its_last_reader() {
    let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::default());
    for round in 1..=3 {
        let mut reader = client.shared(&id);
        assert_eq!(reader.last(), None, "a new watch");
        assert_eq!(progress(reader.next().await).polls, 1);
        let other = client.shared(&id);
        drop(reader);
        assert!(other.last().is_some(), "the same watch");
        drop(other);
        sleep(secs(300)).await;
        assert_eq!(simulator.requests().len(), round);
    }
}

#[tokio::test(start_paused = true)]
async fn ended_task_is_joined_and_given_up_one_is_watched_again() {
    let (simulator, client, id) = gateway(SimulatedTask::new(), Schedule::default());
    let mut reader = client.shared(&id);
    reader.done().await.unwrap();
    let asked = simulator.requests().len();
    let mut late = client.shared(&id);
    assert!(late.next().now_or_never().flatten().unwrap().is_terminal(), "it is known at once");
    assert_eq!(simulator.requests().len(), asked);

    let endless = simulator.add(SimulatedTask::new().never_ends());
    let mut first = client.shared(&endless);
    assert_eq!(first.done().await.unwrap_err().kind(), ErrorKind::Deadline);
    assert_eq!(gave_up(&first.last().unwrap()), Some(ErrorKind::Deadline));
    let mut second = client.shared(&endless);
    assert_eq!(progress(second.next().await).polls, 1);
    let third = client.shared(&endless);
    assert_eq!(progress(third.last()).polls, 1, "the new one is joined, though the old one has a reader");
    drop(first);
    assert_eq!(progress(client.shared(&endless).last()).polls, 1);
}

#[tokio::test(start_paused = true)]
async fn last_event_is_not_seen_by_being_read() {
    let (simulator, client, id) = gateway(SimulatedTask::new(), Schedule::default());
    let (mut reader, page) = (client.shared(&id), client.shared(&id));
    assert_eq!(page.last(), None);
    let first = reader.next().await.unwrap();
    sleep(secs(100)).await;
    assert_eq!(page.last(), Some(first.clone()));
    let mut page = page;
    assert_eq!(page.next().now_or_never().flatten(), Some(first));
    assert_eq!(asked_at(&simulator).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn driven_watch_goes_on_while_no_reader_is_polled() {
    let (simulator, client, id) = gateway(SimulatedTask::new(), Schedule::default());
    let page = client.shared(&id);
    let drive = tokio::spawn(page.drive());
    sleep(secs(61)).await;
    assert_eq!(progress(page.last()).polls, 3);
    sleep(secs(300)).await;
    assert!(matches!(page.last(), Some(StatusEvent::Done(_))));
    assert!(drive.is_finished());
    assert_eq!(simulator.requests().len(), 11);
    page.drive().await; // it is over
}

#[tokio::test(start_paused = true)]
async fn drive_ends_with_the_last_reader() {
    let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::default());
    let page = client.shared(&id);
    let (one, two) = (tokio::spawn(page.drive()), tokio::spawn(page.drive()));
    let other = page.clone();
    sleep(secs(40)).await;
    drop(page);
    sleep(secs(40)).await;
    assert_eq!((one.is_finished(), progress(other.last()).polls), (false, 3));
    drop(other);
    timeout(secs(1), async { (one.await.unwrap(), two.await.unwrap()) }).await.unwrap();
    sleep(secs(300)).await;
    assert_eq!(simulator.requests().len(), 3, "the watch is dropped");
    let mut again = client.shared(&id);
    assert_eq!(progress(again.next().await).polls, 1);
    // For no reader at all it does nothing.
    let drive = again.drive();
    drop(again);
    assert_eq!(drive.now_or_never(), Some(()));
}

#[tokio::test(start_paused = true)]
async fn reader_is_driven_by_others_and_the_others_by_it() {
    let (_simulator, client, id) = gateway(SimulatedTask::new(), Schedule::default());
    let mut reader = client.shared(&id);
    let drive = tokio::spawn(reader.drive());
    let mut polls = Vec::new();
    while let Some(StatusEvent::Generating(progress)) = reader.next().await {
        polls.push(progress.polls);
    }
    assert_eq!(polls, (1..=10).collect::<Vec<_>>());
    drive.await.unwrap();
    // A drive that is aborted leaves the watch to its readers.
    let mut reader = client.with_schedule(Schedule::default()).unwrap().shared("other");
    let drive = tokio::spawn(reader.drive());
    sleep(secs(1)).await;
    drive.abort();
    assert_eq!(reader.done().await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn watch_without_readers_is_dropped_though_its_drive_is_not_polled() {
    let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::default());
    simulator.latency(secs(10));
    let mut page = client.shared(&id);
    let mut drive = page.drive();
    assert!((&mut drive).now_or_never().is_none() && page.next().now_or_never().is_none());
    assert_eq!(client.limits().in_flight, 1);
    drop(page);
    assert_eq!(client.limits().in_flight, 0, "the request is aborted");
    let page = client.shared(&id);
    assert!(drive.now_or_never().is_some() && page.last().is_none(), "it is of the watch before");
    assert_eq!(client.limits().in_flight, 0);
}

#[test]
fn watch_whose_runtime_was_shut_down_is_not_joined() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (simulator, client) = (Simulator::new(), Client::builder("test-key"));
    let id = simulator.add(SimulatedTask::new());
    let client = client.simulator(&simulator).build().unwrap();
    let mut old = client.shared(&id);
    runtime().block_on(async { assert!(timeout(secs(10), old.done()).await.is_err()) });
    runtime().block_on(async {
        let polled = AssertUnwindSafe(old.done()).catch_unwind().await;
        assert!(polled.is_err(), "as documented: {polled:?}");
        assert_eq!(client.shared(&id).await.unwrap().id(), &id);
    });
}

//! Callbacks of a simulator in memory, on the paused clock: taken by the test in place of a receiver.

use std::time::Duration;

use luma_watch::simulator::{CallbackRequest, Delivery, SimulatedTask, Simulator};
use luma_watch::{Callback, CallbackVerifier, Client, ErrorKind, Schedule, Status, TaskId};
use tokio::time::Instant;

const KEY: &str = "signing-key";
const URL: &str = "https://example.com/callbacks";

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A simulator that signs, and a client of it.
fn gateway() -> (Simulator, Client) {
    let simulator = Simulator::new();
    simulator.callback_key(KEY);
    let schedule = Schedule::every(secs(600));
    let client = Client::builder("test-key").simulator(&simulator).schedule(schedule).build().unwrap();
    (simulator, client)
}

fn task(delivery: Delivery) -> SimulatedTask {
    SimulatedTask::new().generates_for(secs(100)).callback(delivery)
}

async fn next(simulator: &Simulator) -> CallbackRequest {
    simulator.next_callback().await.unwrap()
}

async fn status(client: &Client, id: &TaskId) -> Status {
    client.status(id).await.unwrap().status()
}

#[tokio::test(start_paused = true)]
async fn taken_callback_ends_the_watch_when_it_is_due() {
    let (simulator, client) = gateway();
    let start = Instant::now();
    let id = simulator.add(task(Delivery::to(URL).late(secs(7))).result_urls(["https://example.com/own.mp4"]));
    let failing = simulator.add(task(Delivery::to(URL)).ends_with(Status::GenerateFailed));
    let waits = [&id, &failing].map(|id| tokio::spawn(client.watch(id).wait_until_done()));
    let verifier = CallbackVerifier::new(KEY);
    for (after, id, is_success) in [(100, &failing, false), (107, &id, true)] {
        let request = next(&simulator).await;
        assert_eq!((start.elapsed(), request.url.as_str()), (secs(after), URL));
        assert_eq!(request.headers["content-type"], "application/json");
        let callback = verifier.verify(&request.headers, &request.body).unwrap();
        assert_eq!((callback.task_id(), callback.is_success()), (id, is_success));
        let urls = if is_success { vec!["https://example.com/own.mp4"] } else { Vec::new() };
        assert_eq!(callback.result_urls(), urls);
        client.notify(&callback);
    }
    let [done, failed] = waits;
    assert_eq!(done.await.unwrap().unwrap().id(), &id);
    assert_eq!(failed.await.unwrap().unwrap_err().kind(), ErrorKind::TaskFailed);
    assert_eq!(start.elapsed(), secs(107));
    assert!(simulator.next_callback().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn repeated_and_forged_callbacks_are_taken_too() {
    let (simulator, _) = gateway();
    let start = Instant::now();
    let id = simulator.add(task(Delivery::to(URL).times(3).forged_at(secs(40))));
    let mut seen = Vec::new();
    while let Some(request) = simulator.next_callback().await {
        let verified = CallbackVerifier::new(KEY).verify(&request.headers, &request.body);
        assert_eq!(Callback::parse(&request.body).unwrap().task_id(), &id);
        seen.push((start.elapsed().as_secs(), verified.err().map(|error| error.kind())));
    }
    assert_eq!(seen, [(40, Some(ErrorKind::InvalidSignature)), (100, None), (100, None), (100, None)]);
    assert!(simulator.add(task(Delivery::to(URL).times(0))) != id && simulator.next_callback().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn forged_callback_arrives_although_the_real_is_lost() {
    let (simulator, client) = gateway();
    let id = simulator.add(task(Delivery::to(URL).lost().forged_at(secs(40))));
    next(&simulator).await.refuse();
    assert!(simulator.next_callback().await.is_none());
    tokio::time::advance(secs(90)).await;
    assert_eq!(status(&client, &id).await, Status::CallbackFailed);
}

#[tokio::test(start_paused = true)]
async fn callback_without_a_key_is_not_signed() {
    let (simulator, _) = gateway();
    simulator.callback_key("");
    simulator.add_as("x", task(Delivery::to(URL).forged_at(secs(1))));
    for _ in 0..2 {
        let request = next(&simulator).await;
        assert_eq!(request.headers.keys().collect::<Vec<_>>(), ["content-type"]);
    }
}

#[tokio::test(start_paused = true)]
async fn refused_callback_is_repeated_then_flag_4_in_memory() {
    let (simulator, client) = gateway();
    let start = Instant::now();
    let id = simulator.add(task(Delivery::to(URL).times(2)));
    let failing = simulator.add(SimulatedTask::new().ends_with(Status::GenerateFailed).callback(Delivery::to(URL)));
    for after in [100, 110, 120, 130] {
        let request = next(&simulator).await;
        assert_eq!((start.elapsed(), status(&client, &id).await), (secs(after), Status::Success));
        request.refuse();
    }
    assert_eq!(status(&client, &id).await, Status::CallbackFailed);
    while let Some(request) = simulator.next_callback().await {
        request.refuse();
    }
    assert_eq!((start.elapsed(), status(&client, &failing).await), (secs(330), Status::GenerateFailed));
}

#[tokio::test(start_paused = true)]
async fn callback_accepted_in_the_end_leaves_the_record() {
    let (simulator, client) = gateway();
    let id = simulator.add(task(Delivery::to(URL).times(2)));
    for _ in 0..3 {
        next(&simulator).await.refuse();
    }
    // The first delivery is accepted. The second never is.
    drop(next(&simulator).await);
    for _ in 0..4 {
        next(&simulator).await.refuse();
    }
    assert!(simulator.next_callback().await.is_none());
    assert_eq!(status(&client, &id).await, Status::Success);
}

#[tokio::test(start_paused = true)]
async fn lost_callback_gives_flag_4_after_the_last_attempt() {
    for (url, lost) in [(URL, true), ("localhost:8080/callbacks", false), ("no URL", false), ("", false)] {
        let (simulator, client) = gateway();
        let delivery = Delivery::to(url).late(secs(5));
        let id = simulator.add(task(if lost { delivery.lost() } else { delivery }));
        assert!(simulator.next_callback().await.is_none(), "{url}");
        tokio::time::advance(secs(134)).await;
        assert_eq!(status(&client, &id).await, Status::Success, "{url}");
        tokio::time::advance(secs(1)).await;
        let record = client.status(&id).await.unwrap();
        assert_eq!(record.status(), Status::CallbackFailed, "{url}");
        assert_eq!((record.generation_time(), record.result_urls().len()), (Some(secs(100)), 1), "{url}");
    }
}

#[tokio::test(start_paused = true)]
async fn lost_callback_leaves_a_failed_task_failed() {
    let (simulator, client) = gateway();
    let id = simulator.add(task(Delivery::to(URL).lost()).ends_with(Status::GenerateFailed));
    tokio::time::advance(secs(1_000)).await;
    assert_eq!(status(&client, &id).await, Status::GenerateFailed);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_callback_follows_changes() {
    let (simulator, _) = gateway();
    simulator.add_as("later", SimulatedTask::new().generates_for(secs(5_000)).callback(Delivery::to(URL)));
    let start = Instant::now();
    let waiting = tokio::spawn({
        let simulator = simulator.clone();
        async move { Callback::parse(&next(&simulator).await.body).unwrap().task_id().to_string() }
    });
    tokio::time::sleep(secs(1)).await;
    simulator.add_as("sooner", task(Delivery::to(URL)));
    // A task that is replaced has no callback any more, not even one of the same instant.
    simulator.add_as("replaced", SimulatedTask::new().generates_for(secs(50)).callback(Delivery::to(URL)));
    simulator.add_as("replaced", SimulatedTask::new().never_ends());
    assert_eq!((waiting.await.unwrap().as_str(), start.elapsed()), ("sooner", secs(101)));
    simulator.speed(49);
    assert_eq!(Callback::parse(&next(&simulator).await.body).unwrap().task_id(), "later");
    assert!(start.elapsed() < secs(103), "{:?}", start.elapsed());
    assert!(simulator.next_callback().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn record_repeats_the_callback_url() {
    let (simulator, client) = gateway();
    let id = simulator.add(task(Delivery::to("https://example.com/\"callbacks\"?a=1")));
    let record = client.status(&id).await.unwrap();
    assert_eq!(
        record.param_json().unwrap(),
        r#"{"callBackUrl":"https://example.com/\"callbacks\"?a=1","prompt":"A futuristic cityscape","videoUrl":"https://example.com/video.mp4","waterMark":""}"#
    );
    assert_eq!(record.params().unwrap().callback_url.as_deref(), Some("https://example.com/\"callbacks\"?a=1"));
    let id = simulator.add(SimulatedTask::new());
    assert_eq!(client.status(&id).await.unwrap().params().unwrap().callback_url, None);
}

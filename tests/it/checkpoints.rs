//! A watch goes on from its checkpoint in another process: with its deadline, its counters and its end.

use std::time::SystemTime;

use futures::StreamExt;
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{Checkpoint, Client, ErrorKind, Schedule, Status, StatusEvent};
use serde_json::{from_str, from_value, json, to_string, to_value};
use tokio::time::{sleep, timeout};

use crate::support::in_memory::{asked_at, failure, gateway, gave_up, progress, secs};

/// As after a restart: another client of the same gateway, with a schedule of its own.
fn restarted(simulator: &Simulator) -> Client {
    let schedule = Schedule::every(secs(30)).max_wait(secs(7_000));
    Client::builder("test-key").schedule(schedule).simulator(simulator).build().unwrap()
}

fn stored(checkpoint: &Checkpoint) -> Checkpoint {
    let bytes = postcard::to_stdvec(checkpoint).unwrap();
    assert_eq!(&postcard::from_bytes::<Checkpoint>(&bytes).unwrap(), checkpoint);
    let read = from_str(&to_string(checkpoint).unwrap()).unwrap();
    assert_eq!(&read, checkpoint);
    read
}

#[tokio::test(start_paused = true)]
async fn deadline_outlives_the_process_exactly() {
    // Taken before the first poll, and after some.
    for polled_for in [None, Some(100)] {
        let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::default());
        let mut watch = client.watch(&id);
        if let Some(seconds) = polled_for {
            assert!(timeout(secs(seconds), watch.done()).await.is_err());
        }
        let checkpoint = stored(&watch.checkpoint());
        assert_eq!(checkpoint.polls(), polled_for.map_or(0, |_| 4));
        let started = checkpoint.started_at().unwrap();
        assert_eq!(checkpoint.deadline(), Some(started + secs(900)));
        drop((watch, client));
        sleep(secs(300)).await;
        let before = simulator.requests().len();
        let error = restarted(&simulator).resume(checkpoint).await.unwrap_err();
        assert_eq!((error.kind(), error.elapsed()), (ErrorKind::Deadline, secs(900)));
        let asked: Vec<_> = asked_at(&simulator).split_off(before);
        let resumed_at = secs(300 + polled_for.unwrap_or(0));
        assert_eq!((asked[0], *asked.last().unwrap()), (resumed_at, secs(900)), "at once, and at the deadline");
        assert_eq!(error.polls() as usize, asked.len() + before);
    }
}

#[tokio::test(start_paused = true)]
async fn deadline_that_has_passed_leaves_one_more_poll() {
    for ends_after in [600, 6_000] {
        let (simulator, client, id) =
            gateway(SimulatedTask::new().generates_for(secs(ends_after)), Schedule::default());
        let mut watch = client.watch(&id);
        progress(watch.next().await);
        let checkpoint = stored(&watch.checkpoint());
        drop(watch);
        sleep(secs(3_000)).await;
        let outcome = restarted(&simulator).resume(checkpoint.clone()).await;
        assert_eq!(simulator.requests().len(), 2);
        if ends_after == 600 {
            assert_eq!(outcome.unwrap().status(), Status::Success);
        } else {
            assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Deadline);
            // As if it had never been watched.
            let renewed = stored(&checkpoint.renewed());
            assert_eq!((renewed.polls(), renewed.started_at(), renewed.deadline()), (0, None, None));
            let error = restarted(&simulator).resume(renewed).await.unwrap_err();
            assert_eq!(error.elapsed(), secs(900));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ended_watch_resumes_to_its_last_event() {
    let (simulator, client, id) = gateway(SimulatedTask::new(), Schedule::default());
    let failed = simulator.add(SimulatedTask::new().ends_with(Status::GenerateFailed).error(400, "dark"));
    let endless = simulator.add(SimulatedTask::new().never_ends());
    for id in [&id, &failed, &endless] {
        let mut watch = client.watch(id);
        let outcome = watch.done().await;
        let checkpoint = stored(&watch.checkpoint());
        let asked = simulator.requests().len();
        let client = restarted(&simulator);
        let mut resumed = client.resume(checkpoint.clone());
        assert_eq!(stored(&resumed.checkpoint()).last_event(), checkpoint.last_event());
        let event = resumed.next().await.unwrap();
        assert_eq!((Some(&event), event.outcome()), (checkpoint.last_event(), Some(outcome.clone())));
        assert!(resumed.next().await.is_none());
        assert_eq!(resumed.await, outcome);
        // In a `WatchAll`, and as one step.
        let mut all = client.watch_all([""; 0]);
        assert!(all.push_checkpoint(&checkpoint) && !all.push_checkpoint(&checkpoint));
        assert_eq!(all.next().await, Some((id.clone(), event.clone())));
        assert!(all.next().await.is_none() && all.is_empty());
        let step = client.poll_once(&checkpoint).await;
        assert_eq!((step.event, step.next), (Some(event), None));
        assert_eq!(simulator.requests().len(), asked);
    }
}

#[tokio::test(start_paused = true)]
async fn checkpoints_of_many_go_on_with_their_own_deadlines() {
    let (simulator, client, first) = gateway(SimulatedTask::new().never_ends(), Schedule::default());
    let second = simulator.add(SimulatedTask::new().never_ends());
    let mut all = client.watch_all([&first]);
    all.push_with(&second, Schedule::every(secs(10)).max_wait(secs(200))).unwrap();
    simulator.inject(Fault::status(502).only(second.clone()).after(1));
    assert!(timeout(secs(61), async { while all.next().await.is_some() {} }).await.is_err());
    let checkpoints: Vec<_> = all.checkpoints().collect();
    assert_eq!(checkpoints.len(), 2);
    drop(all);
    sleep(secs(39)).await;
    let mut all = restarted(&simulator).watch_all([""; 0]);
    for checkpoint in &checkpoints {
        assert!(all.push_checkpoint(stored(checkpoint)));
    }
    let polls = all.get(&first).unwrap().polls;
    assert_eq!(polls, 3);
    let ends: Vec<_> = all.filter(|(_, event)| std::future::ready(event.is_terminal())).collect().await;
    let ends: Vec<_> =
        ends.iter().map(|(id, event)| (id, gave_up(event), event.outcome().unwrap().unwrap_err())).collect();
    let seen: Vec<_> = ends.iter().map(|(id, kind, error)| (*id, *kind, error.elapsed())).collect();
    assert_eq!(seen, [(&second, Some(ErrorKind::Deadline), secs(200)), (&first, Some(ErrorKind::Deadline), secs(900))]);
    assert!(ends[0].2.to_string().contains("1 of "), "the failed poll is counted: {}", ends[0].2);
}

#[tokio::test(start_paused = true)]
async fn shared_watch_has_the_checkpoint_of_its_watch() {
    let (_, client, id) = gateway(SimulatedTask::new(), Schedule::default());
    let mut reader = client.shared(&id);
    reader.next().await.unwrap();
    sleep(secs(20)).await;
    let checkpoint = stored(&reader.checkpoint());
    assert_eq!((checkpoint.task_id(), checkpoint.polls(), checkpoint.last_event()), (&id, 1, None));
    let late = client.watch(&id).checkpoint();
    assert_eq!(late.started_at().unwrap(), checkpoint.started_at().unwrap() + secs(20));
    reader.done().await.unwrap();
    assert!(matches!(reader.checkpoint().last_event(), Some(StatusEvent::Done(_))));
}

#[tokio::test(start_paused = true)]
async fn retry_after_holds_across_a_restart_where_the_state_is_known() {
    let (simulator, client, id) = gateway(SimulatedTask::new(), Schedule::default());
    simulator.inject(Fault::status(429).retry_after("100"));
    let mut all = client.watch_all([&id]);
    failure(all.next().await.map(|(_, event)| event));
    let checkpoint = stored(&all.checkpoints().next().unwrap());
    drop(all);
    sleep(secs(30)).await;
    let mut resumed = restarted(&simulator).resume(checkpoint);
    assert_eq!(progress(resumed.next().await).polls, 2);
    assert_eq!(asked_at(&simulator), [secs(0), secs(100)]);
}

#[tokio::test(start_paused = true)]
async fn checkpoint_of_another_gateway_is_refused() {
    let (simulator, _, id) = gateway(SimulatedTask::new(), Schedule::default());
    let elsewhere = Client::builder("key").base_url("http://127.0.0.1/luma").build().unwrap();
    let checkpoint = stored(&elsewhere.watch(&id).checkpoint());
    let client = restarted(&simulator);
    let error = client.resume(checkpoint.clone()).await.unwrap_err();
    let text =
        format!("task {id}: bad setting: the checkpoint is of a watch at 127.0.0.1, and this client asks simulator");
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::Config, text));
    let step = client.poll_once(&checkpoint).await;
    assert_eq!(step.event.unwrap().outcome(), Some(Err(error)));
    assert_eq!(simulator.requests().len(), 0);
}

#[test]
fn version_0_is_read_for_ever() {
    let first = r#"{"v":0,"id":"774d9a7dd608a0e49293903095e45a4c","host":"api.apikley.ru","start_ms":1755078296000,"max_wait_ms":900000}"#;
    let checkpoint: Checkpoint = from_str(first).unwrap();
    assert_eq!(checkpoint.task_id(), "774d9a7dd608a0e49293903095e45a4c");
    let start = SystemTime::UNIX_EPOCH + secs(1_755_078_296);
    assert_eq!((checkpoint.started_at(), checkpoint.deadline()), (Some(start), Some(start + secs(900))));
    assert_eq!(to_string(&checkpoint).unwrap(), first, "it is written as it was");
    let failing = r#"{"v":0,"id":"t","host":"api.apikley.ru","start_ms":1755078296000,"max_wait_ms":900000,"polls":7,"state":{"polls":7,"failures":3,"last_failed_poll":7,"extra":0,"flag":9,"age":[60000,30000],"not_before":45000,"streak":{"count":2,"unconfirmed_since":31000,"last_error":{"kind":"not_found","message":"m","causes":[],"transient":true,"task_id":"t","task":null,"http_status":404,"code":null,"retry_after_ms":null,"polls":7,"elapsed_ms":31000}}}}"#;
    let checkpoint: Checkpoint = from_str(failing).unwrap();
    assert_eq!((checkpoint.polls(), to_string(&checkpoint).unwrap().as_str()), (7, failing));
}

#[test]
fn mangled_checkpoints_say_what_is_wrong() {
    let good = json!({"v": 0, "id": "t", "host": "h", "start_ms": 5, "max_wait_ms": 5});
    let cases = [
        ("v", json!(1), "later version"),
        ("max_wait_ms", json!(u64::MAX), "ten years"),
        ("start_ms", json!(-1), "invalid value"),
        ("id", json!(7), "invalid type"),
        (
            "end",
            json!({"event": "held_back", "error": {"kind": "server", "message": ""}, "polls": 1, "elapsed_ms": 1, "next_poll_in_ms": 1}),
            "not the last one",
        ),
    ];
    for (field, value, text) in cases {
        let mut mangled = good.clone();
        mangled[field] = value;
        let error = from_value::<Checkpoint>(mangled).unwrap_err().to_string();
        assert!(error.contains(text), "{field}: {error}");
    }
    let error = from_str::<Checkpoint>("[]").unwrap_err().to_string();
    assert!(error.contains("a checkpoint of luma-watch"), "{error}");
    assert!(from_value::<Checkpoint>(good).is_ok());
}

#[tokio::test(start_paused = true)]
async fn checkpoint_is_short_and_holds_no_secret() {
    let (simulator, client, id) = gateway(SimulatedTask::new(), Schedule::default());
    let first = to_string(&client.watch(&id).checkpoint()).unwrap();
    assert!(first.len() <= 130, "{} bytes: {first}", first.len());
    let mut watch = client.watch(&id);
    simulator.inject(Fault::status(502).after(1));
    for _ in 0..3 {
        watch.next().await.unwrap();
    }
    let json = to_value(watch.checkpoint()).unwrap();
    assert!(!json.to_string().contains("test-key") && !json.to_string().contains("prompt"), "{json}");
}

#[tokio::test(start_paused = true)]
async fn start_counts_from_the_first_poll_of_the_stream() {
    let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::default());
    simulator.inject(Fault::stall().always());
    for shared in [false, true] {
        let (mut watch, mut reader) = (client.watch(&id), client.watch(&id).shared());
        let before = client.watch(&id).checkpoint().started_at();
        let ended = async { if shared { drop(reader.next().await) } else { drop(watch.next().await) } };
        assert!(timeout(secs(15), ended).await.is_err(), "no event yet");
        let checkpoint = if shared { reader.checkpoint() } else { watch.checkpoint() };
        assert_eq!(checkpoint.started_at(), before);
    }
}

#[tokio::test(start_paused = true)]
async fn clock_that_was_set_back_does_not_stop_the_polls() {
    let (simulator, client, id) = gateway(SimulatedTask::new(), Schedule::default());
    simulator.inject(Fault::status(429).retry_after("20").after(10));
    let mut all = client.watch_all([&id]);
    while let Some((_, StatusEvent::Generating(_))) = all.next().await {}
    let mut stored = to_value(all.checkpoints().next().unwrap()).unwrap();
    drop(all);
    let asked = simulator.requests().len();
    // An hour ahead, as it would be after the clock was set back by an hour; and a mangled time.
    stored["start_ms"] = json!(stored["start_ms"].as_u64().unwrap() + 3_600_000);
    stored["state"]["not_before"] = json!(u64::MAX);
    let resumed = restarted(&simulator).resume(from_value::<Checkpoint>(stored).unwrap());
    assert!(timeout(secs(200), resumed).await.unwrap().is_ok());
    assert_eq!(asked_at(&simulator)[asked], asked_at(&simulator)[asked - 1] + secs(120), "the cap of a Retry-After");
}

#[tokio::test(start_paused = true)]
async fn checkpoint_of_a_failing_watch_holds_no_record() {
    let (simulator, client, id) = gateway(SimulatedTask::new(), Schedule::default());
    let secret = r#"{"code":200,"data":{"taskId":"ID","successFlag":1,"paramJson":"{\"prompt\":\"secret\"}"}}"#;
    simulator.inject(Fault::body(secret.replace("ID", id.as_str())).always());
    let mut all = client.watch_all([&id]);
    failure(all.next().await.map(|(_, event)| event));
    let checkpoint = to_string(&all.checkpoints().next().unwrap()).unwrap();
    assert!(checkpoint.contains("missing_result") && !checkpoint.contains("secret"), "{checkpoint}");
    let step = client.poll_once(client.watch(&id).checkpoint()).await;
    let checkpoint = step.next.unwrap().checkpoint;
    assert_eq!((checkpoint.polls(), checkpoint.failures()), (1, 1));
    assert!(!to_string(&checkpoint).unwrap().contains("secret"));
}

#[tokio::test(start_paused = true)]
async fn refused_checkpoint_is_handed_back() {
    let (simulator, _, id) = gateway(SimulatedTask::new(), Schedule::default());
    let elsewhere = Client::builder("key").base_url("http://127.0.0.1").build().unwrap();
    let checkpoint = elsewhere.watch(&id).checkpoint();
    let mut refused = restarted(&simulator).resume(&checkpoint);
    assert_eq!(refused.checkpoint(), checkpoint);
    refused.done().await.unwrap_err();
    assert_eq!(refused.checkpoint(), checkpoint);
}

#[tokio::test(start_paused = true)]
async fn resumed_watches_are_spread_like_new_ones() {
    let (simulator, client, _) = gateway(SimulatedTask::new(), Schedule::default());
    let ids: Vec<_> = (0..100).map(|_| simulator.add(SimulatedTask::new().never_ends())).collect();
    let checkpoints: Vec<_> = client.watch_all(&ids).checkpoints().collect();
    sleep(secs(100)).await;
    let mut all = restarted(&simulator).watch_all([""; 0]);
    for checkpoint in &checkpoints {
        all.push_checkpoint(checkpoint);
    }
    assert!(timeout(secs(200), async { while all.next().await.is_some() {} }).await.is_err());
    let later: Vec<_> = asked_at(&simulator).into_iter().filter(|at| *at >= secs(200) && *at < secs(230)).collect();
    assert!(later.len() >= 99, "{}", later.len());
    let most = (200..230).map(|second| later.iter().filter(|at| at.as_secs() == second).count()).max().unwrap();
    assert!(most <= 6, "{most} of 100 in one second");
}

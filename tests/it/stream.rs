//! A watch is a lazy stream: one event per poll, as soon as it is known, and exactly one terminal event.

use std::pin::pin;
use std::time::Duration;

use futures::stream::FusedStream;
use futures::{FutureExt, StreamExt};
use luma_watch::simulator::{Fault, SimulatedTask};
use luma_watch::{ErrorKind, Schedule, Status, StatusEvent, Task};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::in_memory::{asked_at, failure, gateway, gave_up, ms, progress, secs};

#[tokio::test(start_paused = true)]
async fn first_request_goes_out_at_first_stream_poll() {
    let (simulator, client, id) = gateway(SimulatedTask::new(), Schedule::default());
    let mut watch = client.watch(&id);
    let waiting = client.wait_until_done(&id);
    sleep(secs(3600)).await;
    assert_eq!(simulator.requests(), []);
    drop(waiting);
    watch.next().await.unwrap();
    assert_eq!(asked_at(&simulator), [secs(3600)]);
    assert_eq!(simulator.requests()[0].task_id, id);
}

#[tokio::test(start_paused = true)]
async fn events_carry_attempt_elapsed_time_and_next_pause() {
    let (simulator, client, id) = gateway(SimulatedTask::new().generates_for(secs(60)), Schedule::default());
    simulator.inject(Fault::status(502).after(1).times(3));
    let mut watch = client.watch(&id);
    let first = progress(watch.next().await);
    assert_eq!((first.polls, first.elapsed, first.next_poll_in), (1, secs(0), secs(30)));
    assert_eq!((first.task.id(), first.task.status()), (&id, Status::Generating));
    let mut due = secs(30);
    for consecutive in 1..=3 {
        let failed = failure(watch.next().await);
        assert_eq!((failed.consecutive, failed.polls), (consecutive, consecutive + 1));
        assert!(failed.elapsed >= due && failed.elapsed <= due + ms(1), "{:?}, not {due:?}", failed.elapsed);
        let longest = secs(1) * 2_u32.pow(consecutive - 1);
        assert!(failed.next_poll_in >= longest / 2 && failed.next_poll_in <= longest, "{:?}", failed.next_poll_in);
        let error = &failed.error;
        assert_eq!((error.kind(), error.http_status(), error.code()), (ErrorKind::Server, Some(502), None));
        assert_eq!((error.polls(), error.elapsed(), error.task_id()), (failed.polls, failed.elapsed, Some(&id)));
        assert_eq!(error.task().map(Task::status), Some(Status::Generating));
        due = failed.elapsed + failed.next_poll_in;
    }
    // Back to the schedule after the first good answer.
    let back = progress(watch.next().await);
    assert_eq!((back.polls, back.next_poll_in), (5, secs(30)));
    let StatusEvent::Done(finished) = watch.next().await.unwrap() else { panic!("the task has ended") };
    assert_eq!(finished.polls, 6);
    let task = finished.task;
    assert_eq!((task.status(), task.generation_time()), (Status::Success, Some(secs(60))));
    assert_eq!(simulator.requests().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn event_is_yielded_before_the_pause() {
    let (simulator, client, id) = gateway(SimulatedTask::new(), Schedule::default());
    simulator.latency(ms(700));
    let mut watch = client.watch(id);
    let start = Instant::now();
    for known in [700, 31_400, 62_100] {
        let event = progress(watch.next().await);
        assert_eq!(start.elapsed(), ms(known));
        assert_eq!(event.elapsed, ms(known));
    }
    // The pause runs from the end of an answer.
    assert_eq!(asked_at(&simulator), [0, 30_700, 61_400].map(ms));
}

#[tokio::test(start_paused = true)]
async fn slow_consumer_gets_one_poll_and_no_burst() {
    let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::default());
    let mut watch = client.watch(id);
    watch.next().await.unwrap();
    sleep(secs(300)).await;
    for _ in 0..2 {
        watch.next().await.unwrap();
    }
    sleep(secs(10)).await; // absent, but for less than the pause
    watch.next().await.unwrap();
    assert_eq!(asked_at(&simulator), [0, 300, 330, 360].map(secs));
}

#[tokio::test(start_paused = true)]
async fn terminal_flag_is_the_last_item() {
    for status in [Status::Success, Status::CreateTaskFailed, Status::GenerateFailed, Status::CallbackFailed] {
        let ending = SimulatedTask::new().generates_for(secs(45)).ends_with(status).error(422, "too dark");
        let (simulator, client, id) = gateway(ending, Schedule::default());
        let mut watch = client.watch(id);
        for _ in 0..2 {
            assert!(!watch.is_terminated());
            assert!(!watch.next().await.unwrap().is_terminal());
        }
        assert!(!watch.is_terminated());
        let last = watch.next().await.unwrap();
        assert!(last.is_terminal() && watch.is_terminated());
        assert_eq!(last.task().unwrap().status(), status);
        assert!(matches!(last, StatusEvent::Done(_)));
        for _ in 0..3 {
            assert!(watch.next().now_or_never().unwrap().is_none());
            sleep(secs(600)).await;
        }
        assert_eq!(simulator.requests().len(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn gave_up_is_the_last_item() {
    for (fault, kind) in [(Fault::status(401), ErrorKind::Unauthorized), (Fault::stall().always(), ErrorKind::Deadline)]
    {
        let (simulator, client, id) = gateway(SimulatedTask::new(), Schedule::default());
        simulator.inject(fault);
        let mut watch = pin!(client.watch(id));
        let events: Vec<_> = watch.by_ref().collect().await;
        let (last, before) = events.split_last().unwrap();
        assert_eq!(gave_up(last), Some(kind));
        assert!(last.is_terminal() && before.iter().all(|event| !event.is_terminal()));
        assert!(watch.is_terminated());
        let asked = simulator.requests().len();
        assert_eq!(asked, events.len());
        sleep(secs(3600)).await;
        assert!(watch.next().await.is_none());
        assert_eq!(simulator.requests().len(), asked);
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_flag_is_shown_and_watch_goes_on() {
    let strange = SimulatedTask::new().generates_for(secs(60)).meanwhile(Status::Unknown(9));
    let (simulator, client, id) = gateway(strange, Schedule::default());
    simulator.inject(Fault::body(format!(r#"{{"code":200,"data":{{"taskId":"{id}"}}}}"#)).after(1));
    let mut watch = client.watch(id);
    for (flag, name) in [(9, "UNKNOWN(9)"), (-1, "UNKNOWN(-1)")] {
        let event = progress(watch.next().await);
        assert_eq!((event.task.status(), event.next_poll_in), (Status::Unknown(flag), secs(30)));
        assert_eq!(event.task.status().to_string(), name);
    }
    assert!(matches!(watch.next().await, Some(StatusEvent::Done(_))));
}

#[tokio::test(start_paused = true)]
async fn event_serializes_as_object_with_its_name() {
    let limit = Schedule::default().max_wait(secs(45));
    let (simulator, client, id) = gateway(SimulatedTask::new().generates_for(secs(60)), limit);
    simulator.inject(Fault::code(429, "slow down").retry_after("7").after(1));
    let events: Vec<_> = client.watch(&id).map(|event| serde_json::to_value(event).unwrap()).collect().await;
    assert_eq!(events.len(), 4);
    let fields = |event: &Value| {
        let fields = ["event", "polls", "consecutive", "elapsed_ms", "next_poll_in_ms"];
        fields.map(|name| event.get(name).cloned().unwrap_or_default())
    };
    assert_eq!(fields(&events[0]), [json!("generating"), json!(1), Value::Null, json!(0), json!(30_000)]);
    assert_eq!(events[0]["task"]["id"], json!(id));
    assert_eq!(events[0]["task"]["status"], json!("GENERATING"));
    assert_eq!(fields(&events[1]), [json!("poll_failed"), json!(2), json!(1), json!(30_000), json!(7_000)]);
    assert_eq!(events[1]["error"]["kind"], json!("rate_limited"));
    assert_eq!(events[1]["error"]["retry_after_ms"], json!(7_000));
    let error = &events[3]["error"];
    assert_eq!(events[3].as_object().unwrap().len(), 2, "event and error: {error}");
    assert_eq!((&events[3]["event"], &error["kind"]), (&json!("gave_up"), &json!("deadline")));
    assert_eq!((&error["polls"], &error["elapsed_ms"]), (&json!(4), &json!(45_000)));
    assert_eq!(error["transient"], json!(true));

    sleep(secs(60)).await;
    let done = serde_json::to_value(client.watch(&id).next().await).unwrap();
    let task = &done["task"];
    assert_eq!((&done["event"], &task["id"], &task["status"]), (&json!("done"), &json!(id), &json!("SUCCESS")));
    assert_eq!(task["result_urls"], json!([format!("https://files.example.com/{id}.mp4")]));
}

/// A task as its documented JSON: the names of its accessors.
fn record() -> impl Strategy<Value = Value> {
    let text = || ".*";
    let known = ["GENERATING", "SUCCESS", "CREATE_TASK_FAILED", "GENERATE_FAILED", "CALLBACK_FAILED"];
    let status = prop_oneof![
        prop::sample::select(known.to_vec()).prop_map(|name| json!(name)),
        prop_oneof![5..i64::MAX, i64::MIN..0].prop_map(|flag| json!(flag)),
    ];
    let urls = || prop::collection::vec(text(), 0..4);
    let number = || prop::option::of(any::<i64>());
    let texts = (prop::option::of(text()), prop::option::of(text()));
    (text(), status, (urls(), urls()), (number(), number(), number()), texts).prop_map(
        |(
            id,
            status,
            (result_urls, origin_urls),
            (created_at, completed_at, error_code),
            (error_message, param_json),
        )| {
            json!({
                "id": id, "status": status, "result_urls": result_urls, "origin_urls": origin_urls,
                "created_at_ms": created_at, "completed_at_ms": completed_at, "error_code": error_code,
                "error_message": error_message, "param_json": param_json,
            })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn task_survives_a_serde_round_trip(record in record()) {
        let task: Task = serde_json::from_value(record.clone()).unwrap();
        prop_assert_eq!(serde_json::to_value(&task).unwrap(), record.clone());
        let text = serde_json::to_string(&task).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Task>(&text).unwrap(), &task);
        prop_assert_eq!(json!(task.id()), record["id"].clone());
        prop_assert_eq!(json!(task.error_code()), record["error_code"].clone());
        prop_assert_eq!(json!(task.error_message()), record["error_message"].clone());
        let created = record["created_at_ms"].as_i64().and_then(|at| u64::try_from(at).ok()).map(Duration::from_millis);
        let read = task.created_at().map(|at| at.duration_since(std::time::UNIX_EPOCH).unwrap());
        prop_assert_eq!(read, created);
    }
}

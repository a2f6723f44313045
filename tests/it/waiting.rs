//! Waiting gives a task only if there is a result to fetch, and each wrong answer passes or ends the wait as
//! documented.

use futures::StreamExt;
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{Client, Error, ErrorKind, Schedule, Status, StatusEvent, Task};
use serde_json::{Value, json};

use crate::support::in_memory::{asked_at, failure, gateway, gave_up, ms, next_answer, secs};

const BOOM: &str =
    r#"{"code":501,"msg":"success","data":{"successFlag":0,"errorCode":"400","errorMessage":"no audio"}}"#;

fn ends_with(status: Status) -> SimulatedTask {
    SimulatedTask::new().generates_for(secs(70)).ends_with(status).error(400, "no audio")
}

/// All that a caller can see of an outcome, without the dates, which are of the real clock.
fn seen(outcome: &Result<Task, Error>) -> Value {
    let mut seen = outcome.as_ref().map_or_else(|error| json!(error), |task| json!(task));
    for date in ["/created_at_ms", "/completed_at_ms", "/task/created_at_ms", "/task/completed_at_ms"] {
        seen.pointer_mut(date).map(Value::take);
    }
    // How often an unconfirmed end is asked again is drawn by lot.
    if is_confirmed(outcome) {
        seen.pointer_mut("/polls").map(Value::take);
    }
    seen
}

/// Whether it took several polls to confirm this end.
fn is_confirmed(outcome: &Result<Task, Error>) -> bool {
    outcome.as_ref().is_err_and(|error| matches!(error.kind(), ErrorKind::MissingResult | ErrorKind::Unauthorized))
}

#[tokio::test(start_paused = true)]
async fn all_ways_of_waiting_give_same_outcome() {
    let (good, urls) = (Status::Success, [""; 0]);
    let cases = [
        (ends_with(good), None, None),
        (ends_with(Status::CallbackFailed), None, None),
        (ends_with(good).result_urls(urls), None, Some(ErrorKind::MissingResult)),
        (ends_with(Status::CallbackFailed).result_urls(urls), None, Some(ErrorKind::MissingResult)),
        (ends_with(Status::CreateTaskFailed), None, Some(ErrorKind::TaskFailed)),
        (ends_with(Status::GenerateFailed), None, Some(ErrorKind::TaskFailed)),
        (ends_with(good), Some(Fault::code(501, "failed").after(2)), Some(ErrorKind::TaskFailed)),
        (ends_with(good), Some(Fault::status(403).after(1).always()), Some(ErrorKind::Unauthorized)),
        (SimulatedTask::new().never_ends(), None, Some(ErrorKind::Deadline)),
    ];
    for (task, fault, kind) in cases {
        let outcomes = [0, 1, 2, 3, 4, 5].map(|way| {
            let (task, fault) = (task.clone(), fault.clone());
            async move {
                // Each way has a gateway of its own, with the same id and the same time since the task's creation.
                let (simulator, client, id) = gateway(task, Schedule::default().max_wait(secs(100)));
                if let Some(fault) = fault {
                    simulator.inject(fault);
                }
                let mut watch = client.watch(&id);
                let outcome = match way {
                    0 => client.wait_until_done(&id).await,
                    1 => watch.wait_until_done().await,
                    2 => watch.await,
                    3 => {
                        watch.next().await;
                        watch.wait_until_done().await
                    }
                    4 => {
                        while watch.next().await.is_some_and(|event| !event.is_terminal()) {}
                        watch.wait_until_done().await
                    }
                    _ => {
                        while watch.next().await.is_some() {}
                        watch.await
                    }
                };
                let requests = if is_confirmed(&outcome) { 0 } else { simulator.requests().len() };
                (outcome, requests)
            }
        });
        let outcomes = futures::future::join_all(outcomes).await;
        let (first, requests) = &outcomes[0];
        assert_eq!(first.as_ref().err().map(Error::kind), kind, "{first:?}");
        for (outcome, others) in &outcomes {
            assert_eq!((seen(outcome), others), (seen(first), requests));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn flag_4_is_a_success_with_result() {
    let (_, client, id) = gateway(ends_with(Status::CallbackFailed), Schedule::default());
    let task = client.wait_until_done(&id).await.unwrap();
    assert_eq!((task.id(), task.status()), (&id, Status::CallbackFailed));
    assert_eq!(task.result_urls(), [format!("https://files.example.com/{id}.mp4")]);
}

#[tokio::test(start_paused = true)]
async fn failed_task_error_gives_vendor_code_and_reason() {
    let plain = "Video generation task failed";
    for (status, fault, code, reason) in [
        (Status::CreateTaskFailed, None, 400, "no audio"),
        (Status::GenerateFailed, None, 400, "no audio"),
        (Status::GenerateFailed, Some(Fault::body(BOOM).after(1)), 400, "no audio"),
        (Status::GenerateFailed, Some(Fault::code(501, plain).after(1)), 501, plain),
    ] {
        let (simulator, client, id) = gateway(ends_with(status), Schedule::default());
        if let Some(fault) = fault {
            simulator.inject(fault);
        }
        let mut watch = client.watch(&id);
        let events: Vec<_> = watch.by_ref().collect().await;
        assert!(
            matches!(events.last(), Some(StatusEvent::Done(finished)) if finished.task.status() == status),
            "{events:?}"
        );
        let error = watch.await.unwrap_err();
        assert_eq!((error.kind(), error.code(), error.is_transient()), (ErrorKind::TaskFailed, Some(code), false));
        assert!(error.to_string().contains(reason) && !error.to_string().contains("success"), "{error}");
        assert_eq!(error.task().map(Task::status), Some(status));
        assert_eq!((error.task_id(), error.polls() as usize), (Some(&id), simulator.requests().len()));
    }
}

#[tokio::test(start_paused = true)]
async fn failed_task_without_reason_gets_none() {
    let silent = SimulatedTask::new().generates_for(secs(0)).ends_with(Status::GenerateFailed);
    let (_, client, id) = gateway(silent, Schedule::default());
    let error = client.wait_until_done(&id).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::TaskFailed, None));
    assert!(!error.to_string().contains("success") && error.to_string().contains("gives no reason"), "{error}");
    assert_eq!(error.task().and_then(Task::error_message), None);
}

/// A fault, and the error that it makes: kind, HTTP status, code.
type Row = (Fault, ErrorKind, Option<u16>, Option<i64>);

fn rows(kind: ErrorKind, statuses: &[u16], codes: &[(i64, &str)]) -> Vec<Row> {
    let statuses = statuses.iter().map(|&status| (Fault::status(status), kind, Some(status), None));
    let codes = codes.iter().map(|&(code, text)| (Fault::code(code, text), kind, Some(200), Some(code)));
    statuses.chain(codes).collect()
}

#[tokio::test(start_paused = true)]
async fn transient_error_is_an_event_and_is_survived() {
    use ErrorKind as K;
    let null = "recordInfo is null";
    let mut table = rows(K::Transport, &[408, 425], &[(408, ""), (425, "")]);
    table.extend(rows(K::RateLimited, &[429, 430], &[(429, "Rate limit exceeded"), (430, "calls too frequent")]));
    table.extend(rows(K::Maintenance, &[455, 503], &[(455, "maintenance"), (503, "")]));
    table.extend(rows(K::Server, &[500, 502, 504, 505, 599], &[(500, "oops"), (505, "feature disabled")]));
    table.extend(rows(K::Server, &[302], &[]));
    table.extend(rows(
        K::NotFound,
        &[404],
        &[(404, ""), (422, null), (422, "RecordInfo is NULL."), (422, "record does not exist")],
    ));
    table.extend(
        [400, 401, 402, 403, 404, 410, 422].map(|status| (Fault::page(status), K::Intermediary, Some(status), None)),
    );
    table.extend(rows(K::Transport, &[408, 425], &[]));
    table.push((Fault::reset(), K::Transport, None, None));
    table.push((Fault::stall(), K::Timeout, None, None));
    table.push((Fault::truncated(), K::Decode, Some(200), None));
    let half = r#"{"code":200,"data":{"taskId""#;
    let long = format!(r#"{{"code":200,"pad":"{}"}}"#, "x".repeat(1024 * 1024));
    for body in ["", "  ", "<html>", "[]", "null", "7", half, long.as_str()] {
        table.push((Fault::body(body), K::Decode, Some(200), None));
    }
    for data in ["null", "[]", "\"x\"", r#"{"taskId":"another","successFlag":1}"#, r#"{"successFlag":["soon"]}"#] {
        let body = format!(r#"{{"code":200,"msg":"success","data":{data}}}"#);
        table.push((Fault::body(body), K::Decode, Some(200), Some(200)));
    }
    table.push((Fault::body(r#"{"code":200,"msg":"success"}"#), K::Decode, Some(200), Some(200)));
    table.push((Fault::code(299_792, "what is this"), K::Decode, Some(200), Some(299_792)));

    for (fault, kind, http_status, code) in table {
        let (simulator, client, id) = gateway(SimulatedTask::new().generates_for(secs(5)), Schedule::default());
        simulator.inject(fault.clone().times(2));
        let once = client.status(&id).await.unwrap_err();
        assert_eq!((once.kind(), once.polls(), once.task_id()), (kind, 0, Some(&id)), "{fault:?}");
        let mut watch = client.watch(&id);
        let failed = failure(next_answer(&mut watch).await);
        let error = failed.error;
        assert_eq!((error.kind(), error.http_status(), error.code()), (kind, http_status, code), "{fault:?}");
        assert!(error.is_transient() && error.polls() == 1, "{fault:?}");
        let throttled = matches!(kind, K::RateLimited | K::Maintenance);
        assert_eq!(failed.next_poll_in > secs(1), throttled, "{fault:?}");
        assert_eq!(watch.await.unwrap().status(), Status::Success, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn permanent_error_ends_the_watch_at_once() {
    use ErrorKind as K;
    let mut table = rows(K::Unauthorized, &[401, 403], &[(401, "no access"), (403, "")]);
    table.extend(rows(K::OutOfCredit, &[402], &[(402, "no credits")]));
    let texts = [(400, "bad"), (422, "taskId cannot be empty"), (409, ""), (451, "")];
    table.extend(rows(K::InvalidRequest, &[400, 405, 409, 410, 418, 422, 451], &texts));
    for (fault, kind, http_status, code) in table {
        let (simulator, client, id) = gateway(SimulatedTask::new(), Schedule::default());
        simulator.inject(fault.clone());
        let events: Vec<_> = client.watch(&id).collect().await;
        let [StatusEvent::GaveUp(error)] = events.as_slice() else { panic!("{fault:?}: {events:?}") };
        assert_eq!((error.kind(), error.http_status(), error.code()), (kind, http_status, code), "{fault:?}");
        assert!(!error.is_transient());
        assert_eq!(simulator.requests().len(), 1);
    }
    let simulator = Simulator::new();
    simulator.api_key("another");
    let client = Client::builder("test-key").simulator(&simulator).build().unwrap();
    let id = simulator.add(SimulatedTask::new());
    assert_eq!(client.wait_until_done(id).await.unwrap_err().kind(), K::Unauthorized);
    assert_eq!(client.wait_until_done("").await.unwrap_err().kind(), K::InvalidRequest);
    assert_eq!(simulator.requests().len(), 1, "an empty id needs no request");
}

#[tokio::test(start_paused = true)]
async fn unknown_task_is_given_up_after_grace() {
    let (simulator, client, id) = gateway(SimulatedTask::new().unknown_for(secs(40)), Schedule::default());
    assert_eq!(client.wait_until_done(&id).await.unwrap().status(), Status::Success);

    let first = simulator.requests().len();
    let events: Vec<_> = client.watch("unknown").collect().await;
    assert_eq!(events.last().and_then(gave_up), Some(ErrorKind::NotFound));
    let Some(StatusEvent::GaveUp(error)) = events.last() else { panic!("{events:?}") };
    assert!(!error.is_transient() && error.code() == Some(422));
    let asked = asked_at(&simulator).split_off(first);
    assert!(asked.len() > 5 && asked.len() == events.len());
    let waited = error.elapsed();
    assert!(waited >= secs(60) && waited <= secs(60) + ms(1), "{waited:?}");

    let impatient = Client::builder("test-key").simulator(&simulator).grace(secs(0)).build().unwrap();
    assert_eq!(impatient.watch("unknown").collect::<Vec<_>>().await.len(), 1);
}

//! The whole way over real sockets: simulated gateway, callback, axum, watch.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use futures::StreamExt;
use futures::future::join_all;
use luma_watch::simulator::{Delivery, Server, SimulatedTask, Simulator};
use luma_watch::{Callback, CallbackVerifier, Client, Error, ErrorKind, Schedule, Status, StatusEvent, Task, TaskId};
use tokio::net::TcpListener;

const KEY: &str = "signing-key";

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A gateway, a client of it, and a receiver of its callbacks that notes what it received and notifies.
struct Stage {
    simulator: Simulator,
    client: Client,
    url: String,
    received: Arc<Mutex<Vec<Result<Callback, Error>>>>,
    /// It serves until it is dropped.
    #[allow(dead_code)]
    gateway: Server,
}

async fn stage(simulator: Simulator, verifier: Option<CallbackVerifier>, schedule: Schedule) -> Stage {
    let gateway = simulator.serve().await.unwrap();
    let client = Client::builder("test-key").base_url(gateway.url()).schedule(schedule).build().unwrap();
    let received = Arc::new(Mutex::new(Vec::new()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/callbacks", listener.local_addr().unwrap());
    let (to, notes) = (client.clone(), Arc::clone(&received));
    let receive = move |headers: HeaderMap, body: Bytes| async move {
        let callback = match verifier {
            Some(verifier) => verifier.verify(&headers, &body),
            None => Callback::parse(&body),
        };
        let status = match &callback {
            Ok(callback) => {
                to.notify(callback);
                StatusCode::OK
            }
            Err(_) => StatusCode::UNAUTHORIZED,
        };
        notes.lock().unwrap().push(callback);
        status
    };
    tokio::spawn(async { axum::serve(listener, Router::new().route("/callbacks", post(receive))).await });
    Stage { simulator, client, url, received, gateway }
}

impl Stage {
    fn add(&self, lasts: u64, delivery: impl FnOnce(Delivery) -> Delivery) -> TaskId {
        self.simulator.add(SimulatedTask::new().generates_for(ms(lasts)).callback(delivery(Delivery::to(&self.url))))
    }

    fn requests(&self, id: &TaskId) -> usize {
        self.simulator.requests().iter().filter(|request| request.task_id == *id).count()
    }

    async fn wait(&self, ids: &[TaskId]) -> Vec<Result<Task, Error>> {
        join_all(ids.iter().map(|id| self.client.wait_until_done(id))).await
    }
}

fn signed() -> Simulator {
    let simulator = Simulator::new();
    simulator.callback_key(KEY);
    simulator
}

/// Without a callback, a watch on this schedule waits far longer than the test.
fn sparse() -> Schedule {
    Schedule::every(Duration::from_secs(600))
}

#[tokio::test]
async fn callbacks_end_watches_with_few_requests() {
    let stage = stage(signed(), Some(CallbackVerifier::new(KEY)), sparse()).await;
    let mut ids: Vec<_> = (0..30).map(|number| stage.add(100 + 10 * number, |delivery| delivery)).collect();
    ids.push(stage.add(100, |delivery| delivery.late(ms(300))));
    ids.push(stage.add(100, |delivery| delivery.times(3)));
    for (id, task) in ids.iter().zip(stage.wait(&ids).await) {
        assert_eq!(task.unwrap().id(), id);
        assert!(stage.requests(id) <= 3, "{} requests", stage.requests(id));
    }
    // The same in a `WatchAll`.
    let ids: Vec<_> = (0..10).map(|number| stage.add(100 + 10 * number, |delivery| delivery)).collect();
    let mut all = stage.client.watch_all(&ids);
    let mut ended = 0;
    while let Some((id, event)) = all.next().await {
        ended += usize::from(matches!(event, StatusEvent::Done(_)));
        assert!(stage.requests(&id) <= 3);
    }
    assert_eq!(ended, 10);
    assert!(stage.received.lock().unwrap().iter().all(Result::is_ok));
}

#[tokio::test]
async fn lost_callbacks_leave_results_of_polling_alone() {
    let poll = || Schedule::every(ms(100));
    let ends = [Status::Success, Status::CreateTaskFailed, Status::GenerateFailed, Status::CallbackFailed];
    let mut outcomes = Vec::new();
    for callbacks in [true, false] {
        let stage = stage(signed(), Some(CallbackVerifier::new(KEY)), poll()).await;
        let ids: Vec<_> = (0..12_u64)
            .zip(ends.iter().cycle())
            .map(|(number, end)| {
                let task = SimulatedTask::new().generates_for(ms(100 + 40 * number)).ends_with(*end).error(400, "why");
                let task = if callbacks { task.callback(Delivery::to(&stage.url).lost()) } else { task };
                stage.simulator.add(task)
            })
            .collect();
        let results = stage.wait(&ids).await.into_iter();
        let result = |result: Result<Task, Error>| match result {
            // The result is at the simulator's own port.
            Ok(task) => format!("{} {:?}", task.status(), task.result_urls()[0].rsplit('/').next()),
            Err(error) => error.to_string(),
        };
        outcomes.push(results.map(result).collect::<Vec<_>>());
        assert!(stage.received.lock().unwrap().is_empty());
    }
    assert_eq!(outcomes[0], outcomes[1]);
}

#[tokio::test]
async fn lost_callback_gives_flag_4_over_http() {
    let simulator = signed();
    simulator.speed(200);
    let stage = stage(simulator, None, Schedule::every(ms(10))).await;
    let id = stage.add(5_000, Delivery::lost);
    assert_eq!(stage.client.wait_until_done(&id).await.unwrap().status(), Status::Success);
    while stage.client.status(&id).await.unwrap().status() != Status::CallbackFailed {
        tokio::time::sleep(ms(10)).await;
    }
    assert!(stage.received.lock().unwrap().is_empty());
}

#[tokio::test]
async fn forged_callback_is_refused_and_true_one_accepted() {
    let stage = stage(signed(), Some(CallbackVerifier::new(KEY)), sparse()).await;
    let id = stage.add(500, |delivery| delivery.forged_at(ms(200)));
    stage.client.wait_until_done(&id).await.unwrap();
    assert_eq!(stage.requests(&id), 2);
    let received = stage.received.lock().unwrap();
    let kinds: Vec<_> = received.iter().map(|callback| callback.as_ref().err().map(Error::kind)).collect();
    assert_eq!(kinds, [Some(ErrorKind::InvalidSignature), None]);
}

#[tokio::test]
async fn unsigned_forged_callback_costs_only_one_request() {
    let stage = stage(Simulator::new(), None, sparse()).await;
    let id = stage.add(1_400, |delivery| delivery.forged_at(ms(200)));
    let events: Vec<_> = stage.client.watch(&id).collect().await;
    // The callback says success, the record does not.
    assert!(
        matches!(events.as_slice(), [StatusEvent::Generating(_), StatusEvent::Generating(_), StatusEvent::Done(_)]),
        "{events:?}"
    );
    assert_eq!(stage.requests(&id), 3);
    assert!(stage.received.lock().unwrap().iter().all(|callback| callback.as_ref().unwrap().is_success()));
}

#[tokio::test]
async fn refused_callback_is_repeated_then_flag_4() {
    let simulator = signed();
    simulator.speed(200);
    let stage = stage(simulator, Some(CallbackVerifier::new("another key")), Schedule::every(ms(50))).await;
    let id = stage.add(5_000, |delivery| delivery);
    let failed = SimulatedTask::new().generates_for(ms(5_000)).ends_with(Status::GenerateFailed);
    let failed = stage.simulator.add(failed.callback(Delivery::to(&stage.url)));
    assert_eq!(stage.client.wait_until_done(&id).await.unwrap().status(), Status::Success);
    while stage.client.status(&id).await.unwrap().status() != Status::CallbackFailed {
        tokio::time::sleep(ms(10)).await;
    }
    assert_eq!(stage.client.wait_until_done(&failed).await.unwrap_err().kind(), ErrorKind::TaskFailed);
    let received = stage.received.lock().unwrap();
    let about =
        |id: &TaskId| received.iter().filter(|refusal| refusal.as_ref().unwrap_err().task_id() == Some(id)).count();
    assert_eq!(about(&id), 4);
    assert!(about(&failed) >= 3);
}

#[tokio::test]
async fn scheduled_callback_survives_server_but_not_its_task() {
    let mut stage = stage(signed(), Some(CallbackVerifier::new(KEY)), sparse()).await;
    let id = stage.add(400, |delivery| delivery);
    let replaced = stage.add(300, |delivery| delivery.forged_at(ms(200)));
    stage.simulator.add_as(&replaced, SimulatedTask::new().never_ends());
    // Another server takes over before it is due. The client asks the old one no more.
    stage.gateway = stage.simulator.serve().await.unwrap();
    let taken_over = stage.received.clone();
    tokio::time::sleep(ms(600)).await;
    let received: Vec<_> =
        taken_over.lock().unwrap().iter().map(|callback| callback.as_ref().unwrap().task_id().clone()).collect();
    assert_eq!(received, [id]);
}

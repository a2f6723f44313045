//! A service around the crate: starts waiting for a task, tells its state, and streams its events to any number of browsers, with
//! one upstream poll for all of them. It shuts down in order on Ctrl-C, and says what has not ended.
//!
//! `cargo run --features metrics --example service` prints the address of a page. It polls a simulated gateway at 60 times its
//! speed, or the real one with `APIKLEY_API_KEY` in the environment. Whoever reaches the service may use it: put your own
//! login in front.

#![allow(clippy::print_stdout)] // the output of an example

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, Json};
use axum::routing::{get, post};
use futures::future::{BoxFuture, FutureExt, Shared};
use futures::{Stream, StreamExt};
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{Client, MetricsObserver, Schedule, SharedWatch, Status, StatusEvent};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

#[derive(Clone)]
struct Service {
    client: Client,
    edits: Arc<Mutex<BTreeMap<String, SharedWatch>>>,
    metrics: PrometheusHandle,
    shutdown: Shared<BoxFuture<'static, ()>>,
}

impl Service {
    /// Watches this task, unless it does already.
    fn start(&self, id: String) {
        let mut edits = self.edits.lock().unwrap_or_else(PoisonError::into_inner);
        let gave_up = |edit: &SharedWatch| matches!(edit.last(), Some(StatusEvent::GaveUp(_)));
        if edits.get(&id).is_none_or(gave_up) {
            let edit = self.client.shared(&*id);
            tokio::spawn(edit.drive());
            edits.insert(id, edit); // a service that runs for long removes it some time after its end
        }
    }

    fn edit(&self, id: &str) -> Result<SharedWatch, StatusCode> {
        self.edits.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned().ok_or(StatusCode::NOT_FOUND)
    }

    /// The tasks that it was asked to wait for, and the latest event of each.
    fn states(&self) -> BTreeMap<String, Option<StatusEvent>> {
        let edits = self.edits.lock().unwrap_or_else(PoisonError::into_inner);
        edits.iter().map(|(id, edit)| (id.clone(), edit.last().map(|event| event.redacted()))).collect()
    }
}

async fn state(
    State(service): State<Service>,
    Path(id): Path<String>,
) -> Result<Json<Option<StatusEvent>>, StatusCode> {
    Ok(Json(service.edit(&id)?.last().map(|event| event.redacted())))
}

async fn events(
    State(service): State<Service>,
    Path(id): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, axum::Error>>>, StatusCode> {
    let events = service.edit(&id)?.take_until(service.shutdown); // an open stream would hold the shutdown up
    let events = events.map(|event| Event::default().event(event.name()).json_data(event.redacted()));
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

fn router(service: Service) -> axum::Router {
    axum::Router::new()
        .route("/", get(|| async { Html(include_str!("index.html")) }))
        .route("/edits", get(|State(service): State<Service>| async move { Json(service.states()) }))
        .route(
            "/edits/{id}",
            post(|State(service): State<Service>, Path(id)| async move {
                service.start(id);
                StatusCode::ACCEPTED
            })
            .get(state),
        )
        .route("/edits/{id}/events", get(events))
        .route("/metrics", get(|State(service): State<Service>| async move { service.metrics.render() }))
        .with_state(service)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let metrics = PrometheusBuilder::new().install_recorder()?;
    let simulator = Simulator::new();
    let gateway = simulator.speed(60).serve().await?;
    let simulated =
        Client::builder("test-key").base_url(gateway.url()).schedule(Schedule::every(Duration::from_secs(1)));
    let builder = match std::env::var("APIKLEY_API_KEY") {
        Ok(key) => Client::builder(key),
        Err(_) => simulated,
    };
    let client = builder.observe(MetricsObserver::new()).build()?;
    let shutdown = async { drop(tokio::signal::ctrl_c().await) }.boxed().shared();
    let service = Service { client, edits: Arc::default(), metrics, shutdown: shutdown.clone() };

    // Tasks to look at: 10 seconds, 5 with a failed poll, 3 up to a failure, and one that never ends.
    simulator.add_as("harbour", SimulatedTask::new().generates_for(Duration::from_secs(600)));
    simulator.add_as("meadow", SimulatedTask::new().ends_with(Status::CallbackFailed));
    let dark = SimulatedTask::new().generates_for(Duration::from_secs(180)).ends_with(Status::GenerateFailed);
    simulator.add_as("cellar", dark.error(400, "The video is too dark."));
    simulator.add_as("endless", SimulatedTask::new().never_ends());
    simulator.inject(Fault::status(502).only("meadow").after(2));

    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, router(service.clone())).with_graceful_shutdown(shutdown).await?;
    let unfinished =
        service.states().into_iter().filter(|(_, event)| !event.as_ref().is_some_and(StatusEvent::is_terminal));
    println!("watch again later: {}", unfinished.map(|(id, _)| id).collect::<Vec<_>>().join(", "));
    Ok(())
}

//! Callbacks and polls together: an axum service receives callbacks, verifies them and lets the watches poll at once.
//!
//! `cargo run --features callback --example callback` polls a simulated gateway at 60 times its speed. The gateway posts
//! signed callbacks: in time, late, repeated, lost, and a forged one.

#![allow(clippy::print_stdout, clippy::arithmetic_side_effects)] // the output of an example, and small numbers

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use futures::future::join_all;
use luma_watch::simulator::{Delivery, SimulatedTask, Simulator};
use luma_watch::{CallbackVerifier, Client, ErrorKind, Schedule};
use tokio::net::TcpListener;
use tokio::time::Instant;

type Service = (Client, CallbackVerifier);

/// Responds at once: the gateway waits 15 s at most.
async fn receive(State((client, verifier)): State<Service>, headers: HeaderMap, body: Bytes) -> StatusCode {
    match verifier.verify(&headers, &body) {
        Ok(callback) => {
            println!("  {:?}: watches notified: {}", callback.task_id().as_str(), client.notify(&callback));
            StatusCode::OK
        }
        Err(error) => {
            println!("  refused: {error}");
            if error.kind() == ErrorKind::InvalidSignature { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST }
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    const SPEED: u32 = 60;
    let simulator = Simulator::new();
    simulator.speed(SPEED).callback_key("signing-key");
    let gateway = simulator.serve().await?;
    // With the real gateway this is `Schedule::expecting_callback()`. Here its 3 min are 3 s.
    let schedule = Schedule::every(Duration::from_secs(180) / SPEED);
    let client = Client::builder("test-key").base_url(gateway.url()).schedule(schedule).build()?;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/callbacks", listener.local_addr()?);
    let service: Service = (client.clone(), CallbackVerifier::new("signing-key"));
    let app = axum::Router::new().route("/callbacks", post(receive)).with_state(service);
    tokio::spawn(async { axum::serve(listener, app).await });

    let callback = || Delivery::to(&url);
    let second = Duration::from_secs(1);
    let deliveries = [
        ("in time", callback()),
        ("late", callback().late(20 * second)),
        ("three times", callback().times(3)),
        ("lost", callback().lost()),
        ("forged", callback().forged_at(60 * second)),
    ];
    let watches = (0_u32..).zip(deliveries).map(|(number, (name, delivery))| {
        let (client, simulator, generation_time) = (&client, &simulator, (250 + number) * second);
        let id = simulator.add(SimulatedTask::new().generates_for(generation_time).callback(delivery));
        let end = Instant::now() + generation_time / SPEED;
        async move {
            let task = client.wait_until_done(&id).await?;
            let requests = simulator.requests().iter().filter(|request| request.task_id == id).count();
            println!("{name}: {}, found {:?} after its end, {requests} requests", task.status(), end.elapsed());
            Ok::<_, luma_watch::Error>(())
        }
    });
    join_all(watches).await.into_iter().collect::<Result<(), _>>()?;
    Ok(())
}

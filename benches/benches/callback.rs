//! What callbacks gain over polling: how long after its end a task is known to have ended, and how many requests that
//! takes.
//!
//! `callback [TASKS]` runs a simulated gateway and the receiver of its callbacks (axum) on loopback, in one process and in
//! real time. Tasks and schedules run 100 times faster than real ones. The delivery of a callback does not.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use futures::future::join_all;
use luma_watch::simulator::{Delivery, SimulatedTask, Simulator};
use luma_watch::{CallbackVerifier, Client, Schedule};
use luma_watch_benches::command_line::{self, CommandLine};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

const SPEED: u32 = 100;
const KEY: &str = "signing-key";

enum Callbacks {
    None,
    Sent,
    Lost,
}

struct Figures {
    median: Duration,
    p99: Duration,
    requests: f64,
    most_requests: usize,
}

fn main() {
    let Some(CommandLine { words, in_full }) = command_line::read() else { return };
    let tasks = words.first().map(|tasks| tasks.parse().expect("a number of tasks"));
    let tasks = tasks.unwrap_or(if in_full { 100 } else { 5 });
    let second = Duration::from_secs(1);
    println!("                         known after its end: median        p99   requests per task: mean   most");
    let mut all = Vec::new();
    for (name, callbacks, pause) in [
        ("polled each 30 s", Callbacks::None, 30 * second),
        ("callbacks, and 3 min", Callbacks::Sent, 180 * second),
        ("callbacks lost, 3 min", Callbacks::Lost, 180 * second),
    ] {
        let Figures { median, p99, requests, most_requests } = run(tasks, &callbacks, pause);
        println!("{name:24} {median:28.1?} {p99:10.1?} {requests:25.1} {most_requests:6}");
        all.push((median, most_requests));
    }
    let (median, most_requests) = all[1];
    assert!(most_requests <= 3, "{most_requests} requests for a task with a callback");
    assert!(!in_full || median < Duration::from_millis(100), "known {median:?} after the end");
}

#[tokio::main(flavor = "current_thread")]
async fn run(tasks: u32, callbacks: &Callbacks, pause: Duration) -> Figures {
    let simulator = Simulator::new();
    simulator.speed(SPEED).callback_key(KEY);
    let gateway = simulator.serve().await.unwrap();
    let schedule = Schedule::every(pause / SPEED);
    let client = Client::builder("test-key").base_url(gateway.url()).schedule(schedule).build().unwrap();
    let url = receiver(client.clone()).await;
    let watches = (0..tasks).map(|number| {
        let (client, simulator, url) = (&client, &simulator, &url);
        async move {
            // A new task every 10 s of simulated time. Each takes 4 to 6 minutes.
            sleep(Duration::from_secs(10) * number / SPEED).await;
            let lasts = Duration::from_secs(u64::from(240 + number * 7 % 120));
            let task = SimulatedTask::new().generates_for(lasts);
            let id = simulator.add(match callbacks {
                Callbacks::None => task,
                Callbacks::Sent => task.callback(Delivery::to(url)),
                Callbacks::Lost => task.callback(Delivery::to(url).lost()),
            });
            let end = Instant::now() + lasts / SPEED;
            client.wait_until_done(&id).await.unwrap();
            (end.elapsed(), simulator.requests().iter().filter(|request| request.task_id == id).count())
        }
    });
    let (mut delays, requests): (Vec<_>, Vec<_>) = join_all(watches).await.into_iter().unzip();
    delays.sort();
    Figures {
        median: delays[delays.len() / 2],
        p99: delays[delays.len() * 99 / 100],
        requests: requests.iter().sum::<usize>() as f64 / requests.len() as f64,
        most_requests: *requests.iter().max().unwrap(),
    }
}

/// Starts a receiver of callbacks and returns its URL.
async fn receiver(client: Client) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/callbacks", listener.local_addr().unwrap());
    let verifier = CallbackVerifier::new(KEY);
    let receive = move |headers: HeaderMap, body: Bytes| async move {
        client.notify(&verifier.verify(&headers, &body).unwrap());
        StatusCode::OK
    };
    tokio::spawn(async { axum::serve(listener, Router::new().route("/callbacks", post(receive))).await });
    url
}

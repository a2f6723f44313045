//! A watch is a stream and a future: `select!`, `join_all`, `timeout`, `select_all` and `take_until` work with it as
//! with any other.
//!
//! `cargo run --example compose` asks a simulated gateway in memory, on a paused clock: minutes pass at once.

#![allow(clippy::print_stdout)] // it is there to print

use std::time::Duration;

use futures::future::{join_all, ready};
use futures::stream::{StreamExt, select_all};
use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{Client, StatusEvent};
use tokio::time::{sleep, timeout};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tokio::time::pause();
    let simulator = Simulator::new();
    let client = Client::builder("test-key").simulator(&simulator).build()?;
    let lasting = |seconds| SimulatedTask::new().generates_for(Duration::from_secs(seconds));

    // All of them, each in its own time.
    let ids = [120, 300, 180].map(|seconds| simulator.add(lasting(seconds)));
    let tasks = join_all(ids.iter().map(|id| client.wait_until_done(id))).await;
    println!("join_all: {} tasks done", tasks.iter().filter(|task| task.is_ok()).count());

    // Their events as one stream, up to a shutdown signal (here: two minutes; in a service: tokio::signal::ctrl_c()).
    let ids = [240, 60].map(|seconds| simulator.add(lasting(seconds)));
    let shutdown = Box::pin(sleep(Duration::from_secs(120)));
    let events = select_all(ids.iter().map(|id| client.watch(id))).take_until(shutdown);
    let done = events.filter(|event| ready(matches!(event, StatusEvent::Done(_)))).count().await;
    println!("select_all, take_until: {done} of {} done at shutdown", ids.len());

    // Whatever comes first. A `next()` that loses the race loses nothing: a request under way lives in the watch.
    let mut watch = client.watch(simulator.add(lasting(120)));
    loop {
        tokio::select! {
            event = watch.next() => match event {
                Some(event) if event.is_terminal() => break,
                _ => {}
            },
            () = sleep(Duration::from_secs(20)) => println!("select!: other work meanwhile"),
        }
    }
    // Taken to its end already, it still answers.
    println!("select!: {}", watch.await?.status());

    // A limit of your own. The watch goes on afterwards, where it was.
    let mut watch = client.watch(simulator.add(lasting(600)));
    let patience = timeout(Duration::from_secs(60), watch.by_ref().for_each(|_| async {})).await;
    println!("timeout: {}, later: {}", if patience.is_err() { "not yet" } else { "done" }, watch.await?.status());
    Ok(())
}

//! A watch is a stream and a future: `select!`, `join_all`, `select_ok`, `timeout`, `select_all`, `take_until` and
//! `FuturesUnordered` work with it as with any other.
//!
//! `cargo run --example compose` polls a simulated gateway in memory. Its clock is paused, so that minutes pass at once.

#![allow(clippy::print_stdout)] // the output of an example

use std::time::Duration;

use futures::future::{join_all, ready, select_ok};
use futures::stream::{FuturesUnordered, StreamExt, select_all};
use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{Client, StatusEvent};
use tokio::time::{sleep, timeout};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tokio::time::pause();
    let simulator = Simulator::new();
    let client = Client::builder("test-key").simulator(&simulator).build()?;
    let generating = |seconds| SimulatedTask::new().generates_for(Duration::from_secs(seconds));

    // Wait for all of them.
    let ids = [120, 300, 180].map(|seconds| simulator.add(generating(seconds)));
    let tasks = join_all(ids.iter().map(|id| client.wait_until_done(id))).await;
    println!("join_all: {} tasks done", tasks.iter().filter(|task| task.is_ok()).count());

    // Their events as one stream, up to a shutdown signal. Here it comes after two minutes; in a service it would be
    // tokio::signal::ctrl_c().
    let ids = [240, 60].map(|seconds| simulator.add(generating(seconds)));
    let shutdown = Box::pin(sleep(Duration::from_secs(120)));
    let events = select_all(ids.iter().map(|id| client.watch(id))).take_until(shutdown);
    let done = events.filter(|event| ready(matches!(event, StatusEvent::Done(_)))).count().await;
    println!("select_all, take_until: {done} of {} done at shutdown", ids.len());

    // The first of two futures. A `next()` that is dropped loses nothing: a request in flight lives in the watch.
    let mut watch = client.watch(simulator.add(generating(120)));
    loop {
        tokio::select! {
            event = watch.next() => match event {
                Some(event) if event.is_terminal() => break,
                _ => {}
            },
            () = sleep(Duration::from_secs(20)) => println!("select!: other work meanwhile"),
        }
    }
    // A watch that has ended still gives its result.
    println!("select!: {}", watch.await?.status());

    // A timeout of your own. The watch goes on afterwards, from where it was.
    let mut watch = client.watch(simulator.add(generating(600)));
    let timed_out = timeout(Duration::from_secs(60), watch.done()).await.is_err();
    println!("timeout: {}, later: {}", if timed_out { "not yet" } else { "done" }, watch.await?.status());

    // The first that succeeds, and the others one after the other as they end.
    let waits = [90, 30, 150].map(|seconds| client.wait_until_done(simulator.add(generating(seconds))));
    let (first, others) = select_ok(waits).await?;
    let mut others: FuturesUnordered<_> = others.into_iter().collect();
    while let Some(task) = others.next().await {
        println!("select_ok: {:?}, then {:?}", first.generation_time(), task?.generation_time());
    }
    Ok(())
}

//! A worker: ids come in over a channel, results go out over another, and Ctrl-C lets the open requests finish.
//!
//! `cargo run --example worker` gets twelve orders, one each 300 ms, and polls a simulated gateway over HTTP, at 60 times its
//! speed. Stopped with Ctrl-C, it says which tasks have not ended: a real worker stores them, and begins with them.

#![allow(clippy::print_stdout, clippy::arithmetic_side_effects)] // the output of an example, and small numbers

use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{Client, Error, RateLimit, Schedule, Task, TaskId};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::sleep;

/// Watches what is ordered until there are no more orders, or until Ctrl-C. Returns the tasks that have not ended.
async fn work(
    client: Client,
    unfinished: Vec<TaskId>,
    mut orders: Receiver<TaskId>,
    results: Sender<Result<Task, Error>>,
) -> Vec<TaskId> {
    let mut all = client.watch_all(unfinished);
    let handle = all.handle();
    tokio::spawn(async move {
        while let Some(id) = orders.recv().await {
            if handle.push(id).is_err() {
                break; // the worker has stopped
            }
        }
    });
    let mut interrupted = pin!(tokio::signal::ctrl_c());
    loop {
        tokio::select! {
            item = all.next() => {
                let Some((_, event)) = item else { break }; // no more orders and no task left, or drained
                let Some(outcome) = event.outcome() else { continue };
                if results.send(outcome).await.is_err() {
                    break; // nobody wants the results any more
                }
            }
            _ = &mut interrupted, if !all.is_draining() => all.drain(),
        }
    }
    all.stop()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let simulator = Simulator::new();
    let gateway = simulator.speed(60).serve().await?;
    simulator.inject(Fault::status(502).probability(0.2).always());
    let client = Client::builder("test-key")
        .base_url(gateway.url())
        .rate_limit(RateLimit::per(15, Duration::from_secs(1)))
        .schedule(Schedule::every(Duration::from_millis(500)).max_wait(Duration::from_secs(15)))
        .build()?;

    let (order, orders) = channel(16);
    tokio::spawn(async move {
        for seconds in (60..180).step_by(10) {
            let task = SimulatedTask::new().generates_for(Duration::from_secs(seconds));
            if order.send(simulator.add(task)).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(300)).await;
        }
    });
    let (result, mut results) = channel(16);
    let worker = tokio::spawn(work(client, Vec::new(), orders, result));
    while let Some(outcome) = results.recv().await {
        match outcome {
            Ok(task) => println!("{}: fetch {}", task.id(), task.result_urls().join(", ")),
            Err(error) => println!("{error}"), // names the task
        }
    }
    println!("not ended: {:?}", worker.await?);
    Ok(())
}

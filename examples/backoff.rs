//! A policy of the `backoff` crate says each pause between polls.
//!
//! `cargo run --example backoff --features backoff` polls a simulated gateway in memory, on a paused clock.

#![allow(clippy::print_stdout)] // the output of an example

use std::time::Duration;

use backoff::ExponentialBackoffBuilder;
use futures::StreamExt;
use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{Client, Schedule, StatusEvent};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let policy = ExponentialBackoffBuilder::new()
        .with_initial_interval(Duration::from_secs(5))
        .with_multiplier(2.0)
        .with_max_interval(Duration::from_secs(60))
        .with_max_elapsed_time(Some(Duration::from_secs(20 * 60)))
        .build();

    tokio::time::pause();
    let simulator = Simulator::new();
    let id = simulator.add(SimulatedTask::new());
    let client = Client::builder("test-key").simulator(&simulator).schedule(Schedule::from_backoff(policy)).build()?;
    let mut events = client.watch(id);
    while let Some(event) = events.next().await {
        match event {
            StatusEvent::Generating(progress) => {
                println!("{:.1?}: next poll in {:.1?}", progress.elapsed, progress.next_poll_in);
            }
            StatusEvent::Done(finished) => println!("{}", finished.task.status()),
            other => println!("{other:?}"),
        }
    }
    Ok(())
}

//! Prints each event of one task.
//!
//! `cargo run --example watch` polls a simulated gateway over HTTP, at 60 times its speed. With `APIKLEY_API_KEY` in the
//! environment, `cargo run --example watch -- TASK_ID` polls the real one.

#![allow(clippy::print_stdout)] // the output of an example

use std::time::Duration;

use futures::StreamExt;
use luma_watch::simulator::{Fault, Server, SimulatedTask, Simulator};
use luma_watch::{Client, Schedule, StatusEvent, TaskId};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (client, id, _gateway) = match std::env::args().nth(1) {
        Some(id) => (Client::from_env()?, TaskId::from(id), None),
        None => simulated().await?,
    };
    println!("watching task {:?}", id.as_str());
    let mut events = client.watch(id);
    while let Some(event) = events.next().await {
        match event {
            StatusEvent::Generating(progress) => {
                let (status, next_poll_in) = (progress.task.status(), progress.next_poll_in);
                println!("{:>7.1?}  {status}, next poll in {next_poll_in:?}", progress.elapsed);
            }
            StatusEvent::PollFailed(failure) => {
                let (error, next_poll_in) = (failure.error, failure.next_poll_in);
                println!("{:>7.1?}  poll failed: {error}; next in {next_poll_in:.1?}", failure.elapsed);
            }
            StatusEvent::Done(finished) => {
                let task = finished.task;
                println!("done: {} after {:?}", task.status(), task.generation_time().unwrap_or_default());
                for url in task.result_urls() {
                    println!("result: {url:?}"); // `Debug`: texts from outside may hold terminal escapes
                }
                if let Some(reason) = task.error_message() {
                    println!("reason: {reason:?}");
                }
            }
            StatusEvent::GaveUp(error) => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

/// A gateway on loopback with one task of five minutes, which take five seconds, and one failed poll.
async fn simulated() -> Result<(Client, TaskId, Option<Server>), Box<dyn std::error::Error>> {
    let simulator = Simulator::new();
    simulator.speed(60);
    let server = simulator.serve().await?;
    let id = simulator.add(SimulatedTask::new());
    simulator.inject(Fault::status(502).after(3));
    let schedule = Schedule::every(Duration::from_millis(500)).max_wait(Duration::from_secs(15));
    let client = Client::builder("test-key").base_url(server.url()).schedule(schedule).build()?;
    println!("no task id given: a simulated gateway at {}, at 60 times its speed", server.url());
    Ok((client, id, Some(server)))
}

//! Waits for tasks, and handles each way that a wait can end.
//!
//! `cargo run --example wait` polls a simulated gateway over HTTP, at 60 times its speed.

#![allow(clippy::print_stdout)] // the output of an example

use std::time::Duration;

use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{Client, ErrorKind, Schedule, Status};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let simulator = Simulator::new();
    simulator.speed(60);
    let server = simulator.serve().await?;
    let minute = Duration::from_secs(60);
    let tasks = [
        ("ends well", SimulatedTask::new().generates_for(minute)),
        ("callback lost", SimulatedTask::new().generates_for(minute).ends_with(Status::CallbackFailed)),
        ("fails", SimulatedTask::new().ends_with(Status::GenerateFailed).error(400, "The video is too dark.")),
        ("too slow", SimulatedTask::new().never_ends()),
    ];
    let schedule = Schedule::every(Duration::from_millis(500)).max_wait(Duration::from_secs(6));
    let client = Client::builder("test-key").base_url(server.url()).schedule(schedule).build()?;

    for (name, task) in tasks {
        let id = simulator.add(task);
        print!("{name}: ");
        match client.wait_until_done(&id).await {
            Ok(task) => println!("{}, fetch {}", task.status(), task.result_urls().join(" and ")),
            // The task has not failed. Watch the same id again later, or show it as still running.
            Err(error) if error.kind() == ErrorKind::Deadline => println!("not yet. {error}"),
            // The task has failed. Only a new task leads to a result.
            Err(error) if error.kind() == ErrorKind::TaskFailed => println!("failed. {error}"),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

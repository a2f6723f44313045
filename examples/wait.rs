//! Waits for a task and acts on each way that it can end.
//!
//! `cargo run --example wait` asks a simulated gateway over HTTP, 60 times sped up.

#![allow(clippy::print_stdout)] // it is there to print

use std::time::Duration;

use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{Client, ErrorKind, Schedule, Status};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let simulator = Simulator::new().speed(60);
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
            // Not a failure of the task: come back later with the same id, or show it as still running.
            Err(error) if error.kind() == ErrorKind::Deadline => println!("not yet. {error}"),
            // The task is over, and creating it anew is the only way to a result.
            Err(error) if error.kind() == ErrorKind::TaskFailed => println!("failed. {error}"),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

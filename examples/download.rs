//! Waits for a task and keeps its result file, with the progress of both.
//!
//! `cargo run --features download --example download`: a simulated gateway on loopback, whose file host fails once.
//! `cargo run --features download --example download -- TASK_ID FOLDER`: the real one, with `APIKLEY_API_KEY`.
#![allow(clippy::print_stdout)] // the output of an example

use std::env;
use std::error::Error;
use std::time::Duration;

use futures::StreamExt;
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{Client, DownloadEvent, Schedule};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    if let (Some(id), Some(folder)) = (arguments.next(), arguments.next()) {
        return keep(&Client::from_env()?, &id, &folder).await;
    }
    let simulator = Simulator::new();
    let server = simulator.serve().await?;
    let id = simulator.add(SimulatedTask::new().generates_for(Duration::from_millis(300)).result_size(2 << 20));
    simulator.inject(Fault::truncated().on_files());
    let schedule = Schedule::every(Duration::from_millis(100));
    let client = Client::builder("test-key").base_url(server.url()).schedule(schedule).build()?;
    let folder = tempfile::tempdir()?;
    keep(&client, id.as_str(), &folder.path().to_string_lossy()).await
}

async fn keep(client: &Client, id: &str, folder: &str) -> Result<(), Box<dyn Error>> {
    let task = client.wait_until_done(id).await?;
    println!("{id} is done");
    let mut download = client.download(&task, folder);
    while let Some(event) = download.next().await {
        match event {
            DownloadEvent::Started { resumed_from, size, .. } => println!("from byte {resumed_from} of {size:?}"),
            DownloadEvent::Progress { bytes, .. } => println!("{bytes} bytes"),
            DownloadEvent::Retrying { error, next_in, .. } => println!("{error}, next attempt in {next_in:.1?}"),
            DownloadEvent::Kept { path, sha256, .. } => println!("kept {}, SHA-256 {sha256}", path.display()),
            DownloadEvent::Failed { error, .. } => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

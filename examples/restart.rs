//! A wait that survives the end of its process: each task's checkpoint is a file, from the begin of its wait to its end.
//!
//! `cargo run --example restart` polls a simulated gateway in memory, and ends in the middle of three waits; then it begins again.
//! With `APIKLEY_API_KEY` in the environment, `cargo run --example restart -- FOLDER ID…` polls the real one: kill it at any
//! time, and start it again without ids.

#![allow(clippy::print_stdout)] // the output of an example

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::StreamExt;
use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{Checkpoint, Client};
use tokio::time::timeout;

/// Waits for these tasks, and for those whose checkpoints are in the folder.
#[allow(clippy::missing_errors_doc)] // public for its test only
pub async fn wait(client: &Client, folder: &Path, ids: &[String]) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let mut all = client.watch_all(ids);
    for checkpoint in all.checkpoints() {
        store(folder, &checkpoint)?; // before the first poll: nothing is to be stored after that
    }
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            // A task that is watched already stays as it is.
            all.push_checkpoint(&serde_json::from_slice::<Checkpoint>(&fs::read(path)?)?);
        }
    }
    while let Some((id, event)) = all.next().await {
        let Some(outcome) = event.outcome() else { continue };
        match outcome {
            Ok(task) => println!("{id}: fetch {}", task.result_urls().join(", ")),
            Err(error) => println!("{error}"),
        }
        fs::remove_file(path(folder, id.as_str()))?; // after the outcome is in safe hands
    }
    Ok(())
}

/// Whole or not at all, whenever the process ends.
fn store(folder: &Path, checkpoint: &Checkpoint) -> Result<(), Box<dyn Error>> {
    let path = path(folder, checkpoint.task_id().as_str());
    let temporary = path.with_extension("new");
    fs::write(&temporary, serde_json::to_vec(checkpoint)?)?;
    fs::rename(temporary, path)?;
    Ok(())
}

/// The id may hold what no file name should.
fn path(folder: &Path, id: &str) -> PathBuf {
    let name = id.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    folder.join(name).with_extension("json")
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    if let Some(folder) = arguments.next() {
        return wait(&Client::from_env()?, folder.as_ref(), &arguments.collect::<Vec<_>>()).await;
    }
    tokio::time::pause();
    let simulator = Simulator::new();
    let ids = [120, 300, 600].map(|seconds| SimulatedTask::new().generates_for(Duration::from_secs(seconds)));
    let ids = ids.map(|task| simulator.add(task).to_string());
    let client = Client::builder("test-key").simulator(&simulator).build()?;
    let folder = std::env::temp_dir().join(format!("luma-watch-restart-{}", std::process::id()));
    let ended = timeout(Duration::from_secs(200), wait(&client, &folder, &ids)).await;
    println!(
        "after 200 s the process ends: {} tasks have not",
        if ended.is_err() { fs::read_dir(&folder)?.count() } else { 0 }
    );
    wait(&client, &folder, &[]).await?;
    Ok(fs::remove_dir(folder)?)
}

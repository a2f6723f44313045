//! How many polls a worker makes per second, with a database and a gateway on the same machine. The figures are in README.md.

use std::pin::pin;
use std::time::Duration;

use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{Client, Schedule};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::cluster::Temporary;
use crate::{BoxError, db, pace, worker};

pub async fn run() -> Result<(), BoxError> {
    const MEASURED: Duration = Duration::from_secs(20);
    let cluster = Temporary::start()?;
    let pool = db::pool(&cluster.url())?;
    db::migrate(&pool).await?;
    pace::set(&pool, 1_000_000, Duration::from_secs(1)).await?;
    let simulator = Simulator::new();
    let schedule = Schedule::every(Duration::from_millis(1)).max_wait(Duration::from_secs(3600));
    let client = Client::builder("test-key").simulator(&simulator).schedule(schedule).build()?;
    for _ in 0..1000 {
        let id = simulator.add(SimulatedTask::new().never_ends());
        db::enqueue_one(&pool, &client, id.as_str()).await?;
    }
    for concurrency in [4, 8, 16] {
        let before = simulator.requests().len();
        let (sender, stop) = watch::channel(false);
        let mut worker = pin!(worker::work(&pool, &client, concurrency, stop));
        let _still_works = timeout(MEASURED, &mut worker).await;
        let polls = simulator.requests().len() - before;
        println!("concurrency {concurrency}: {} polls per second", polls as u64 / MEASURED.as_secs());
        sender.send_replace(true);
        let _stopped = worker.await;
    }
    Ok(())
}

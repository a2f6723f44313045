//! The worker: takes jobs from the queue until it is asked to stop. It outlives the database's absence.

use std::time::Duration;

use graphile_worker::worker_utils::types::CleanupTask;
use graphile_worker::{Worker, WorkerRecoveryConfig, WorkerUtils};
use luma_watch::{CallbackVerifier, Client};
use sqlx::postgres::PgPool;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{interval, sleep};

use crate::job::Poll;
use crate::settings::{self, variable};
use crate::{BoxError, callback, db};

/// Jobs that a process runs at once: they wait for their instant, or for the gateway's answer. With more than the limit needs, each
/// takes its instant long before it, and a callback's poll comes behind them.
const CONCURRENCY: usize = 4;
/// A worker that is not heard of for this long has its jobs taken away.
const SWEEP_THRESHOLD: Duration = Duration::from_secs(4);
const CLEANUP_INTERVAL: Duration = Duration::from_secs(60);

pub async fn run() -> Result<(), BoxError> {
    let client = settings::client()?;
    let concurrency = variable("CONCURRENCY")?.unwrap_or(CONCURRENCY).max(1);
    let pool = db::pool(&settings::database_url()?)?;

    if let Some(address) = variable::<String>("CALLBACK_ADDRESS")? {
        let key: String = variable("CALLBACK_KEY")?.ok_or("CALLBACK_ADDRESS is set, but CALLBACK_KEY is not")?;
        let listener = TcpListener::bind(&address).await?;
        tokio::spawn(callback::serve(listener, CallbackVerifier::new(key), pool.clone()));
    }
    tokio::spawn(clean_up(pool.clone()));

    let stop = stop_signal()?;
    loop {
        let result = work(&pool, &client, concurrency, stop.clone()).await;
        if *stop.borrow() {
            return result;
        }
        // The database was away. The next worker has another id, and the jobs of this one are swept.
        tracing::warn!(
            "the worker starts again in 1 s: {}",
            result.err().map_or_else(String::new, |error| error.to_string())
        );
        sleep(Duration::from_secs(1)).await;
    }
}

pub async fn work(
    pool: &PgPool,
    client: &Client,
    concurrency: usize,
    mut stop: watch::Receiver<bool>,
) -> Result<(), BoxError> {
    db::migrate(pool).await?;
    // The defaults: off, and 5 min.
    let recovery = WorkerRecoveryConfig::default()
        .heartbeat_interval(Duration::from_secs(1))
        .sweep_interval(Duration::from_secs(1))
        .sweep_threshold(SWEEP_THRESHOLD)
        .recovery_delay(Duration::ZERO);
    let worker = Worker::options()
        .pg_pool(pool.clone())
        .schema(db::QUEUE_SCHEMA)
        .concurrency(concurrency)
        // Jobs are found at once, by notification. Where the connection for notifications was lost, only this finds them.
        .poll_interval(Duration::from_millis(200))
        .worker_recovery(recovery)
        .listen_os_shutdown_signals(false)
        .shutdown_signal(async move {
            let _ = stop.wait_for(|stop| *stop).await;
        })
        .shutdown_interrupted_job_retry_delay(Duration::ZERO)
        .add_extension(client.clone())
        .define_job::<Poll>()
        .init()
        .await?;
    tracing::info!("the worker has started");
    Ok(worker.run().await?)
}

/// Becomes true at SIGTERM or Ctrl-C: the jobs that run have 5 s to end, the others are left to other workers.
fn stop_signal() -> Result<watch::Receiver<bool>, BoxError> {
    let (sender, receiver) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
        sender.send_replace(true);
    });
    Ok(receiver)
}

/// Deletes retired jobs: each was replaced by a callback while it ran, and was then taken from its worker.
async fn clean_up(pool: PgPool) {
    let utils = WorkerUtils::new(pool, db::QUEUE_SCHEMA);
    let mut ticks = interval(CLEANUP_INTERVAL);
    loop {
        ticks.tick().await;
        if let Err(error) = utils.cleanup(&[CleanupTask::DeletePermanentlyFailedJobs]).await {
            tracing::warn!("retired jobs are not deleted: {error}");
        }
    }
}

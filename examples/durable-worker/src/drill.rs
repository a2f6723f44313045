//! The drill: three workers and a simulated gateway, with workers killed and stopped and the database away, and what must hold
//! all the same.

mod checks;
mod gateway;
mod workers;

use std::path::Path;
use std::time::Duration;

use luma_watch::Client;
use sqlx::postgres::PgPool;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::cluster::{Cluster, Temporary};
use crate::{BoxError, db, pace};
use gateway::{CreatedTask, Gateway};
use workers::Workers;

/// Longer than the threshold after which a worker's jobs are taken away: 4 s.
const LONG: Duration = Duration::from_secs(7);
/// Shorter than it.
const SHORT_OUTAGE: Duration = Duration::from_millis(1500);
/// From the last task to the last outcome. Tasks take up to 20 s.
const PATIENCE: Duration = Duration::from_secs(90);

pub struct Plan {
    tasks: u32,
    /// From the first task to the last.
    duration: Duration,
    requests: u32,
    period: Duration,
}

pub const FULL: Plan =
    Plan { tasks: 500, duration: Duration::from_secs(240), requests: 44, period: Duration::from_secs(2) };
pub const SHORT: Plan =
    Plan { tasks: 60, duration: Duration::from_secs(60), requests: 24, period: Duration::from_secs(2) };

/// What the drill leaves to the checks.
struct Observed {
    created: Vec<CreatedTask>,
    /// When each request came to the gateway.
    requests: Vec<Duration>,
    /// Jobs whose end found that they were given to another worker.
    lost_jobs: usize,
    slowest_recovery: Duration,
}

pub async fn run(plan: &Plan) -> Result<(), BoxError> {
    let cluster = Temporary::start()?;
    let logs = tempfile::tempdir()?;
    let result = tokio::select! {
        result = drill(plan, &cluster, logs.path()) => result,
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
    };
    if result.is_err() {
        println!("the workers' log is in {}", logs.keep().display());
    }
    result
}

async fn drill(plan: &Plan, cluster: &Cluster, logs: &Path) -> Result<(), BoxError> {
    let pool = db::pool(&cluster.url())?;
    db::migrate(&pool).await?;
    pace::set(&pool, plan.requests, plan.period).await?;
    let gateway = Gateway::start().await?;
    let client = Client::builder(gateway::API_KEY).base_url(gateway.url()).build()?;
    let mut workers = Workers::start(&cluster.url(), &gateway.url(), logs)?;

    println!(
        "{} tasks in {:?}, 3 workers, {} requests per {:?}",
        plan.tasks, plan.duration, plan.requests, plan.period
    );
    let ports = workers.ports();
    let (created, slowest_recovery) = tokio::try_join!(
        create_tasks(plan, &gateway, &client, &pool, &ports),
        disturb(plan, &mut workers, cluster, &gateway, &pool)
    )?;
    // A timeout is seen by the checks, which say what is missing.
    let _ = timeout(PATIENCE, until_ended(&pool, plan.tasks)).await;
    let requests = gateway.request_times();
    let lost_jobs = workers.stop().await?;
    let observed = Observed { created, requests, lost_jobs, slowest_recovery };
    checks::check(plan, &gateway, &pool, &observed).await
}

/// Creates the tasks one after the other, as customers would, and enqueues each.
async fn create_tasks(
    plan: &Plan,
    gateway: &Gateway,
    client: &Client,
    pool: &PgPool,
    ports: &[u16],
) -> Result<Vec<CreatedTask>, BoxError> {
    let begin = Instant::now();
    let mut created = Vec::new();
    for number in 0..plan.tasks {
        let task = gateway.create(number, ports);
        // The database may be away.
        while let Err(error) = db::enqueue_one(pool, client, &task.id).await {
            tracing::debug!("enqueued again in 0.2 s: {error}");
            sleep(Duration::from_millis(200)).await;
        }
        created.push(task);
        sleep_until(begin + plan.duration * (number + 1) / plan.tasks).await;
    }
    Ok(created)
}

/// Eleven disturbances: most are SIGKILL. Returns the longest time in which the jobs of a killed worker were free again.
async fn disturb(
    plan: &Plan,
    workers: &mut Workers,
    cluster: &Cluster,
    gateway: &Gateway,
    pool: &PgPool,
) -> Result<Duration, BoxError> {
    let begin = Instant::now();
    let mut slowest_recovery = Duration::ZERO;
    for number in 1..12 {
        sleep_until(begin + plan.duration * number / 12).await;
        match number {
            3 => workers.suspend_one(LONG).await?,
            6 => outage(cluster, SHORT_OUTAGE).await?,
            8 => {
                // Polls that begin before the outage end after it, when their jobs have been taken away.
                gateway.set_latency(LONG + Duration::from_secs(2));
                sleep(Duration::from_secs(1)).await;
                outage(cluster, LONG).await?;
                gateway.set_latency(gateway::LATENCY);
            }
            _ => slowest_recovery = slowest_recovery.max(workers.kill_one(pool).await?),
        }
    }
    Ok(slowest_recovery)
}

async fn outage(cluster: &Cluster, duration: Duration) -> Result<(), BoxError> {
    println!("the database is away for {duration:?}");
    tokio::task::block_in_place(|| cluster.stop())?;
    sleep(duration).await;
    tokio::task::block_in_place(|| cluster.resume())
}

async fn until_ended(pool: &PgPool, tasks: u32) {
    while db::counts(pool).await.map_or(true, |counts| counts.waiting > 0 || counts.ended < i64::from(tasks)) {
        sleep(Duration::from_millis(500)).await;
    }
}

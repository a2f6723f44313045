//! The database: connecting, tables, and what the commands write and read.

use std::time::Duration;

use graphile_worker::WorkerUtils;
use luma_watch::Client;
use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions};

use crate::BoxError;

/// The job's name in the queue.
pub const POLL: &str = "luma_poll";
/// Where graphile_worker keeps its tables. `job.rs` names it too.
pub const QUEUE_SCHEMA: &str = "graphile_worker";
/// Of one process. A job holds one only while it reads or writes.
const CONNECTIONS: u32 = 10;
/// Any number: migrations of several processes go one after the other.
const MIGRATION_LOCK: i64 = 0x6c75_6d61;

/// Short: where the database is away, a job fails at once, and runs again later.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// A pool that connects, and connects again, when a connection is needed.
pub fn pool(url: &str) -> Result<PgPool, sqlx::Error> {
    PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(ACQUIRE_TIMEOUT).connect_lazy(url)
}

/// Creates the tables of the queue and of this program, where they are missing.
pub async fn migrate(pool: &PgPool) -> Result<(), BoxError> {
    let mut lock = pool.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(MIGRATION_LOCK).execute(&mut *lock).await?;
    WorkerUtils::new(pool.clone(), QUEUE_SCHEMA).migrate().await?;
    sqlx::raw_sql(include_str!("schema.sql")).execute(&mut *lock).await?;
    Ok(lock.commit().await?)
}

/// Begins to wait for a task. `false` if it is waited for already, or has ended. In one transaction with what your program
/// stores about the task, neither can be there without the other.
pub async fn enqueue(tx: &mut PgConnection, client: &Client, id: &str) -> Result<bool, BoxError> {
    let checkpoint = serde_json::to_string(&client.watch(id).checkpoint())?;
    let insert = sqlx::query(
        "INSERT INTO luma.waits (task_id, checkpoint) SELECT $1, $2::json
         WHERE NOT EXISTS (SELECT FROM luma.outcomes WHERE task_id = $1) ON CONFLICT DO NOTHING",
    )
    .bind(id)
    .bind(checkpoint)
    .execute(&mut *tx)
    .await?;
    let is_new = insert.rows_affected() == 1;
    if is_new {
        poll_now(tx, id).await?;
    }
    Ok(is_new)
}

/// The same in a transaction of its own.
pub async fn enqueue_one(pool: &PgPool, client: &Client, id: &str) -> Result<bool, BoxError> {
    let mut tx = pool.begin().await?;
    let is_new = enqueue(&mut tx, client, id).await?;
    tx.commit().await?;
    Ok(is_new)
}

/// What a callback asks for. Does nothing for a task that has ended.
pub async fn poll_now_if_waiting(pool: &PgPool, id: &str) -> Result<(), sqlx::Error> {
    let mut tx = pool.begin().await?;
    let waiting: Option<(i32,)> =
        sqlx::query_as("SELECT 1 FROM luma.waits WHERE task_id = $1").bind(id).fetch_optional(&mut *tx).await?;
    if waiting.is_some() {
        poll_now(&mut tx, id).await?;
    }
    tx.commit().await
}

/// Moves the task's job to now, ahead of others, wherever it is to run. Replaces the job that waits, and follows one that runs.
pub async fn poll_now(tx: &mut PgConnection, id: &str) -> Result<(), sqlx::Error> {
    add_job(tx, id, Duration::ZERO, "replace", -1).await
}

/// Lets the next poll of a running job's task follow after a pause. A job that came from a callback meanwhile keeps its time:
/// with `replace` its "now" would be pushed back.
pub async fn poll_after(tx: &mut PgConnection, id: &str, pause: Duration) -> Result<(), sqlx::Error> {
    add_job(tx, id, pause, "preserve_run_at", 0).await
}

/// The time is the database's: the clocks of the machines need not agree. A lower priority number goes first.
async fn add_job(
    tx: &mut PgConnection,
    id: &str,
    pause: Duration,
    key_mode: &str,
    priority: i16,
) -> Result<(), sqlx::Error> {
    // A job that fails is repeated, up to this number of times: the default of 25 would lose its task after some days.
    const MAX_ATTEMPTS: i16 = 30_000;
    sqlx::query(
        "SELECT graphile_worker.add_job($1, payload => json_build_object('id', $2::text),
             run_at => clock_timestamp() + make_interval(secs => $3),
             max_attempts => $4, job_key => $1 || ':' || $2, priority => $5, job_key_mode => $6)",
    )
    .bind(POLL)
    .bind(id)
    .bind(pause.as_secs_f64())
    .bind(MAX_ATTEMPTS)
    .bind(priority)
    .bind(key_mode)
    .execute(tx)
    .await?;
    Ok(())
}

/// What `status` prints.
#[derive(sqlx::FromRow)]
pub struct Counts {
    pub waiting: i64,
    pub due: i64,
    pub ended: i64,
    pub workers: i64,
    pub retired: i64,
}

pub async fn counts(pool: &PgPool) -> Result<Counts, sqlx::Error> {
    sqlx::query_as(
        "SELECT (SELECT count(*) FROM luma.waits) AS waiting,
                (SELECT count(*) FROM graphile_worker._private_jobs WHERE run_at <= now() AND attempts < max_attempts) AS due,
                (SELECT count(*) FROM luma.outcomes) AS ended,
                (SELECT count(*) FROM graphile_worker._private_workers) AS workers,
                (SELECT count(*) FROM graphile_worker._private_jobs WHERE attempts >= max_attempts AND locked_at IS NULL) AS retired",
    )
    .fetch_one(pool)
    .await
}

/// The outcomes, the latest first.
pub async fn latest_outcomes(pool: &PgPool, count: i64) -> Result<Vec<(String, String)>, sqlx::Error> {
    sqlx::query_as("SELECT task_id, event::text FROM luma.outcomes ORDER BY recorded_at DESC LIMIT $1")
        .bind(count)
        .fetch_all(pool)
        .await
}

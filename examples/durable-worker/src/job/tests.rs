//! The rules of the job keys, and the transaction of a job that its worker has lost.

use std::time::Duration;

use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{Client, TaskId};
use sqlx::postgres::PgPool;

use super::{LOST, Poll};
use crate::cluster::Temporary;
use crate::{BoxError, db};

/// A database, a client of a simulated gateway, and a task that is enqueued.
struct Fixture {
    pool: PgPool,
    simulator: Simulator,
    client: Client,
    id: TaskId,
    _cluster: Temporary,
}

impl Fixture {
    /// `None` where PostgreSQL is missing.
    async fn new(task: SimulatedTask) -> Option<Self> {
        let cluster = Temporary::start_or_skip()?;
        let pool = db::pool(&cluster.url()).unwrap();
        db::migrate(&pool).await.unwrap();
        let simulator = Simulator::new();
        let id = simulator.add(task);
        let client = Client::builder("test-key").simulator(&simulator).build().unwrap();
        assert!(db::enqueue_one(&pool, &client, id.as_str()).await.unwrap());
        Some(Self { pool, simulator, client, id, _cluster: cluster })
    }

    /// Locks the job that is due, as the queue does for a worker. `None`: no job is due.
    async fn take(&self, worker: &str) -> Option<i64> {
        sqlx::query_scalar(
            "UPDATE graphile_worker._private_jobs SET locked_by = $1, locked_at = now(), attempts = attempts + 1
             WHERE is_available AND run_at <= now() RETURNING id",
        )
        .bind(worker)
        .fetch_optional(&self.pool)
        .await
        .unwrap()
    }

    /// What a worker does with a job: the poll, the transaction, and what the queue does after `Ok`.
    async fn poll(&self, job: i64, worker: &str) -> Result<(), BoxError> {
        let poll = Poll { id: self.id.to_string() };
        let Some(checkpoint) = poll.checkpoint(&self.pool).await? else { return Ok(()) };
        let step = self.client.poll_once(&checkpoint).await;
        poll.finish(&self.pool, job, worker, &step).await?;
        self.execute(&format!("DELETE FROM graphile_worker._private_jobs WHERE id = {job}")).await;
        Ok(())
    }

    async fn callback(&self) {
        db::poll_now_if_waiting(&self.pool, self.id.as_str()).await.unwrap();
    }

    /// Takes away the jobs of all workers, as the sweep does.
    async fn sweep(&self) {
        self.execute("UPDATE graphile_worker._private_jobs SET locked_by = NULL, locked_at = NULL").await;
    }

    async fn execute(&self, sql: &str) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&self.pool).await.unwrap();
    }

    /// The jobs that will run, and the outcomes.
    async fn counts(&self) -> (i64, i64) {
        sqlx::query_as(
            "SELECT (SELECT count(*) FROM graphile_worker._private_jobs WHERE is_available),
                    (SELECT count(*) FROM luma.outcomes)",
        )
        .fetch_one(&self.pool)
        .await
        .unwrap()
    }
}

#[tokio::test]
async fn poll_of_unfinished_task_is_followed_by_one() {
    let Some(fixture) = Fixture::new(SimulatedTask::new()).await else { return };
    let job = fixture.take("a").await.unwrap();
    fixture.poll(job, "a").await.unwrap();
    assert_eq!(fixture.counts().await, (1, 0));
    assert_eq!(fixture.take("a").await, None, "it is due after the pause");
}

#[tokio::test]
async fn outcome_is_recorded_once_and_stays() {
    let Some(fixture) = Fixture::new(SimulatedTask::new().generates_for(Duration::ZERO)).await else { return };
    let job = fixture.take("a").await.unwrap();
    fixture.callback().await; // while the job runs: a second poll
    let second = fixture.take("b").await.unwrap();
    fixture.poll(job, "a").await.unwrap();
    fixture.poll(second, "b").await.unwrap();
    assert_eq!(fixture.counts().await.1, 1);
    fixture.callback().await;
    assert!(!db::enqueue_one(&fixture.pool, &fixture.client, fixture.id.as_str()).await.unwrap());
    assert_eq!(fixture.take("a").await, None);
}

#[tokio::test]
async fn outcome_that_was_taken_away_does_not_come_again() {
    let Some(fixture) = Fixture::new(SimulatedTask::new().generates_for(Duration::ZERO)).await else { return };
    let job = fixture.take("a").await.unwrap();
    fixture.callback().await; // while the job runs: a second poll
    let second = fixture.take("b").await.unwrap();
    fixture.poll(job, "a").await.unwrap();
    assert_eq!(sqlx::query("DELETE FROM luma.outcomes").execute(&fixture.pool).await.unwrap().rows_affected(), 1);
    fixture.poll(second, "b").await.unwrap();
    assert_eq!(fixture.counts().await.1, 0);
}

#[tokio::test]
async fn callback_moves_waiting_job_to_now() {
    let Some(fixture) = Fixture::new(SimulatedTask::new()).await else { return };
    let job = fixture.take("a").await.unwrap();
    fixture.poll(job, "a").await.unwrap();
    fixture.callback().await;
    assert_eq!(fixture.counts().await.0, 1);
    assert!(fixture.take("a").await.is_some());
}

#[tokio::test]
async fn callback_during_poll_keeps_its_time() {
    let Some(fixture) = Fixture::new(SimulatedTask::new()).await else { return };
    let job = fixture.take("a").await.unwrap();
    fixture.callback().await;
    fixture.poll(job, "a").await.unwrap();
    assert_eq!(fixture.counts().await.0, 1);
    assert!(fixture.take("a").await.is_some(), "the pause of the poll does not push it back");
}

#[tokio::test]
async fn worker_that_lost_its_job_changes_nothing() {
    let Some(fixture) = Fixture::new(SimulatedTask::new()).await else { return };
    let job = fixture.take("a").await.unwrap();
    fixture.sweep().await;
    // Without the check, the job that is free would become its own successor, and then be deleted as ended.
    assert_eq!(fixture.poll(job, "a").await.unwrap_err().to_string(), LOST);
    assert_eq!(fixture.counts().await, (1, 0));
    assert_eq!(fixture.take("b").await, Some(job));
    assert_eq!(fixture.poll(job, "a").await.unwrap_err().to_string(), LOST);
    fixture.poll(job, "b").await.unwrap();
    assert_eq!(fixture.counts().await, (1, 0));
}

#[tokio::test]
async fn refused_key_ends_no_wait() {
    let Some(fixture) = Fixture::new(SimulatedTask::new().generates_for(Duration::ZERO)).await else { return };
    fixture.simulator.api_key("replaced");
    let job = fixture.take("a").await.unwrap();
    fixture.poll(job, "a").await.unwrap();
    assert_eq!(fixture.counts().await, (1, 0));
    fixture.simulator.api_key("test-key");
    fixture.callback().await;
    let job = fixture.take("a").await.unwrap();
    fixture.poll(job, "a").await.unwrap();
    assert_eq!(fixture.counts().await, (0, 1));
}

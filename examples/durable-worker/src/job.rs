//! The job: one poll of one task. It ends in one transaction that records the outcome, or adds the job of the next poll.

use std::time::Duration;

use graphile_worker::{IntoTaskHandlerResult, TaskHandler, WorkerContext};
use luma_watch::{Checkpoint, Client, ErrorKind, StatusEvent, Step};
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgConnection, PgPool};

use crate::{BoxError, db, pace};

/// Why a job ends without a trace.
pub const LOST: &str = "the job was given to another worker";

/// As the library's `retry_after_cap`.
const LONGEST_HOLD: Duration = Duration::from_secs(120);

/// How long a poll is put off that shows that the worker's settings, key or credit need a person.
const ACCOUNT_PAUSE: Duration = Duration::from_secs(30);

#[derive(Serialize, Deserialize)]
pub struct Poll {
    pub id: String,
}

impl TaskHandler for Poll {
    const IDENTIFIER: &'static str = db::POLL;

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        self.poll(&context).await.map_err(|error| error.to_string())
    }
}

impl Poll {
    async fn poll(&self, context: &WorkerContext) -> Result<(), BoxError> {
        let pool = context.pg_pool();
        let client = context.get_ext::<Client>().ok_or("the worker has no client")?;
        let (job, worker) = (*context.job().id(), context.worker_id());
        pace::acquire(pool).await?;
        // After the wait for the limit: the wait for the task may have ended meanwhile.
        let Some(checkpoint) = self.checkpoint(pool).await? else {
            let mut tx = pool.begin().await?;
            return if self.is_ours(&mut tx, job, worker).await? { Ok(tx.commit().await?) } else { Err(LOST.into()) };
        };
        let step = client.poll_once(&checkpoint).await;
        if let Some(StatusEvent::PollFailed(failure)) = &step.event
            && failure.error.kind() == ErrorKind::RateLimited
            && let Some(pause) = failure.error.retry_after()
        {
            pace::hold(pool, pause.min(LONGEST_HOLD)).await?;
        }

        self.finish(pool, job, worker, &step).await
    }

    /// The transaction. `job` and `worker` say whose job it was when it began.
    async fn finish(&self, pool: &PgPool, job: i64, worker: &str, step: &Step) -> Result<(), BoxError> {
        let mut tx = pool.begin().await?;
        if !self.is_ours(&mut tx, job, worker).await? {
            // Never `Ok` here: the queue would delete the job, whoever runs it now.
            return Err(LOST.into());
        }
        self.record(&mut tx, step).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Whether the job is still this worker's, and keeps it so until the transaction ends. A worker that stood still, or could not
    /// reach the database, for longer than the sweep's threshold has lost its jobs to others, and does not know it.
    ///
    /// The table is private to graphile_worker 0.14.1: Cargo.toml pins that version.
    async fn is_ours(&self, tx: &mut PgConnection, job: i64, worker: &str) -> Result<bool, sqlx::Error> {
        // First the lock of the job's key, as `add_job` takes it, or the two could wait for each other.
        sqlx::query("SELECT pg_advisory_xact_lock(hashtext($1 || ':' || $2))")
            .bind(db::POLL)
            .bind(&self.id)
            .execute(&mut *tx)
            .await?;
        let row: Option<(i32,)> =
            sqlx::query_as("SELECT 1 FROM graphile_worker._private_jobs WHERE id = $1 AND locked_by = $2 FOR UPDATE")
                .bind(job)
                .bind(worker)
                .fetch_optional(tx)
                .await?;
        Ok(row.is_some())
    }

    /// `None`: the wait is over.
    async fn checkpoint(&self, pool: &PgPool) -> Result<Option<Checkpoint>, BoxError> {
        let row: Option<(String,)> = sqlx::query_as("SELECT checkpoint::text FROM luma.waits WHERE task_id = $1")
            .bind(&self.id)
            .fetch_optional(pool)
            .await?;
        Ok(row.map(|(json,)| serde_json::from_str(&json)).transpose()?)
    }

    async fn record(&self, tx: &mut PgConnection, step: &Step) -> Result<(), BoxError> {
        if let Some(StatusEvent::GaveUp(error)) = &step.event
            && is_about_the_account(error.kind())
        {
            tracing::error!("the next poll is in {ACCOUNT_PAUSE:?}: {error}");
            db::poll_after(tx, &self.id, ACCOUNT_PAUSE).await?;
        } else if let Some(next) = &step.next {
            let update = sqlx::query("UPDATE luma.waits SET checkpoint = $2::json WHERE task_id = $1")
                .bind(&self.id)
                .bind(serde_json::to_string(&next.checkpoint)?)
                .execute(&mut *tx)
                .await?;
            // None: a second poll, which a callback started beside this one, has recorded the outcome.
            if update.rows_affected() == 1 {
                db::poll_after(tx, &self.id, next.after).await?;
            }
        } else {
            // The row of the wait is the token: a second poll, which a callback started beside this one, finds none.
            sqlx::query(
                "WITH ended AS (DELETE FROM luma.waits WHERE task_id = $1 RETURNING task_id)
                 INSERT INTO luma.outcomes (task_id, event) SELECT task_id, $2::json FROM ended ON CONFLICT DO NOTHING",
            )
            .bind(&self.id)
            .bind(serde_json::to_string(&step.event)?)
            .execute(tx)
            .await?;
        }
        Ok(())
    }
}

/// Whether an error ends no wait: it is about the worker's settings, its key or its credit, not about the task.
fn is_about_the_account(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Config | ErrorKind::Unauthorized | ErrorKind::OutOfCredit)
}

#[cfg(test)]
mod tests;

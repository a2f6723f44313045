//! The limit of requests that all workers share: one row, from which each poll takes the next instant at which a request may go.
//!
//! The instants are evenly spaced, (period + slack) / (requests - 1) apart. A request goes at most one slack late, or takes another
//! instant. So in any period at most `requests - 1` of them reach the gateway, and one is left for a request that the client repeats
//! because its connection ended. When the database is away there is no instant, and no request.

use std::time::Duration;

use sqlx::postgres::PgPool;
use tokio::time::{Instant, sleep};

/// Sets the limit, for all workers at once.
pub async fn set(pool: &PgPool, requests: u32, period: Duration) -> Result<(), sqlx::Error> {
    let (step, slack) = spacing(requests, period);
    sqlx::query("UPDATE luma.pace SET step = make_interval(secs => $1), slack = make_interval(secs => $2)")
        .bind(step.as_secs_f64())
        .bind(slack.as_secs_f64())
        .execute(pool)
        .await?;
    Ok(())
}

fn spacing(requests: u32, period: Duration) -> (Duration, Duration) {
    let slack = period / 10;
    ((period + slack) / requests.saturating_sub(1).max(1), slack)
}

/// Waits until a request may go. It holds no connection while it waits.
pub async fn acquire(pool: &PgPool) -> Result<(), sqlx::Error> {
    loop {
        let asked = Instant::now();
        let (wait, slack) = next(pool).await?;
        sleep(wait).await;
        // Late where the process or the database stood still: others may use the limit by now.
        if asked.elapsed() <= wait + slack {
            return Ok(());
        }
    }
}

/// Takes the next instant. Returns how far away it is, and how late a request may be.
async fn next(pool: &PgPool) -> Result<(Duration, Duration), sqlx::Error> {
    // One row and one statement: its lock puts the callers in order. The database's clock is the only one.
    let (wait, slack): (f64, f64) = sqlx::query_as(
        "UPDATE luma.pace SET at = greatest(at + step, clock_timestamp())
         RETURNING extract(epoch FROM at - clock_timestamp())::float8, extract(epoch FROM slack)::float8",
    )
    .fetch_one(pool)
    .await?;
    Ok((Duration::from_secs_f64(wait.max(0.0)), Duration::from_secs_f64(slack)))
}

/// Lets no request of any worker go for this long: the gateway has refused one, and said when to come again.
pub async fn hold(pool: &PgPool, pause: Duration) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE luma.pace SET at = greatest(at, clock_timestamp() + make_interval(secs => $1))")
        .bind(pause.as_secs_f64())
        .execute(pool)
        .await?;
    Ok(())
}

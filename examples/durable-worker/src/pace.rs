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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Temporary;
    use crate::db;

    /// `None` where PostgreSQL is missing.
    async fn database(requests: u32, period: Duration) -> Option<(PgPool, Temporary)> {
        let cluster = Temporary::start_or_skip()?;
        let pool = db::pool(&cluster.url()).unwrap();
        db::migrate(&pool).await.unwrap();
        set(&pool, requests, period).await.unwrap();
        Some((pool, cluster))
    }

    #[test]
    fn spacing_leaves_one_request_free() {
        let seconds = Duration::from_secs_f64;
        assert_eq!(spacing(12, seconds(10.0)), (seconds(1.0), seconds(1.0)));
        for one_or_two in [0, 1, 2] {
            assert_eq!(spacing(one_or_two, seconds(10.0)), (seconds(11.0), seconds(1.0)));
        }
    }

    #[tokio::test]
    async fn many_callers_never_exceed_the_limit() {
        let period = Duration::from_millis(500);
        let Some((pool, _cluster)) = database(11, period).await else { return };
        let begin = Instant::now();
        let callers: Vec<_> = (0..40)
            .map(|_| {
                let pool = pool.clone();
                tokio::spawn(async move {
                    acquire(&pool).await.unwrap();
                    begin.elapsed()
                })
            })
            .collect();
        let mut times = Vec::new();
        for caller in callers {
            times.push(caller.await.unwrap());
        }
        times.sort_unstable();
        assert!(times.windows(12).all(|few| few[11] - few[0] >= period), "{times:?}");
        assert!(times[39] < Duration::from_secs(10), "40 requests need 2.2 s: {times:?}");
    }

    #[tokio::test]
    async fn hold_delays_all_callers() {
        let Some((pool, _cluster)) = database(100, Duration::from_secs(1)).await else { return };
        hold(&pool, Duration::from_secs(60)).await.unwrap();
        hold(&pool, Duration::from_secs(1)).await.unwrap();
        let (wait, _) = next(&pool).await.unwrap();
        assert!(wait > Duration::from_secs(59), "a shorter hold does not end a longer one: {wait:?}");
    }

    #[tokio::test]
    async fn no_database_means_no_request() {
        let Some((pool, cluster)) = database(100, Duration::from_secs(1)).await else { return };
        cluster.stop().unwrap();
        assert!(acquire(&pool).await.is_err());
        cluster.resume().unwrap();
        acquire(&pool).await.unwrap();
    }
}

//! Watches that wait for a permit and are not polled any more hold the others only shortly.

use std::time::Duration;

use futures::future::join_all;
use futures::stream::select_all;
use futures::{FutureExt, StreamExt};
use luma_watch::simulator::Simulator;
use luma_watch::{Client, RateLimit, Schedule, TaskId, Watch};
use tokio::time::{Instant, sleep, timeout};

use crate::support::driver::Driver;
use crate::support::in_memory::{asked_at, builder, endless, progress, secs};

const ONE_PER_SECOND: RateLimit = RateLimit::per(1, secs(1));
const TWO_PER_SECOND: RateLimit = RateLimit::per(20, secs(10));

/// The time from one request to the next when the limit is used up.
fn turn(limit: RateLimit) -> Duration {
    limit.period() / limit.requests()
}

fn limited_client(simulator: &Simulator, limit: RateLimit) -> Client {
    builder(simulator).rate_limit(limit).schedule(Schedule::default().no_max_wait()).build().unwrap()
}

/// Watches that were polled once. The first of them send their requests, the others are left in the queue.
fn polled_once(client: &Client, ids: &[TaskId]) -> Vec<Watch> {
    let mut watches: Vec<_> = ids.iter().map(|id| client.watch(id)).collect();
    for watch in &mut watches {
        drop(watch.next().now_or_never());
    }
    watches
}

#[tokio::test(start_paused = true)]
async fn newcomer_passes_absent_waiters_within_one_second() {
    for (driver, (absent, limit)) in Driver::BOTH
        .into_iter()
        .flat_map(|driver| [(100, ONE_PER_SECOND), (1_000, TWO_PER_SECOND)].map(|c| (driver, c)))
    {
        // At once, when they have used up the limit, and later, when it is free again.
        for (pause, own_turn) in [(secs(0), limit.period()), (secs(60), turn(limit))] {
            let simulator = Simulator::new();
            let ids = endless(&simulator, absent + 1);
            let client = limited_client(&simulator, limit);
            let left = polled_once(&client, &ids[..absent]);
            sleep(pause).await;
            let start = Instant::now();
            progress(driver.events(&client, &ids[absent..]).next().await);
            let waited = start.elapsed();
            assert!(waited <= secs(1) + own_turn, "{driver:?} behind {absent}, after {pause:?}: {waited:?}");
            drop(left);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn status_passes_absent_waiters_within_one_second() {
    for (pause, own_turn) in [(secs(0), TWO_PER_SECOND.period()), (secs(60), turn(TWO_PER_SECOND))] {
        let simulator = Simulator::new();
        let ids = endless(&simulator, 10_001);
        let client = limited_client(&simulator, TWO_PER_SECOND);
        let left = polled_once(&client, &ids[1..]);
        sleep(pause).await;
        let start = Instant::now();
        client.status(&ids[0]).await.unwrap();
        let waited = start.elapsed();
        assert!(waited <= secs(1) + own_turn, "after {pause:?}: {waited:?}");
        drop(left);
    }
}

#[tokio::test(start_paused = true)]
async fn present_waiter_passes_vanished_ones_in_time() {
    for driver in Driver::BOTH {
        for (ahead, limit) in [(100, ONE_PER_SECOND), (1_000, TWO_PER_SECOND), (3_000, TWO_PER_SECOND)] {
            let simulator = Simulator::new();
            let ids = endless(&simulator, ahead + 1);
            let client = limited_client(&simulator, limit);
            let mut vanishing = select_all(ids[..ahead].iter().map(|id| client.watch(id)));
            let mut present = driver.events(&client, &ids[ahead..]);
            let all_present = async { tokio::join!(vanishing.by_ref().count(), present.next()) };
            assert!(timeout(secs(15), all_present).await.is_err());
            // From now on nothing polls those ahead.
            let start = Instant::now();
            progress(present.next().await);
            let passing = secs(1).max(Duration::from_millis(ahead as u64));
            let waited = start.elapsed();
            assert!(waited <= passing + turn(limit), "{driver:?} behind {ahead}: {waited:?}");
        }
    }
}

/// When the limit has room for one more request than those sent before `due`.
fn free_at(sent: &[Duration], due: Duration, limit: RateLimit) -> Duration {
    let before = sent.partition_point(|at| *at < due);
    let oldest = before.checked_sub(limit.requests() as usize).map(|oldest| sent[oldest] + limit.period());
    due.max(oldest.unwrap_or_default())
}

#[tokio::test(start_paused = true)]
async fn slow_consumers_of_watch_all_delay_no_watch() {
    for consumers in [1, 10] {
        let simulator = Simulator::new();
        let ids = endless(&simulator, 601);
        let client = limited_client(&simulator, TWO_PER_SECOND);
        let slow = ids[1..].chunks(600 / consumers).map(|ids| client.watch_all(ids)).map(async |mut all| {
            while all.next().await.is_some() {
                sleep(secs(60)).await;
            }
        });
        let (start, mut watch, mut polls) = (Instant::now(), client.watch(&ids[0]), Vec::new());
        let polled = async {
            sleep(secs(1)).await;
            let mut due = start.elapsed();
            while let Some(event) = watch.next().await {
                polls.push((due, start.elapsed()));
                due = start.elapsed() + progress(Some(event)).next_poll_in;
            }
        };
        assert!(timeout(secs(3_600), async { tokio::join!(join_all(slow), polled) }).await.is_err());
        // What a `WatchAll` has sent at once before the watch was due counts as the limit's, not as a delay.
        let sent = asked_at(&simulator);
        let waits = polls.iter().map(|(due, polled)| *polled - free_at(&sent, *due, TWO_PER_SECOND));
        let worst = waits.max().unwrap();
        assert!(polls.len() >= 100, "{}", polls.len());
        assert!(worst <= secs(1) + 2 * turn(TWO_PER_SECOND), "{consumers} consumers: {worst:?}");
    }
}

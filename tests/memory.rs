//! What an idle watch holds: bytes of heap asked for, counted by the allocator of this process.
//!
//! The gateway is in memory, and what it stores itself does not count: a watch's bytes are those that are freed when the
//! watches and their client are dropped, together with the task's id, which the gateway's list of requests keeps.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use std::alloc::System;
use std::time::Duration;

use futures::stream::SelectAll;
use futures::{FutureExt, Stream, StreamExt};
use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{Client, Schedule, TaskId};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Lists grow by doubling, so the bytes per watch depend on how full they are: here to 61 %, as with 20,000 watches.
const WATCHES: usize = 10_000;
/// An id of 32 characters, with its two reference counts.
const ID: usize = 32 + 2 * size_of::<usize>();
/// Second polls are spread over it. None of them comes during the measurement.
const INTERVAL: Duration = Duration::from_secs(365 * 24 * 60 * 60);

fn held() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// Bytes per watch when each has been polled once. The watches start one after the other, so that no list of those that
/// start together counts.
async fn bytes_per_watch<S: Stream + Unpin>(
    none: impl Fn(&Client) -> S,
    push: impl Fn(&mut S, &Client, &TaskId),
) -> usize {
    let simulator = Simulator::new();
    let ids: Vec<_> = (0..WATCHES).map(|_| simulator.add(SimulatedTask::new().never_ends())).collect();
    assert!(ids.iter().all(|id| id.as_str().len() == 32));
    let schedule = Schedule::every(INTERVAL).no_max_wait();
    let client = Client::builder("test-key").schedule(schedule).simulator(&simulator).build().unwrap();
    let mut all = none(&client);
    for id in &ids {
        push(&mut all, &client, id);
        assert!(all.next().await.is_some());
    }
    assert!(all.next().now_or_never().is_none(), "all are in their pause");
    let before = held();
    drop((all, client));
    (before - held()) / WATCHES + ID
}

/// One test: the allocator counts for the whole process.
#[tokio::test(start_paused = true)]
async fn idle_watch_holds_few_bytes() {
    let in_watch_all =
        bytes_per_watch(|client| client.watch_all(Vec::<TaskId>::new()), |all, _, id| assert!(all.push(id))).await;
    let in_select_all = bytes_per_watch(|_| SelectAll::new(), |all, client, id| all.push(client.watch(id))).await;
    // Measured: 213 and 368 bytes; with the feature `callback` 241 and 430. The limits are 3 % above.
    let (limit_in_all, limit_alone) = if cfg!(feature = "callback") { (248, 443) } else { (220, 379) };
    assert!(in_watch_all <= limit_in_all, "{in_watch_all} bytes per task in a WatchAll, not {limit_in_all}");
    assert!(in_select_all <= limit_alone, "{in_select_all} bytes per Watch in SelectAll, not {limit_alone}");
    assert!(in_watch_all > 100 && in_select_all > 200, "{in_watch_all} and {in_select_all}: something is not counted");
}

//! A `WatchAll` of many tasks works in turns: other tasks of its runtime run in between.

use std::future::poll_fn;
use std::task::Poll;

use futures::StreamExt;
use luma_watch::simulator::Simulator;
use luma_watch::{Schedule, WatchAll};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};

use crate::support::in_memory::{builder, endless, ms, open_window, secs, slow_simulator};

/// How many requests are sent, or responses read, in a turn at most.
const MAX_REQUESTS: usize = 16;
/// tokio wakes tasks that yield in reverse order each time, so that one may have two turns in a row.
const MAX_IN_TWO_TURNS: usize = 2 * MAX_REQUESTS;

/// Runs as a task beside a `WatchAll` until `count` requests were sent. Returns its number of turns, and the most requests
/// between two of them.
async fn turns_beside(simulator: &Simulator, count: usize) -> (usize, usize) {
    let simulator = simulator.clone();
    let beside = async move {
        let (mut turns, mut before, mut most) = (0, 0, 0);
        while before < count {
            yield_now().await;
            let sent = simulator.requests().len();
            (turns, most, before) = (turns + 1, most.max(sent - before), sent);
        }
        (turns, most)
    };
    tokio::spawn(beside).await.unwrap()
}

/// The number of requests in flight.
fn in_flight(all: &WatchAll) -> usize {
    let debug = format!("{all:?}");
    let (_, number) = debug.split_once("in_flight: ").unwrap();
    number.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn other_tasks_run_while_100_000_tasks_start() {
    let simulator = slow_simulator(secs(1));
    let client = builder(&simulator).max_in_flight(1).build().unwrap();
    let all = client.watch_all((0..100_000).map(|task| format!("task{task}")));
    let watching = tokio::spawn(all.for_each(async |_| {}));
    // The first request follows when all have started.
    let (turns, _) = turns_beside(&simulator, 1).await;
    assert!((300..1_000).contains(&turns), "{turns}");
    watching.abort();
}

/// The events are ready at once, so that the consumer never waits.
#[tokio::test(start_paused = true)]
async fn other_tasks_run_while_requests_are_sent() {
    let simulator = Simulator::new();
    let ids = endless(&simulator, 2_000);
    let watching = tokio::spawn(builder(&simulator).build().unwrap().watch_all(&ids).for_each(async |_| {}));
    let start = Instant::now();
    assert!(turns_beside(&simulator, 2_000).await.1 <= MAX_IN_TWO_TURNS);
    assert_eq!(start.elapsed(), ms(0), "it waits for no timer");
    watching.abort();
}

#[tokio::test(start_paused = true)]
async fn other_tasks_run_when_tasks_are_due_together() {
    let simulator = Simulator::new();
    let ids = endless(&simulator, 2_000);
    let schedule = Schedule::every(secs(60)).first_poll_after(secs(5));
    let client = builder(&simulator).schedule(schedule).build().unwrap();
    let watching = tokio::spawn(client.watch_all(&ids).for_each(async |_| {}));
    sleep(secs(5)).await;
    assert!(turns_beside(&simulator, 2_000).await.1 <= MAX_IN_TWO_TURNS);
    watching.abort();
}

#[cfg(feature = "callback")]
#[tokio::test(start_paused = true)]
async fn other_tasks_run_when_tasks_are_notified_together() {
    let simulator = slow_simulator(secs(1));
    let schedule = Schedule::every(secs(60)).first_poll_after(secs(600));
    let client = builder(&simulator).schedule(schedule).max_in_flight(1).build().unwrap();
    let ids: Vec<_> = (0..20_000).map(|task| format!("task{task}")).collect();
    let watching = tokio::spawn(client.watch_all(&ids).for_each(async |_| {}));
    sleep(secs(1)).await;
    assert_eq!(ids.iter().map(|id| client.poll_now(id)).sum::<usize>(), ids.len());
    // The first request follows when all have been notified, and then all are due.
    let (turns, _) = turns_beside(&simulator, 1).await;
    assert!((150..500).contains(&turns), "{turns}");
    watching.abort();
}

/// A thousand responses come in one moment.
#[tokio::test(start_paused = true)]
async fn few_responses_are_read_per_turn() {
    let simulator = slow_simulator(secs(1));
    let ids = endless(&simulator, 1_000);
    let client = builder(&simulator).max_in_flight(1_000).build().unwrap();
    open_window(&simulator, &client, 1_000, secs(1)).await;
    let mut all = client.watch_all(&ids);
    assert!(timeout(ms(999), all.next()).await.is_err());
    sleep(ms(1)).await;
    let mut before = in_flight(&all);
    assert_eq!(before, 1_000);
    let mut events = 0;
    while events < 1_000 {
        let polled = poll_fn(|cx| Poll::Ready(all.poll_next_unpin(cx))).await;
        let now = in_flight(&all);
        assert!(before - now <= MAX_REQUESTS);
        before = now;
        events += usize::from(polled.is_ready());
        if polled.is_pending() {
            yield_now().await;
        }
    }
    assert_eq!(before, 0);
}

/// So many events wait for the consumer that nothing else is done, and then all their tasks leave.
#[tokio::test(start_paused = true)]
async fn outcomes_of_removed_tasks_hold_no_other() {
    let simulator = slow_simulator(secs(1));
    let ids = endless(&simulator, 500);
    let (leaving, others) = ids.split_at(400);
    let client = builder(&simulator).max_in_flight(500).build().unwrap();
    open_window(&simulator, &client, 500, secs(1)).await;
    let mut all = client.watch_all(leaving);
    assert!(timeout(ms(999), all.next()).await.is_err());
    sleep(ms(1)).await;
    let mut events = 0;
    while 400 - in_flight(&all) - events < 256 {
        all.next().await.unwrap();
        events += 1;
    }
    all.extend(others);
    assert!(leaving.iter().all(|id| all.remove(id)));
    assert_eq!(timeout(secs(2), all.take(100).count()).await, Ok(100));
}

#[tokio::test(start_paused = true)]
async fn removed_task_frees_its_permit_at_once() {
    let simulator = slow_simulator(secs(5));
    let ids = endless(&simulator, 4);
    let client = builder(&simulator).max_in_flight(3).build().unwrap();
    open_window(&simulator, &client, 3, secs(5)).await;
    let mut all = client.watch_all(&ids[..3]);
    assert!(timeout(secs(1), all.next()).await.is_err());
    assert!(timeout(secs(1), client.status(&ids[3])).await.is_err(), "three are in flight");
    assert!(all.remove(&ids[1]));
    // The stream is not polled meanwhile.
    let start = Instant::now();
    client.status(&ids[3]).await.unwrap();
    assert_eq!(start.elapsed(), secs(5));
    // The other two go on.
    let mut others = [all.next().await.unwrap().0, all.next().await.unwrap().0];
    others.sort();
    assert!(others.contains(&ids[0]) && others.contains(&ids[2]), "{others:?}");
    assert_eq!(start.elapsed(), secs(5));
}

/// Tasks leave while their requests are in flight, and others come: each gets the answers to its own requests.
#[tokio::test(start_paused = true)]
async fn reused_place_in_flight_mixes_no_answers() {
    let simulator = slow_simulator(ms(700));
    let ids = endless(&simulator, 60);
    let client = builder(&simulator).schedule(Schedule::every(secs(2))).build().unwrap();
    let mut all = client.watch_all(&ids[..30]);
    let mut random = fastrand::Rng::with_seed(5);
    let mut events = 0;
    for _ in 0..2_000 {
        let id = &ids[random.usize(..60)];
        if !all.push(id) {
            assert!(all.remove(id));
        }
        let until = Instant::now() + ms(random.u64(..100));
        while let Ok(Some((id, event))) = tokio::time::timeout_at(until, all.next()).await {
            assert_eq!(event.task().map(luma_watch::Task::id), Some(&id));
            events += 1;
        }
    }
    assert!(events > 500, "{events}");
    let left = all.len();
    // Each that is left is polled on.
    let mut seen = std::collections::BTreeSet::new();
    let until = Instant::now() + secs(4);
    while let Ok(Some((id, _))) = tokio::time::timeout_at(until, all.next()).await {
        seen.insert(id);
    }
    assert_eq!(seen.len(), left);
}

//! Watches that start together do not poll together.

use std::time::Duration;

use futures::StreamExt;
use luma_watch::simulator::SimulatedTask;
use luma_watch::{Client, Schedule, TaskId};
use tokio::time::{Instant, timeout_at};

use crate::support::driver::Driver;
use crate::support::in_memory::{asked_at, ms, secs, slow_simulator};

async fn requests_of(
    count: usize,
    schedule: Schedule,
    latency: Duration,
    driver: Driver,
    until: Duration,
) -> Vec<Duration> {
    let simulator = slow_simulator(latency);
    let ids: Vec<TaskId> = (0..count).map(|_| simulator.add(SimulatedTask::new().never_ends())).collect();
    let client = Client::builder("test-key").simulator(&simulator).schedule(schedule).build().unwrap();
    driver.watch_until(Instant::now() + until, &client, &ids).await;
    asked_at(&simulator)
}

/// How many requests came in each stretch of this length, from `start` on.
fn per_stretch(times: &[Duration], length: Duration, start: Duration, end: Duration) -> Vec<usize> {
    let stretches = (end - start).as_millis() / length.as_millis();
    let mut counts = vec![0; usize::try_from(stretches).unwrap()];
    for at in times.iter().filter(|at| **at >= start) {
        if let Some(count) = counts.get_mut(usize::try_from((*at - start).as_millis() / length.as_millis()).unwrap()) {
            *count += 1;
        }
    }
    counts
}

#[tokio::test(start_paused = true)]
async fn few_watches_are_not_staggered() {
    for driver in Driver::BOTH {
        let times = requests_of(16, Schedule::default(), ms(10), driver, secs(70)).await;
        let at = |start: Duration| times.iter().filter(|at| **at >= start && **at < start + ms(200)).count();
        assert_eq!((times.len(), at(secs(0)), at(secs(30)), at(secs(60))), (48, 16, 16, 16), "{driver:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn many_watches_poll_evenly_after_first_round() {
    let times = requests_of(6_000, Schedule::default(), ms(0), Driver::WatchAll, secs(150)).await;
    let first = times.iter().filter(|at| **at < ms(5)).count();
    assert!(first >= 6_000, "{first}");
    let counts = per_stretch(&times[first..], secs(1), secs(0), secs(150));
    assert!(counts.iter().all(|count| (190..=210).contains(count)), "{counts:?}");
    // No task is polled less often than the schedule says, and at most once more often.
    assert!(times.len() <= 6_000 * 6 && times.len() >= 6_000 * 5, "{}", times.len());
}

#[tokio::test(start_paused = true)]
async fn hundred_watches_are_spread_by_either_driver() {
    for driver in Driver::BOTH {
        let times = requests_of(100, Schedule::default(), ms(300), driver, secs(200)).await;
        // 3.3 per second on average.
        let counts = per_stretch(&times, secs(1), secs(31), secs(200));
        assert!(counts.iter().max().unwrap() <= &6, "{driver:?}: {counts:?}");
        assert!(counts.iter().min().unwrap() >= &1, "{driver:?}: {counts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_in_flight_stay_near_their_mean() {
    let latency = ms(150);
    let times = requests_of(20_000, Schedule::default(), latency, Driver::WatchAll, secs(120)).await;
    let in_flight = per_stretch(&times, latency, secs(20), secs(119));
    let mean = in_flight.iter().sum::<usize>() / in_flight.len();
    assert!(in_flight.iter().max().unwrap() <= &(2 * mean), "{mean}: {in_flight:?}");
}

#[tokio::test(start_paused = true)]
async fn growing_pauses_are_spread_over_full_length() {
    let growing = Schedule::exponential(secs(5), secs(60)).multiplier(2.0).no_max_wait();
    let times = requests_of(1_000, growing, ms(0), Driver::WatchAll, secs(600)).await;
    // When all pauses have grown, 1,000 requests come in 60 s.
    let counts = per_stretch(&times, secs(2), secs(300), secs(600));
    assert!(counts.iter().all(|count| (22..=45).contains(count)), "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn groups_started_one_by_one_are_spread() {
    let simulator = slow_simulator(ms(20));
    let client = Client::builder("test-key").simulator(&simulator).build().unwrap();
    let mut all = client.watch_all(Vec::<TaskId>::new());
    let start = Instant::now();
    for group in 0..10 {
        for _ in 0..50 {
            all.push(simulator.add(SimulatedTask::new().never_ends()));
        }
        assert!(timeout_at(start + secs(3 * (group + 1)), all.by_ref().count()).await.is_err());
    }
    assert!(timeout_at(start + secs(180), all.by_ref().count()).await.is_err());
    let counts = per_stretch(&asked_at(&simulator), secs(1), secs(60), secs(180));
    assert!(counts.iter().max().unwrap() <= &25, "{counts:?}"); // 16.7 on average
}

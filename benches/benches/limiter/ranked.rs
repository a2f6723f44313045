//! The time of one turn under a rate limit when all waiters are `WatchAll`s of two tasks: with a learned schedule, which
//! gives each poll a value, and with a fixed one.

use std::time::Duration;

use futures::StreamExt;
use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{Client, History, RateLimit, Schedule};
use luma_watch_benches::measure::processor_time;
use tokio::time::{Instant, sleep_until};

use super::figure;

const SCHEDULES: [&str; 2] = ["fixed", "learned"];
/// The time between two requests.
const TURN: Duration = Duration::from_millis(20);

/// The processor time of this number of turns, with this number of `WatchAll`s.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(schedule: &str, count: usize, turns: usize) -> Duration {
    tokio::time::pause();
    let simulator = Simulator::new();
    let history: History = (0..40).map(|task| Duration::from_secs(260 + 2 * task)).collect();
    let schedule = match schedule {
        "fixed" => Schedule::default(),
        "learned" => Schedule::learned(&history),
        other => panic!("no schedule {other}: there are {SCHEDULES:?}"),
    };
    let builder = Client::builder("test-key").simulator(&simulator).schedule(schedule.no_max_wait());
    let client = builder.rate_limit(RateLimit::per(20, 20 * TURN)).build().unwrap();
    let start = Instant::now();
    for _ in 0..count {
        let ids = [0; 2].map(|_| simulator.add(SimulatedTask::new().never_ends()));
        tokio::spawn(client.watch_all(ids).for_each(|_| async {}));
    }
    // After the first requests, which go at once, and all have joined the queue.
    let begin = start + Duration::from_millis(60_250);
    sleep_until(begin).await;
    let (before, asked) = (processor_time(), simulator.requests().len());
    sleep_until(begin + TURN * u32::try_from(turns).unwrap()).await;
    let spent = processor_time().saturating_sub(before);
    let asked = simulator.requests().len() - asked;
    assert!(asked.abs_diff(turns) <= 20 || count <= 20, "{asked} requests in {turns} turns");
    spent
}

pub(crate) fn compare(in_full: bool) {
    let (counts, turns): (&[usize], _) = if in_full { (&[2_000, 10_000], 4_000) } else { (&[2_000], 20) };
    println!("time per turn with this number of WatchAlls of two tasks, us:");
    println!("  WatchAlls     fixed   learned");
    for count in counts {
        let each = SCHEDULES.map(|schedule| {
            figure(&["ranked", schedule, &count.to_string(), &turns.to_string()]) / f64::from(turns) / 1_000.0
        });
        println!("{count:11} {:9.1} {:9.1}", each[0], each[1]);
    }
}

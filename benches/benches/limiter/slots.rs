//! 10,000 spawned tasks that are polled every 2 s by requests of 100 ms each: with 256 in flight all wait for a slot, without
//! the bound none does. Beside a hand-written loop behind tokio's `Semaphore`.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{Client, Schedule, TaskId};
use luma_watch_benches::callgrind;
use luma_watch_benches::measure::{median, processor_time};
use tokio::sync::{Notify, Semaphore};
use tokio::time::sleep;

use super::figure;

const VARIANTS: [&str; 4] = ["hand", "hand, waiting", "watch", "watch, waiting"];
const MAX_IN_FLIGHT: usize = 256;
const UNBOUNDED: usize = 1_000_000;
const INTERVAL: Duration = Duration::from_secs(2);
const LATENCY: Duration = Duration::from_millis(100);

/// Counts polls, and wakes the measurement after each stretch of them.
struct Counter {
    polls: AtomicUsize,
    stretch: usize,
    reached: Notify,
}

impl Counter {
    fn count(&self) {
        if (self.polls.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(self.stretch) {
            self.reached.notify_one();
        }
    }
}

/// Polls each task about once, and then makes this number of polls. Returns the processor time of the latter.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(variant: &str, tasks: usize, polls: usize) -> Duration {
    tokio::time::pause();
    let simulator = Simulator::new();
    simulator.latency(LATENCY);
    let ids: Vec<TaskId> = (0..tasks).map(|_| simulator.add(SimulatedTask::new().never_ends())).collect();
    let max_in_flight = if variant == "watch, waiting" { MAX_IN_FLIGHT } else { UNBOUNDED };
    let schedule = Schedule::every(INTERVAL).no_max_wait();
    let builder = Client::builder("test-key").simulator(&simulator).schedule(schedule);
    let client = builder.max_in_flight(max_in_flight).build().unwrap();
    let slots = Arc::new(Semaphore::new(if variant == "hand, waiting" { MAX_IN_FLIGHT } else { UNBOUNDED }));
    let counter = Arc::new(Counter { polls: AtomicUsize::new(0), stretch: tasks, reached: Notify::new() });
    let spawn = |id: TaskId| {
        let (client, slots, counter) = (client.clone(), Arc::clone(&slots), Arc::clone(&counter));
        if variant.starts_with("hand") {
            tokio::spawn(async move {
                loop {
                    let slot = slots.acquire().await.unwrap();
                    client.status(&id).await.unwrap();
                    drop(slot);
                    counter.count();
                    sleep(INTERVAL).await;
                }
            });
        } else {
            tokio::spawn(client.watch(id).for_each(move |_| {
                counter.count();
                std::future::ready(())
            }));
        }
    };
    ids.into_iter().for_each(spawn);
    counter.reached.notified().await;
    let before = processor_time();
    for _ in 0..polls / tasks {
        counter.reached.notified().await;
    }
    processor_time().saturating_sub(before)
}

pub(crate) fn compare(in_full: bool) {
    let (tasks, rounds, turns) = if in_full { (10_000, 5, 5) } else { (300, 1, 1) };
    println!("{tasks} tasks, {MAX_IN_FLIGHT} requests in flight, per poll:");
    let run = |variant| {
        let polls = tasks * rounds;
        figure(&["slots", variant, &tasks.to_string(), &polls.to_string()]) / polls as f64 / 1_000.0
    };
    let all: Vec<[f64; 4]> = (0..turns).map(|_| VARIANTS.map(run)).collect();
    let instructions = (in_full && callgrind::is_installed()).then(|| {
        VARIANTS.map(|variant| {
            let count = |rounds: usize| {
                callgrind::instructions(|mut command| {
                    let polls = (tasks * rounds).to_string();
                    let status =
                        command.args(["slots", variant, &tasks.to_string(), &polls]).stdout(Stdio::null()).status();
                    assert!(status.unwrap().success());
                })
            };
            (count(2) - count(1)) / tasks as f64
        })
    });
    for (hand, waiting) in [(0, 1), (2, 3)] {
        let ratio = median(&all, |costs| costs[waiting] / costs[hand]);
        let [without, with] = [hand, waiting].map(|variant| median(&all, |costs| costs[variant]));
        print!("{:6} processor time {without:.2} us, waiting {with:.2} us, ratio {ratio:.2}", VARIANTS[hand]);
        match &instructions {
            Some(counts) => println!(
                "; instructions {:.0}, waiting {:.0}: {:+.0}",
                counts[hand],
                counts[waiting],
                counts[waiting] - counts[hand]
            ),
            None => println!(),
        }
    }
}

//! What many watches cost and how evenly they ask: a fleet beside single watches and beside hand-written loops, over the
//! gateway in memory, on paused time.
//!
//! `fleet VARIANT COUNT` lets so many watches poll each 30 s for some minutes. It says how much processor time a poll
//! takes, and how many requests come in the busiest second for each in an average one. Without a variant it does that
//! for all of them, each in a process of its own, in turns.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![allow(clippy::panic, clippy::print_stdout, clippy::cast_precision_loss, clippy::unchecked_time_subtraction)]

mod command;

use std::env;
use std::fs;
use std::process::Command;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::select_all;
use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{Client, Schedule, TaskId};
use tokio::time::{Instant, sleep, sleep_until};

/// `asked` is the poll alone, without a pause: what the others do beside it is their own.
const VARIANTS: [&str; 5] = ["asked", "hand", "hand, spread", "watches", "fleet"];
const INTERVAL: Duration = Duration::from_secs(30);
/// Of which the first two are not counted: the first is at once, and so may be the second.
const ROUNDS: u32 = 5;
const TURNS: usize = 7;

struct Figures {
    /// Microseconds.
    processor_time: f64,
    /// Requests in the busiest second over those in an average one, from the second round on.
    peak: f64,
    /// The same of requests in flight at once.
    peak_in_flight: f64,
}

fn main() {
    let Some(command::Command { words, in_full }) = command::read() else { return };
    if let [variant, count] = words.as_slice() {
        let figures = run(variant, count.parse().expect("a count"));
        println!("{} {} {}", figures.processor_time, figures.peak, figures.peak_in_flight);
    } else {
        compare(if in_full { (100_000, TURNS) } else { (500, 1) });
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run(variant: &str, count: usize) -> Figures {
    tokio::time::pause();
    let simulator = Simulator::new();
    let mut ids: Vec<TaskId> = (0..count).map(|_| simulator.add(SimulatedTask::new().never_ends())).collect();
    // In no order that the gateway's memory has, as a fleet's are soon: else some would find it in the cache.
    fastrand::Rng::with_seed(1).shuffle(&mut ids);
    let schedule = Schedule::every(INTERVAL).no_max_wait();
    let client = Client::builder("test-key").simulator(&simulator).schedule(schedule).build().unwrap();
    let start = Instant::now();
    let spent = match variant {
        "asked" => {
            let rounds = || async {
                let before = processor_time();
                for id in &ids {
                    client.status(id).await.unwrap();
                }
                processor_time() - before
            };
            rounds().await;
            rounds().await
        }
        "hand" | "hand, spread" => {
            for (place, id) in ids.iter().cloned().enumerate() {
                let client = client.clone();
                let first =
                    if variant == "hand" { Duration::ZERO } else { INTERVAL.mul_f64(place as f64 / count as f64) };
                tokio::spawn(async move {
                    sleep(first).await;
                    while !client.status(&id).await.unwrap().status().is_terminal() {
                        sleep(INTERVAL).await;
                    }
                });
            }
            measured(start).await
        }
        "watches" => {
            let all = select_all(ids.iter().map(|id| client.watch(id)));
            tokio::spawn(all.for_each(|_| async {}));
            measured(start).await
        }
        "fleet" => {
            tokio::spawn(client.watch_all(&ids).for_each(|_| async {}));
            measured(start).await
        }
        other => panic!("no variant {other}: there are {VARIANTS:?}"),
    };
    let (from, to) = (INTERVAL * 2, INTERVAL * ROUNDS);
    let times: Vec<_> = simulator.requests().iter().map(|request| request.at).collect();
    let counted = times.iter().filter(|at| (from..to).contains(*at)).count();
    let polls = if variant == "asked" { count } else { counted };
    assert!(polls >= count, "{variant}: {polls} polls");
    Figures {
        processor_time: spent.as_secs_f64() * 1e6 / polls as f64,
        peak: peak(&times, Duration::from_secs(1), from, to),
        peak_in_flight: peak(&times, Duration::from_millis(100), from, to),
    }
}

/// The processor time of the rounds that count, all of it spent in tasks of their own.
async fn measured(start: Instant) -> Duration {
    sleep_until(start + INTERVAL * 2).await;
    let before = processor_time();
    sleep_until(start + INTERVAL * ROUNDS).await;
    processor_time() - before
}

/// How many come in the busiest stretch of this length for each in an average one.
fn peak(times: &[Duration], length: Duration, from: Duration, to: Duration) -> f64 {
    let stretch = |at: Duration| usize::try_from((at - from).as_nanos() / length.as_nanos()).unwrap();
    let mut counts = vec![0_u32; stretch(to)];
    for at in times.iter().filter(|at| (from..to).contains(*at)) {
        counts[stretch(*at)] += 1;
    }
    let mean = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
    f64::from(*counts.iter().max().unwrap()) / mean
}

/// Processor time of this thread so far, which Linux counts in nanoseconds.
fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux's /proc");
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}

fn compare((count, turns): (usize, usize)) {
    let rounds: Vec<[Figures; 5]> = (0..turns).map(|_| VARIANTS.map(|variant| alone(variant, count))).collect();
    let median = |of: &dyn Fn(&[Figures; 5]) -> f64| {
        let mut values: Vec<_> = rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[turns / 2]
    };
    println!(
        "{count} tasks at 30 s; processor time per poll in us, and what is its own beside the request, median of {turns}:"
    );
    println!("                  all     own   of hand   peak/mean per s   per 100 ms");
    for (one, variant) in VARIANTS.into_iter().enumerate() {
        let own = |round: &[Figures; 5], one: usize| round[one].processor_time - round[0].processor_time;
        let of_hand = median(&|round| own(round, one) / own(round, 2));
        print!(
            "{variant:12} {:8.2} {:7.2} {of_hand:8.2}x",
            median(&|round| round[one].processor_time),
            median(&|round| own(round, one))
        );
        if one == 0 {
            println!("                 -            -");
        } else {
            println!(" {:17.3} {:12.3}", median(&|round| round[one].peak), median(&|round| round[one].peak_in_flight));
        }
    }
}

/// In a process of its own, so that none finds the heap or the caches of another.
fn alone(variant: &str, count: usize) -> Figures {
    let output = Command::new(env::current_exe().unwrap()).args([variant, &count.to_string()]).output().unwrap();
    assert!(output.status.success(), "{variant}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let figures: Vec<f64> = text.split_whitespace().map(|figure| figure.parse().unwrap()).collect();
    Figures { processor_time: figures[0], peak: figures[1], peak_in_flight: figures[2] }
}

//! The cost of many watches, and how evenly their requests come: a `WatchAll` beside single watches and hand-written
//! loops. The gateway is in memory, the time is paused.
//!
//! `watch_all` compares all variants at several numbers of tasks, each in a process of its own, in turns.
//!
//! `watch_all VARIANT COUNT` polls COUNT tasks every 30 s for some minutes. It prints the processor time per poll, and the
//! requests of the busiest second and of the busiest 100 ms, over the mean.
#![allow(clippy::unchecked_time_subtraction)]

use std::env;
use std::process::Command;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::select_all;
use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{Client, Schedule, TaskId};
use luma_watch_benches::command_line::{self, CommandLine};
use luma_watch_benches::measure::{median, processor_time};
use tokio::time::{Instant, sleep, sleep_until};

/// `status` is the request alone, without a pause. "hand, spread" are hand-written loops with evenly spread starts.
const VARIANTS: [&str; 5] = ["status", "hand", "hand, spread", "watches", "watch_all"];
const STATUS: usize = 0;
const SPREAD: usize = 2;
const INTERVAL: Duration = Duration::from_secs(30);
/// The first two rounds do not count: the requests of the first come at once, and so may those of the second.
const UNCOUNTED_ROUNDS: u32 = 2;

struct Figures {
    /// Microseconds per poll.
    processor_time: f64,
    /// Requests in the busiest second, over the mean.
    peak_per_second: f64,
    /// Requests in the busiest 100 ms, over the mean.
    peak_per_100_ms: f64,
}

fn main() {
    let Some(CommandLine { words, in_full }) = command_line::read() else { return };
    if let [variant, count] = words.as_slice() {
        let figures = run(variant, count.parse().expect("a count"));
        println!("{} {} {}", figures.processor_time, figures.peak_per_second, figures.peak_per_100_ms);
    } else if in_full {
        compare(&[100, 1_000, 10_000, 100_000], 7);
    } else {
        compare(&[100, 500], 1);
    }
}

/// Enough rounds for about the same number of polls at each number of tasks.
fn counted_rounds(count: usize) -> u32 {
    u32::try_from(300_000 / count).unwrap().clamp(3, 60)
}

#[tokio::main(flavor = "current_thread")]
async fn run(variant: &str, count: usize) -> Figures {
    tokio::time::pause();
    let simulator = Simulator::new();
    let mut ids: Vec<TaskId> = (0..count).map(|_| simulator.add(SimulatedTask::new().never_ends())).collect();
    // Not in the order of the gateway's memory, as those of a `WatchAll` soon are not: otherwise caches would help some
    // variants more than others.
    fastrand::Rng::with_seed(1).shuffle(&mut ids);
    let schedule = Schedule::every(INTERVAL).no_max_wait();
    let client = Client::builder("test-key").simulator(&simulator).schedule(schedule).build().unwrap();
    let rounds = counted_rounds(count);
    let period = (INTERVAL * UNCOUNTED_ROUNDS, INTERVAL * (UNCOUNTED_ROUNDS + rounds));
    let spent = match variant {
        "status" => {
            let poll_all = || async {
                for id in &ids {
                    client.status(id).await.unwrap();
                }
            };
            poll_all().await;
            let before = processor_time();
            for _ in 0..rounds {
                poll_all().await;
            }
            processor_time() - before
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
            measured(period).await
        }
        "watches" => {
            let all = select_all(ids.iter().map(|id| client.watch(id)));
            tokio::spawn(all.for_each(|_| async {}));
            measured(period).await
        }
        "watch_all" => {
            tokio::spawn(client.watch_all(&ids).for_each(|_| async {}));
            measured(period).await
        }
        other => panic!("no variant {other}: there are {VARIANTS:?}"),
    };
    let times: Vec<_> = simulator.requests().iter().map(|request| request.at).collect();
    let counted = times.iter().filter(|at| (period.0..period.1).contains(*at)).count();
    let polls = if variant == VARIANTS[STATUS] { count * rounds as usize } else { counted };
    assert!(polls >= count, "{variant}: {polls} polls");
    Figures {
        processor_time: spent.as_secs_f64() * 1e6 / polls as f64,
        peak_per_second: peak(&times, Duration::from_secs(1), period),
        peak_per_100_ms: peak(&times, Duration::from_millis(100), period),
    }
}

/// The processor time that other tasks of this thread use in the period, counted from now.
async fn measured((from, to): (Duration, Duration)) -> Duration {
    let start = Instant::now();
    sleep_until(start + from).await;
    let before = processor_time();
    sleep_until(start + to).await;
    processor_time() - before
}

/// The requests in the busiest stretch of this length within the period, over the mean.
fn peak(times: &[Duration], length: Duration, (from, to): (Duration, Duration)) -> f64 {
    let stretch = |at: Duration| usize::try_from((at - from).as_nanos() / length.as_nanos()).unwrap();
    let mut counts = vec![0_u32; stretch(to)];
    for at in times.iter().filter(|at| (from..to).contains(*at)) {
        counts[stretch(*at)] += 1;
    }
    let mean = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
    f64::from(*counts.iter().max().unwrap()) / mean
}

/// The library's own cost is what is left without the request itself.
fn own(figures: &[Figures; 5], variant: usize) -> f64 {
    figures[variant].processor_time - figures[STATUS].processor_time
}

fn compare(sizes: &[usize], turns: usize) {
    // By turn, then by size: other load of the machine hits all sizes and variants.
    let all: Vec<Vec<[Figures; 5]>> = (0..turns)
        .map(|_| sizes.iter().map(|size| VARIANTS.map(|variant| in_new_process(variant, *size))).collect())
        .collect();
    println!("processor time per poll in us, one poll each 30 s, median of {turns}; x: of {}", VARIANTS[SPREAD]);
    println!("own: without the request itself; one more: own cost of each task above the size before");
    println!("  tasks               all      own           one more             peak/mean per s   per 100 ms");
    for (size, count) in sizes.iter().enumerate() {
        for (this, variant) in VARIANTS.into_iter().enumerate() {
            let median = |figure: &dyn Fn(&[[Figures; 5]]) -> f64| median(&all, |sizes| figure(sizes));
            print!("{count:7} {variant:12} {:6.2}", median(&|sizes| sizes[size][this].processor_time));
            if this == STATUS {
                println!();
                continue;
            }
            let own_ratio = median(&|sizes| own(&sizes[size], this) / own(&sizes[size], SPREAD));
            print!(" {:8.2} {own_ratio:6.2}x", median(&|sizes| own(&sizes[size], this)));
            if let Some(before) = size.checked_sub(1) {
                let (more, fewer) = (*count as f64, sizes[before] as f64);
                let one_more = |sizes: &[[Figures; 5]], variant: usize| {
                    (own(&sizes[size], variant) * more - own(&sizes[before], variant) * fewer) / (more - fewer)
                };
                let ratio = median(&|sizes| one_more(sizes, this) / one_more(sizes, SPREAD));
                print!(" {:11.2} {ratio:6.2}x", median(&|sizes| one_more(sizes, this)));
            } else {
                print!(" {:>11} {:>7}", "-", "-");
            }
            println!(
                " {:17.3} {:12.3}",
                median(&|sizes| sizes[size][this].peak_per_second),
                median(&|sizes| sizes[size][this].peak_per_100_ms)
            );
        }
    }
}

/// In a process of its own, so that none gets the heap or the caches of another.
fn in_new_process(variant: &str, count: usize) -> Figures {
    let output = Command::new(env::current_exe().unwrap()).args([variant, &count.to_string()]).output().unwrap();
    assert!(output.status.success(), "{variant}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let figures: Vec<f64> = text.split_whitespace().map(|figure| figure.parse().unwrap()).collect();
    Figures { processor_time: figures[0], peak_per_second: figures[1], peak_per_100_ms: figures[2] }
}

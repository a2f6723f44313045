//! What a learned schedule costs per poll beside a fixed one, in user instructions. The gateway is in memory, the time is
//! paused.
//!
//! `learned_cost` measures each variant in two lengths, and prints the difference per poll. It needs valgrind.
//!
//! `learned_cost VARIANT POLLS` makes the polls of one variant.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::select_all;
use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{Client, History, RateLimit, Schedule, TaskId};
use luma_watch_benches::callgrind;
use luma_watch_benches::command_line::{self, CommandLine};
use tokio::time::sleep;

/// Watches of one kind. Their tasks are created together and never end.
#[derive(Clone, Copy)]
struct Variant {
    name: &'static str,
    /// Their age when the watches start. `None`: the schedule is fixed.
    learned_from_age: Option<Duration>,
    /// More than 16 watches that start together are staggered.
    tasks: usize,
    /// The number of schedules of one history, each with a mean delay of its own.
    targets: u16,
    /// Whether so few requests are allowed that all watches wait for permits.
    queued: bool,
}

/// Of the variants, each is compared with the last fixed one before it.
const VARIANTS: [Variant; 14] = [
    FIXED,
    LEARNED,
    Variant { name: "10 min", ..aged(10, LEARNED) },
    Variant { name: "5 intervals", targets: 5, ..FIXED },
    Variant { name: "5 targets", targets: 5, ..LEARNED },
    Variant { name: "fixed, staggered", ..STAGGERED },
    Variant { name: "staggered", ..aged(0, STAGGERED) },
    Variant { name: "staggered, 10 min", ..aged(10, STAGGERED) },
    Variant { name: "staggered, 1 h", ..aged(60, STAGGERED) },
    Variant { name: "staggered, 3 h", ..aged(180, STAGGERED) },
    Variant { name: "staggered, 100 intervals", targets: 100, ..STAGGERED },
    Variant { name: "staggered, 100 targets", targets: 100, ..aged(0, STAGGERED) },
    Variant { name: "fixed, queued", queued: true, ..STAGGERED },
    Variant { name: "queued", queued: true, ..aged(0, STAGGERED) },
];
const FIXED: Variant = Variant { name: "fixed", learned_from_age: None, tasks: 15, targets: 1, queued: false };
const LEARNED: Variant = Variant { name: "learned", ..aged(0, FIXED) };
const STAGGERED: Variant = Variant { tasks: 100, ..FIXED };

/// The same with a learned schedule, and tasks of this age.
const fn aged(minutes: u64, variant: Variant) -> Variant {
    Variant { learned_from_age: Some(Duration::from_secs(60 * minutes)), ..variant }
}

fn main() {
    let Some(CommandLine { words, in_full }) = command_line::read() else { return };
    if let [name, polls] = words.as_slice() {
        let variant = VARIANTS.iter().find(|variant| variant.name == name).expect("a variant");
        return run(variant, polls.parse().expect("a number of polls"));
    }
    if !in_full {
        return VARIANTS.iter().for_each(|variant| run(variant, 200));
    }
    if !callgrind::is_installed() {
        return println!("valgrind is not installed");
    }
    println!("instructions per poll          all   over the fixed schedule");
    let mut fixed = 0.0;
    for variant in &VARIANTS {
        let count = (instructions(variant, 2_200) - instructions(variant, 200)) / 2_000.0;
        if variant.learned_from_age.is_none() {
            fixed = count;
        }
        println!("{:25} {count:8.0} {:25.0}", variant.name, count - fixed);
    }
}

fn instructions(variant: &Variant, polls: usize) -> f64 {
    callgrind::instructions(|mut command| {
        let output = command.args([variant.name, &polls.to_string()]).output().unwrap();
        assert!(output.status.success(), "{}: {}", variant.name, String::from_utf8_lossy(&output.stderr));
    })
}

#[tokio::main(flavor = "current_thread")]
async fn run(variant: &Variant, polls: usize) {
    tokio::time::pause();
    let simulator = Simulator::new();
    let ids: Vec<TaskId> = (0..variant.tasks).map(|_| simulator.add(SimulatedTask::new().never_ends())).collect();
    sleep(variant.learned_from_age.unwrap_or_default()).await;
    let history: History = (0..40).map(|task| Duration::from_secs(200 + 5 * task)).collect();
    let mut builder = Client::builder("test-key").simulator(&simulator);
    if variant.queued {
        builder = builder.rate_limit(RateLimit::per(10, Duration::from_secs(10)));
    }
    let client = builder.build().unwrap();
    let clients: Vec<_> = (0..variant.targets)
        .map(|number| {
            let mean_delay = Duration::from_millis(15_000 + 10 * u64::from(number));
            let schedule = match variant.learned_from_age {
                Some(_) => Schedule::learned(&history).aim_for_delay(mean_delay),
                None => Schedule::every(2 * mean_delay),
            };
            client.with_schedule(schedule.no_max_wait()).unwrap()
        })
        .collect();
    let watches = ids.iter().zip(clients.iter().cycle()).map(|(id, client)| client.watch(id));
    assert_eq!(select_all(watches).take(polls).count().await, polls);
}

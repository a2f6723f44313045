//! What a shared rate limit gains: how many requests a gateway refuses that allows 20 in 10 s, and how late the end of a
//! task is known. It compares independent loops, loops behind one fair bucket, the rate limit of a client, and the same
//! with a schedule that has learned from 1,000 other tasks.
//!
//! `rate_limit [RATE …]` creates 10,000 tasks of about 5 minutes (lognormal, median 300 s, sigma 0.4) at random times, at
//! each rate in tasks per second. The gateway is in memory, the time is paused and the random numbers are seeded: the
//! figures are the same in each run.

use std::f64::consts::TAU;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{Client, History, RateLimit, Schedule, TaskId};
use luma_watch_benches::command_line::{self, CommandLine};
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, sleep, sleep_until};

const VARIANTS: [&str; 6] = ["loops", "fair bucket", "watches", "watch_all", "learned watches", "learned watch_all"];
const INTERVAL: Duration = Duration::from_secs(30);
const LIMIT: RateLimit = RateLimit::per(20, Duration::from_secs(10));

/// When a task is created, counted from the start, and how long it takes.
type Life = (Duration, Duration);

struct Figures {
    refused: f64,
    requests: f64,
    lost: usize,
    mean_delay: f64,
    p99_delay: f64,
}

fn main() {
    let Some(CommandLine { words, in_full }) = command_line::read() else { return };
    let (tasks, mut rates) = if in_full { (10_000, vec![0.15, 0.3, 0.5, 1.0]) } else { (60, vec![1.0]) };
    if !words.is_empty() {
        rates = words.iter().map(|rate| rate.parse().expect("a number of new tasks per second")).collect();
    }
    println!("new tasks   polled by          requests   refused   lost   delay: mean     p99   of the fair bucket's");
    println!("per second                       per task");
    for rate in rates {
        let lives = lives(tasks, rate, 1);
        let all = VARIANTS.map(|variant| run(variant, &lives));
        let fair = &all[1];
        for (variant, figures) in VARIANTS.iter().zip(&all) {
            let Figures { refused, requests, lost, mean_delay, p99_delay } = figures;
            println!(
                "{rate:10} {variant:17} {requests:10.1} {:8.1}% {lost:6} {mean_delay:12.1} s {p99_delay:6.0} s {:8.3}x",
                refused * 100.0,
                mean_delay / fair.mean_delay
            );
        }
        for ours in &all[2..] {
            assert!(ours.refused == 0.0 && ours.lost == 0, "a request was refused, or a task lost");
        }
        for learned in all[4..].iter().filter(|_| in_full && rate >= 0.3) {
            assert!(learned.mean_delay <= 0.6 * fair.mean_delay && learned.p99_delay <= fair.p99_delay, "too late");
        }
    }
}

/// Random, and the same in each run.
fn lives(count: usize, rate: f64, seed: u64) -> Vec<Life> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut created = 0.0;
    let mut unit = move || 1.0 - random.f64(); // never 0
    let life = |_| {
        created -= unit().ln() / rate;
        let normal = (-2.0 * unit().ln()).sqrt() * (TAU * unit()).cos();
        (Duration::from_secs_f64(created), Duration::from_secs_f64(300.0 * (0.4 * normal).exp()))
    };
    (0..count).map(life).collect()
}

#[tokio::main(flavor = "current_thread")]
async fn run(variant: &str, lives: &[Life]) -> Figures {
    tokio::time::pause();
    let simulator = Simulator::new();
    simulator.latency(Duration::from_millis(100)).rate_limit(LIMIT);
    let learned = variant.strip_prefix("learned ");
    // Tasks of the same distribution, but not the same tasks.
    let history = || crate::lives(1_000, 1.0, 2).into_iter().map(|(_, time)| time).collect::<History>();
    let schedule = learned.map_or_else(|| Schedule::every(INTERVAL), |_| Schedule::learned(&history())).no_max_wait();
    let builder = Client::builder("test-key").simulator(&simulator).schedule(schedule);
    let start = Instant::now();
    let (created, mut new) = mpsc::unbounded_channel();
    tokio::spawn(create(simulator.clone(), start, lives.to_vec(), created));
    let mut known: Vec<(TaskId, Duration)> = Vec::new();
    match learned.unwrap_or(variant) {
        "watch_all" => {
            let mut all = builder.rate_limit(LIMIT).build().unwrap().watch_all(Vec::<TaskId>::new());
            loop {
                tokio::select! {
                    Some(id) = new.recv() => drop(all.push(id)),
                    Some((id, event)) = all.next() => {
                        if event.is_terminal() {
                            known.push((id, start.elapsed()));
                        }
                    }
                    else => break,
                }
            }
        }
        "watches" | "loops" | "fair bucket" => {
            let watches = learned.unwrap_or(variant) == "watches";
            let client = if watches { builder.rate_limit(LIMIT) } else { builder }.build().unwrap();
            let bucket = (variant == "fair bucket").then(|| Arc::new(Mutex::new(start)));
            let (done, mut ends) = mpsc::unbounded_channel();
            while let Some(id) = new.recv().await {
                let (client, done, bucket) = (client.clone(), done.clone(), bucket.clone());
                tokio::spawn(async move {
                    if watches {
                        client.wait_until_done(&id).await.unwrap();
                    } else {
                        by_hand(&client, &id, bucket.as_deref()).await;
                    }
                    done.send((id, start.elapsed())).unwrap();
                });
            }
            drop(done);
            while let Some(end) = ends.recv().await {
                known.push(end);
            }
        }
        other => panic!("no variant {other}: there are {VARIANTS:?}"),
    }
    figures(&simulator, lives, &known)
}

async fn create(simulator: Simulator, start: Instant, lives: Vec<Life>, created: mpsc::UnboundedSender<TaskId>) {
    for (number, (at, time)) in lives.into_iter().enumerate() {
        sleep_until(start + at).await;
        let id = TaskId::from(number.to_string());
        simulator.add_as(&id, SimulatedTask::new().generates_for(time));
        created.send(id).unwrap();
    }
}

/// The usual loop. It treats a refused poll like any poll of a running task. With a bucket, polls go out in the order in
/// which they ask, one every half second.
async fn by_hand(client: &Client, id: &TaskId, bucket: Option<&Mutex<Instant>>) {
    loop {
        if let Some(bucket) = bucket {
            let mut next = bucket.lock().await;
            sleep_until(*next).await;
            *next = Instant::now() + Duration::from_millis(500);
        }
        if client.status(id).await.is_ok_and(|task| task.status().is_terminal()) {
            return;
        }
        sleep(INTERVAL).await;
    }
}

fn figures(simulator: &Simulator, lives: &[Life], known: &[(TaskId, Duration)]) -> Figures {
    let requests = simulator.requests();
    let refused = requests.iter().filter(|request| request.status == Some(429)).count();
    let delay = |(id, at): &(TaskId, Duration)| {
        let (created, time) = lives[id.as_str().parse::<usize>().unwrap()];
        at.saturating_sub(created + time).as_secs_f64()
    };
    let mut delays: Vec<_> = known.iter().map(delay).collect();
    delays.sort_by(f64::total_cmp);
    Figures {
        refused: refused as f64 / requests.len() as f64,
        requests: requests.len() as f64 / lives.len() as f64,
        lost: lives.len() - known.len(),
        mean_delay: delays.iter().sum::<f64>() / delays.len() as f64,
        p99_delay: delays[delays.len() * 99 / 100],
    }
}

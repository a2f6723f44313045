//! How long a `WatchAll` of many tasks keeps the thread of its runtime: the median and the longest call of `poll_next`, and
//! the longest turn, which is the calls that return an event, up to the first that returns none. And what `remove` costs
//! while many requests are in flight.
//!
//! The calls are measured in real time, without the time in which the thread waits for a processor. A longest call is the
//! least of several rounds: the system interrupts now and then. The gateway is in memory and the time paused, except over HTTP.
#![allow(clippy::unchecked_time_subtraction, clippy::disallowed_methods)]

use std::fs::File;
use std::future::poll_fn;
use std::os::unix::fs::FileExt;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt};
use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{Client, Schedule, TaskId};
use luma_watch_benches::command_line::{self, CommandLine};
use luma_watch_benches::gateway::{self, plain::Gateway};
use luma_watch_benches::hand_loop::KEY;
use luma_watch_benches::measure::median;
use tokio::time::timeout;

const MINUTE: Duration = Duration::from_mins(1);

fn main() {
    if gateway::serve_if_asked_to() {
        return;
    }
    let Some(CommandLine { in_full, .. }) = command_line::read() else { return };
    let (tasks, rounds) = if in_full { (100_000, 5) } else { (1_000, 1) };
    let plain = || Schedule::every(MINUTE / 2);
    println!("{tasks} tasks, over HTTP {}; microseconds", tasks / 50);
    println!("                                    calls   median     mean  longest  longest turn");
    let row = |name, calls: &dyn Fn() -> Calls| print_row(name, &(0..rounds).map(|_| calls()).collect::<Vec<_>>());
    row("start", &|| first(tasks, Duration::ZERO, plain(), MINUTE / 3));
    row("start, answers come together", &|| first(tasks, MINUTE / 60, plain(), MINUTE / 3));
    let late = || plain().first_poll_after(MINUTE / 6);
    row("all due at one time", &|| first(tasks, Duration::ZERO, late(), MINUTE / 3));
    row("all given up at one time", &|| first(tasks, MINUTE, plain().max_wait(MINUTE / 4), MINUTE / 2));
    row("later, 100 s", &|| later(tasks, plain()));
    #[cfg(feature = "callback")]
    row("all notified at one time", &|| notified(tasks));
    row("over HTTP: start, 1 s", &|| over_http(tasks / 50, Duration::ZERO));
    row("over HTTP: later, 1 s", &|| over_http(tasks / 50, MINUTE / 20));
    for in_flight in [100, 10_000] {
        let times: Vec<_> = (0..rounds).map(|_| remove(in_flight)).collect();
        println!("remove while {in_flight} requests are in flight: {:.2}", median(&times, |time| *time));
    }
}

fn print_row(name: &str, rounds: &[Calls]) {
    let us = |nanos: u64| nanos as f64 / 1e3;
    let least = |figure: &dyn Fn(&Calls) -> u64| us(rounds.iter().map(figure).min().unwrap());
    println!(
        "{name:30} {:10} {:8.2} {:8.2} {:8.0} {:13.0}",
        rounds[0].nanos.len(),
        median(rounds, |calls| us(calls.nanos[calls.nanos.len() / 2])),
        median(rounds, |calls| us(calls.nanos.iter().sum()) / calls.nanos.len() as f64),
        least(&|calls| *calls.nanos.last().unwrap()),
        least(&|calls| calls.longest_turn),
    );
}

fn gateway(tasks: usize, latency: Duration, schedule: Schedule) -> (Client, Vec<TaskId>) {
    let simulator = Simulator::new();
    simulator.latency(latency);
    let mut ids: Vec<TaskId> = (0..tasks).map(|_| simulator.add(SimulatedTask::new().never_ends())).collect();
    fastrand::Rng::with_seed(1).shuffle(&mut ids);
    let client = Client::builder("test-key").simulator(&simulator).max_in_flight(tasks).schedule(schedule);
    (client.request_timeout(MINUTE / 4).build().unwrap(), ids)
}

/// The first calls, for this time.
#[tokio::main(flavor = "current_thread")]
async fn first(tasks: usize, latency: Duration, schedule: Schedule, period: Duration) -> Calls {
    tokio::time::pause();
    let (client, ids) = gateway(tasks, latency, schedule);
    Calls::of(client.watch_all(&ids), period).await
}

/// In a time in which the simulator's list of requests does not grow to twice its size, which takes 30 ms.
#[tokio::main(flavor = "current_thread")]
async fn later(tasks: usize, schedule: Schedule) -> Calls {
    tokio::time::pause();
    let (client, ids) = gateway(tasks, Duration::ZERO, schedule);
    let mut all = client.watch_all(&ids);
    Calls::of(&mut all, MINUTE * 11 / 4).await;
    Calls::of(&mut all, MINUTE * 5 / 3).await
}

/// All tasks are notified at once, in the middle of their pauses.
#[cfg(feature = "callback")]
#[tokio::main(flavor = "current_thread")]
async fn notified(tasks: usize) -> Calls {
    tokio::time::pause();
    let (client, ids) = gateway(tasks, Duration::ZERO, Schedule::every(60 * MINUTE).no_max_wait());
    let mut all = client.watch_all(&ids);
    Calls::of(&mut all, MINUTE).await;
    assert_eq!(ids.iter().map(|id| client.poll_now(id)).sum::<usize>(), tasks);
    Calls::of(&mut all, MINUTE).await
}

/// One second, this long after the start. The first requests open connections.
#[tokio::main(flavor = "current_thread")]
async fn over_http(tasks: usize, after: Duration) -> Calls {
    let gateway = Gateway::start();
    let client = Client::builder(KEY).base_url(gateway.url()).schedule(Schedule::every(MINUTE / 60)).build().unwrap();
    let mut all = client.watch_all((0..tasks).map(|task| format!("task{task}")));
    Calls::of(&mut all, after).await;
    Calls::of(&mut all, MINUTE / 60).await
}

#[derive(Default)]
struct Calls {
    /// What each took, the shortest first.
    nanos: Vec<u64>,
    longest_turn: u64,
}

impl Calls {
    async fn of(events: impl Stream, period: Duration) -> Self {
        let (mut calls, mut turn, waiting) = (Self::default(), 0, WaitingTime::new());
        let mut events = pin!(events);
        let watch = async {
            loop {
                let event = poll_fn(|cx| {
                    let (waited, before) = (waiting.nanos(), Instant::now());
                    let event = events.as_mut().poll_next(cx);
                    let took = u64::try_from(before.elapsed().as_nanos()).unwrap();
                    let took = took.saturating_sub(waiting.nanos() - waited);
                    calls.nanos.push(took);
                    turn += took;
                    calls.longest_turn = calls.longest_turn.max(turn);
                    if event.is_pending() {
                        turn = 0;
                    }
                    event
                });
                if event.await.is_none() {
                    break;
                }
            }
        };
        drop(timeout(period, watch).await);
        calls.nanos.sort_unstable();
        calls
    }
}

/// For how long this thread has waited for a processor.
struct WaitingTime(File);

impl WaitingTime {
    fn new() -> Self {
        Self(File::open("/proc/thread-self/schedstat").expect("Linux's /proc"))
    }

    fn nanos(&self) -> u64 {
        let mut stat = [0; 64];
        let length = self.0.read_at(&mut stat, 0).unwrap();
        let stat = std::str::from_utf8(&stat[..length]).unwrap();
        stat.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

/// Microseconds per `remove` while this number of requests is in flight, in random order.
#[tokio::main(flavor = "current_thread")]
async fn remove(in_flight: usize) -> f64 {
    tokio::time::pause();
    let (client, mut ids) = gateway(in_flight, MINUTE, Schedule::every(MINUTE / 2));
    let mut all = client.watch_all(&ids);
    assert!(timeout(Duration::from_secs(1), all.next()).await.is_err());
    fastrand::Rng::with_seed(2).shuffle(&mut ids);
    ids.truncate(1_000);
    let before = Instant::now();
    for id in &ids {
        assert!(all.remove(id));
    }
    before.elapsed().as_secs_f64() * 1e6 / ids.len() as f64
}

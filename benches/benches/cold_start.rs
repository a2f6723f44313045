//! What a program's first second costs: connections opened and the time of the first events when 1,000 watches start at
//! once, over TLS with HTTP/2 offered; and how many requests of 300 watches are refused by a gateway that allows 40
//! requests per second, over plain HTTP/1.1.
//!
//! `cold_start [tls | refused]` measures both, or one of them. `cold_start MODE COUNT URL` is one run over TLS, in a process
//! with `SSL_CERT_FILE` set to the gateway's certificate: `cold`, or `warm` with one `status()` first.

use std::env;
use std::process::Command;
use std::time::Duration;

use futures::StreamExt;
use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{Client, RateLimit, Schedule, TaskId};
use luma_watch_benches::command_line::{self, CommandLine};
use luma_watch_benches::gateway::{self, tls};
use luma_watch_benches::hand_loop::{KEY, TASK_ID};
use luma_watch_benches::measure::median;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

const MODES: [&str; 2] = ["cold", "warm"];
/// Until when requests count as the opening burst.
const OPENING: Duration = Duration::from_secs(5);

fn main() {
    if gateway::serve_if_asked_to() {
        return;
    }
    let Some(CommandLine { words, in_full }) = command_line::read() else { return };
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => {
            over_tls(in_full);
            refused(in_full);
        }
        ["tls"] => over_tls(in_full),
        ["refused"] => refused(in_full),
        [mode, count, url] => {
            let [first, last] = first_events(mode, count.parse().expect("a count"), url);
            println!("{} {}", first.as_secs_f64() * 1_000.0, last.as_secs_f64() * 1_000.0);
        }
        other => panic!("no such measurement: {other:?}"),
    }
}

/// When the first of all watches has its first event, and the last.
#[tokio::main(flavor = "current_thread")]
async fn first_events(mode: &str, count: usize, url: &str) -> [Duration; 2] {
    let client = Client::builder(KEY).base_url(url).build().unwrap();
    let start = Instant::now();
    if mode == "warm" {
        client.status(TASK_ID).await.unwrap();
    }
    let (sender, mut events) = mpsc::unbounded_channel();
    for number in 0..count {
        let (mut watch, sender) = (client.watch(format!("{number:032x}")), sender.clone());
        tokio::spawn(async move {
            let event = watch.next().await.unwrap();
            sender.send((start.elapsed(), event)).unwrap();
        });
    }
    drop(sender);
    let mut times = Vec::new();
    while let Some((at, event)) = events.recv().await {
        assert!(event.task().is_some(), "{event:?}");
        times.push(at);
    }
    assert_eq!(times.len(), count);
    [times[0], times[count - 1]]
}

struct Start {
    connections: usize,
    first_ms: f64,
    last_ms: f64,
}

fn start(mode: &str, count: usize) -> Start {
    let mut gateway = tls::Gateway::start(Some(tls::DEFAULT_STREAMS));
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([mode, &count.to_string(), gateway.url()]).env("SSL_CERT_FILE", tls::CERTIFICATE_FILE);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let (first, last) = text.trim().split_once(' ').expect("two numbers");
    let counts = gateway.counts();
    assert_eq!(counts.over_http1, 0, "not over HTTP/2");
    Start { connections: counts.connections, first_ms: first.parse().unwrap(), last_ms: last.parse().unwrap() }
}

fn over_tls(in_full: bool) {
    let (count, rounds) = if in_full { (1_000, 5) } else { (20, 1) };
    let starts: Vec<[Start; 2]> = (0..rounds).map(|_| MODES.map(|mode| start(mode, count))).collect();
    println!("{count} watches start at once over TLS, HTTP/2 offered; median of {rounds}:");
    println!("                       connections   first event, ms   last first event, ms");
    for (mode, name) in ["all at once", "one status() first"].into_iter().enumerate() {
        let median = |figure: fn(&Start) -> f64| median(&starts, |starts| figure(&starts[mode]));
        let [connections, first, last] =
            [median(|start| start.connections as f64), median(|start| start.first_ms), median(|start| start.last_ms)];
        println!("{name:20} {connections:13} {first:17.1} {last:22.1}");
    }
    let ratio = |figure: fn(&Start) -> f64| median(&starts, |[cold, warm]| figure(cold) / figure(warm));
    println!("ratio {:46.2} {:22.2}", ratio(|start| start.first_ms), ratio(|start| start.last_ms));
}

/// The simulator serves HTTP/1.1 in this process.
#[tokio::main(flavor = "current_thread")]
async fn refused(in_full: bool) {
    let (count, opening) = if in_full { (300, OPENING) } else { (60, OPENING / 10) };
    for round_trip in [20, 200].map(Duration::from_millis) {
        let simulator = Simulator::new();
        simulator.latency(round_trip).rate_limit(RateLimit::per(40, Duration::from_secs(1)));
        let server = simulator.serve().await.unwrap();
        let ids: Vec<TaskId> = (0..count).map(|_| simulator.add(SimulatedTask::new().never_ends())).collect();
        let schedule = Schedule::default().no_max_wait();
        let client = Client::builder("test-key").base_url(server.url()).schedule(schedule).build().unwrap();
        let watches: Vec<_> = ids.iter().map(|id| tokio::spawn(client.watch(id).for_each(|_| async {}))).collect();
        sleep(opening).await;
        for watch in watches {
            watch.abort();
        }
        let requests = simulator.requests();
        let refused = requests.iter().filter(|request| request.status == Some(429)).count();
        println!(
            "{count} watches, 40 requests per second allowed, round trip {round_trip:?}: {refused} of {} requests refused \
             in the first {opening:?}",
            requests.len()
        );
    }
}

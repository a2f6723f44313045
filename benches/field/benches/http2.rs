//! What a poll costs the client where 1,000 go out at once, over HTTP/2 and over HTTP/1.1: processor time of its thread.
//!
//! Two gateways behind TLS, alike but that one offers HTTP/2 and the other does not; the client takes what is offered.
//!
//! It does so on open connections, and once on none: "at first".
//!
//! `http2 [STREAMS]` compares, with so many streams at once as that gateway allows. `http2 WAY ROUNDS` makes the polls
//! of one way alone, for a profiler.
#![allow(clippy::cast_precision_loss)]

#[path = "../../command/mod.rs"]
mod command;
#[path = "../../peers/mod.rs"]
mod peers;
#[path = "../../gateway/record.rs"]
mod record;
mod tls;

use std::fs;
use std::time::Duration;

use futures::future::join_all;
use luma_watch::Client;
use tokio::runtime::Runtime;

use peers::KEY;
use tls::{Gateway, Seen};

const ID: &str = "774d9a7dd608a0e49293903095e45a4c";
/// hyper's default.
const STREAMS: u32 = 200;
/// In which the connections of a round go back to the pool; those not there in the next one are replaced by new ones.
const SETTLE: Duration = Duration::from_millis(50);

fn main() {
    if tls::serve_if_asked_to() {
        return;
    }
    let Some(command::Command { words, in_full }) = command::read() else { return };
    let (polls, rounds) = if in_full { (1_000, 60) } else { (50, 1) };
    check_files(polls);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match words.as_slice() {
        [] => compare(&runtime, STREAMS, polls, rounds),
        [streams] => compare(&runtime, streams.parse().expect("a number of streams"), polls, rounds),
        [way, rounds, ..] => {
            let streams = match way.as_str() {
                "http2" => Some(STREAMS),
                "http1" => None,
                other => panic!("no way {other}: there are http2 and http1"),
            };
            let mut way = Way::new(&runtime, streams, 1_000);
            way.warm_up();
            for _ in 0..rounds.parse().expect("a number of rounds") {
                way.status();
            }
            println!("{:?}", way.seen());
        }
    }
}

/// Processor time of this thread so far, which Linux counts in nanoseconds.
fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux's /proc");
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}

/// One gateway, and two ways to ask it.
struct Way<'a> {
    runtime: &'a Runtime,
    gateway: Gateway,
    http: reqwest::Client,
    client: Client,
    polls: usize,
}

impl<'a> Way<'a> {
    /// Without a connection so far.
    fn new(runtime: &'a Runtime, streams: Option<u32>, polls: usize) -> Self {
        let gateway = Gateway::start(streams);
        let _context = runtime.enter();
        let http = http(gateway.certificate());
        let builder = Client::builder(KEY).base_url(gateway.url()).http_client(http.clone());
        let client = builder.max_in_flight(polls).build().unwrap();
        Self { runtime, gateway, http, client, polls }
    }

    /// Opens what a round needs: of HTTP/2 one connection, of HTTP/1.1 as many as there are polls.
    fn warm_up(&mut self) {
        // The first alone: together each would open a connection, to find only then that one is enough.
        self.at_once(1, || ask(self.client.clone()));
        let mut opened = 0;
        for _ in 0..10 {
            self.status();
            let before = std::mem::replace(&mut opened, self.seen().connections);
            if before == opened {
                return;
            }
        }
        panic!("{opened} connections, and ever more");
    }

    /// What the gateway has seen, once nothing more comes of the rounds so far: a connection may still be opening for a
    /// poll that another one took.
    fn seen(&mut self) -> Seen {
        let rest = Duration::from_millis(self.polls as u64);
        self.runtime.block_on(async { tokio::time::sleep(rest).await });
        self.gateway.seen()
    }

    /// This crate's poll.
    fn status(&self) -> f64 {
        self.at_once(self.polls, || ask(self.client.clone()))
    }

    /// reqwest's GET and `serde_json`, over the same connections.
    fn bare(&self) -> f64 {
        let url = peers::url(self.gateway.url(), ID);
        self.at_once(self.polls, || {
            let (http, url) = (self.http.clone(), url.clone());
            async move { assert_eq!(peers::bare(&http, &url).await, 0) }
        })
    }

    /// Microseconds for each, in a task of its own.
    fn at_once<F: Future<Output = ()> + Send + 'static>(&self, polls: usize, poll: impl Fn() -> F) -> f64 {
        let all = join_all((0..polls).map(|_| poll()));
        let before = processor_time();
        self.runtime.block_on(async {
            tokio::spawn(all).await.unwrap();
            // The last connections go back into the pool: that belongs to it.
            tokio::time::sleep(SETTLE).await;
        });
        processor_time().saturating_sub(before).as_secs_f64() * 1e6 / polls as f64
    }
}

async fn ask(client: Client) {
    assert!(!client.status(ID).await.unwrap().status().is_terminal());
}

/// As this crate sets up its own, but that one does not trust the gateway's certificate.
fn http(certificate: &str) -> reqwest::Client {
    reqwest::Client::builder()
        .tls_certs_merge([reqwest::Certificate::from_pem(certificate.as_bytes()).unwrap()])
        .referer(false)
        .retry(reqwest::retry::never().max_retries_per_request(0))
        .http2_keep_alive_interval(Duration::from_secs(10))
        .http2_keep_alive_timeout(Duration::from_secs(5))
        .no_proxy()
        .build()
        .unwrap()
}

fn compare(runtime: &Runtime, streams: u32, polls: usize, rounds: usize) {
    println!("processor time of a poll where {polls} go out at once, {streams} streams over HTTP/2:");
    println!("                  HTTP/1.1     HTTP/2  HTTP/2 over HTTP/1.1");
    let row =
        |name, [http1, http2]: [f64; 2], ratio| println!("{name:16} {http1:6.1} us  {http2:6.1} us {ratio:10.3}x");
    let ways = || [None, Some(streams)].map(|streams| Way::new(runtime, streams, polls));
    let first = ways().map(|mut way| (way.status(), way.seen()));
    let [http1, http2] = first.map(|(cost, _)| cost);
    row("status, at first", [http1, http2], http2 / http1);
    let mut ways = ways();
    let before = ways.each_mut().map(|way| {
        way.warm_up();
        way.seen()
    });
    let turns: Vec<_> = (0..rounds).map(|round| turn(&ways, round)).collect();
    let after = ways.each_mut().map(Way::seen);
    let median = |of: &dyn Fn(&[[f64; 2]; 2]) -> f64| {
        let mut values: Vec<_> = turns.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[rounds / 2]
    };
    for (one, name) in ["status", "bare"].into_iter().enumerate() {
        let costs = [0, 1].map(|way| median(&|turn| turn[way][one]));
        row(name, costs, median(&|turn| turn[1][one] / turn[0][one]));
    }
    let connections = |seen: [Seen; 2]| seen.map(|seen| seen.connections);
    println!(
        "connections opened at first {:?}, later {:?}",
        connections(first.map(|(_, seen)| seen)),
        connections(after)
    );
    assert_eq!(connections(before), connections(after), "connections opened meanwhile");
    assert_eq!(after[1].connections, 1, "connections of HTTP/2");
    let asked = 2 * polls * rounds;
    assert_eq!(after[0].over_http1 - before[0].over_http1, asked);
    assert_eq!(after[1].over_http2 - before[1].over_http2, asked);
    assert_eq!((after[0].over_http2, after[1].over_http1), (0, 0));
}

/// A round of each. Who comes first finds other caches than who comes second, so they take turns in that.
fn turn(ways: &[Way<'_>; 2], round: usize) -> [[f64; 2]; 2] {
    let mut costs = [[0.0; 2]; 2];
    for way in [round % 2, 1 - round % 2] {
        costs[way] = [ways[way].status(), ways[way].bare()];
    }
    costs
}

/// Over HTTP/1.1 each poll needs a connection, and those of a way that has gone are closed a little later.
fn check_files(polls: usize) {
    let limits = fs::read_to_string("/proc/self/limits").expect("Linux's /proc");
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next()).unwrap();
    let needed = 2 * polls + 100;
    assert!(
        limit.parse().map_or(true, |limit: usize| limit >= needed),
        "needs {needed} open files: ulimit -n {needed}"
    );
}

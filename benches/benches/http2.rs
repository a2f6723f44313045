//! The cost of a poll when 1,000 polls start at once, over HTTP/2 and over HTTP/1.1: processor time of the client's
//! thread.
//!
//! There are two gateways over TLS. They differ only in that one offers HTTP/2. The client takes HTTP/2 where it is
//! offered. Polls run on open connections; the row "at first" is one round without open connections.
//!
//! `http2 [STREAMS]` compares the two. STREAMS is the number of concurrent streams that the gateway allows.
//! `http2 PROTOCOL ROUNDS` makes the polls over `http2` or `http1` alone, for a profiler.

use std::fs;
use std::time::Duration;

use futures::future::join_all;
use luma_watch::Client;
use luma_watch_benches::command_line::{self, CommandLine};
use luma_watch_benches::gateway::{self, tls};
use luma_watch_benches::hand_loop::{self, KEY, TASK_ID};
use luma_watch_benches::measure::{median, processor_time};
use tokio::runtime::Runtime;

/// The pause after a round, in which its connections go back to the pool. The next round would open a new connection
/// for each that is missing.
const SETTLE: Duration = Duration::from_millis(50);

fn main() {
    if gateway::serve_if_asked_to() {
        return;
    }
    let Some(CommandLine { words, in_full }) = command_line::read() else { return };
    let (polls, rounds) = if in_full { (1_000, 60) } else { (50, 1) };
    check_files(polls);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match words.as_slice() {
        [] => compare(&runtime, tls::DEFAULT_STREAMS, polls, rounds),
        [streams] => compare(&runtime, streams.parse().expect("a number of streams"), polls, rounds),
        [protocol, rounds, ..] => {
            let streams = match protocol.as_str() {
                "http2" => Some(tls::DEFAULT_STREAMS),
                "http1" => None,
                other => panic!("no protocol {other}: there are http2 and http1"),
            };
            let mut setup = Setup::new(&runtime, streams, 1_000);
            setup.warm_up();
            for _ in 0..rounds.parse().expect("a number of rounds") {
                setup.status();
            }
            println!("{:?}", setup.counts());
        }
    }
}

/// One gateway, and two clients of it that share their connections.
struct Setup<'a> {
    runtime: &'a Runtime,
    gateway: tls::Gateway,
    http: reqwest::Client,
    client: Client,
    polls: usize,
}

impl<'a> Setup<'a> {
    /// Opens no connection yet. `streams` is the number of concurrent HTTP/2 streams. `None`: HTTP/1.1.
    fn new(runtime: &'a Runtime, streams: Option<u32>, polls: usize) -> Self {
        let gateway = tls::Gateway::start(streams);
        let _context = runtime.enter();
        let http = http();
        let builder = Client::builder(KEY).base_url(gateway.url()).http_client(http.clone());
        let client = builder.max_in_flight(polls).build().unwrap();
        Self { runtime, gateway, http, client, polls }
    }

    /// Opens the connections of a round: one for HTTP/2, one for each poll over HTTP/1.1.
    fn warm_up(&mut self) {
        // One poll first: with all at once each opens a connection, and learns only then that one is enough.
        self.at_once(1, || status(self.client.clone()));
        let mut opened = 0;
        for _ in 0..10 {
            self.status();
            let before = std::mem::replace(&mut opened, self.counts().connections);
            if before == opened {
                return;
            }
        }
        panic!("{opened} connections, and each round opens more");
    }

    /// The gateway's counts. It waits first: a connection may still be opening for a poll that used another one.
    fn counts(&mut self) -> tls::Counts {
        let pause = Duration::from_millis(self.polls as u64);
        self.runtime.block_on(async { tokio::time::sleep(pause).await });
        self.gateway.counts()
    }

    /// The library's poll. Returns microseconds per poll.
    fn status(&self) -> f64 {
        self.at_once(self.polls, || status(self.client.clone()))
    }

    /// reqwest's GET and `serde_json`, over the same connections. Returns microseconds per poll.
    fn bare(&self) -> f64 {
        let url = hand_loop::url(self.gateway.url(), TASK_ID);
        self.at_once(self.polls, || {
            let (http, url) = (self.http.clone(), url.clone());
            async move { assert_eq!(hand_loop::bare(&http, &url).await, 0) }
        })
    }

    /// Makes all polls at once in one task. Returns microseconds per poll.
    fn at_once<F: Future<Output = ()> + Send + 'static>(&self, polls: usize, poll: impl Fn() -> F) -> f64 {
        let all = join_all((0..polls).map(|_| poll()));
        let before = processor_time();
        self.runtime.block_on(async {
            tokio::spawn(all).await.unwrap();
            // The return of the connections to the pool is part of the cost.
            tokio::time::sleep(SETTLE).await;
        });
        processor_time().saturating_sub(before).as_secs_f64() * 1e6 / polls as f64
    }
}

async fn status(client: Client) {
    assert!(!client.status(TASK_ID).await.unwrap().status().is_terminal());
}

/// The library's own settings, and the gateway's certificate to trust.
fn http() -> reqwest::Client {
    reqwest::Client::builder()
        .tls_certs_merge([reqwest::Certificate::from_pem(tls::CERTIFICATE.as_bytes()).unwrap()])
        .referer(false)
        .retry(reqwest::retry::never().max_retries_per_request(0))
        .http2_keep_alive_interval(Duration::from_secs(10))
        .http2_keep_alive_timeout(Duration::from_secs(5))
        .no_proxy()
        .build()
        .unwrap()
}

fn compare(runtime: &Runtime, streams: u32, polls: usize, rounds: usize) {
    println!("processor time per poll, {polls} polls at once, {streams} streams over HTTP/2:");
    println!("                  HTTP/1.1     HTTP/2  HTTP/2 over HTTP/1.1");
    let row =
        |name, [http1, http2]: [f64; 2], ratio| println!("{name:16} {http1:6.1} us  {http2:6.1} us {ratio:10.3}x");
    let setups = || [None, Some(streams)].map(|streams| Setup::new(runtime, streams, polls));
    let first = setups().map(|mut setup| (setup.status(), setup.counts()));
    let [http1, http2] = first.map(|(cost, _)| cost);
    row("status, at first", [http1, http2], http2 / http1);
    let mut setups = setups();
    let before = setups.each_mut().map(|setup| {
        setup.warm_up();
        setup.counts()
    });
    let costs: Vec<_> = (0..rounds).map(|round| measure(&setups, round)).collect();
    let after = setups.each_mut().map(Setup::counts);
    for (poll, name) in ["status", "bare"].into_iter().enumerate() {
        let medians = [0, 1].map(|protocol| median(&costs, |costs| costs[protocol][poll]));
        row(name, medians, median(&costs, |costs| costs[1][poll] / costs[0][poll]));
    }
    let connections = |counts: [tls::Counts; 2]| counts.map(|counts| counts.connections);
    println!(
        "connections opened at first {:?}, later {:?}",
        connections(first.map(|(_, counts)| counts)),
        connections(after)
    );
    // How many polls are in flight in one moment differs a little from round to round.
    let opened = after[0].connections - before[0].connections;
    assert!(opened <= polls / 10, "{opened} connections opened during the measurement");
    assert_eq!(after[1].connections, 1, "connections of HTTP/2");
    let requests = 2 * polls * rounds;
    assert_eq!(after[0].over_http1 - before[0].over_http1, requests);
    assert_eq!(after[1].over_http2 - before[1].over_http2, requests);
    assert_eq!((after[0].over_http2, after[1].over_http1), (0, 0));
}

/// One round of both protocols. They change places each round: the first one finds other contents in the caches.
fn measure(setups: &[Setup<'_>; 2], round: usize) -> [[f64; 2]; 2] {
    let mut costs = [[0.0; 2]; 2];
    for protocol in [round % 2, 1 - round % 2] {
        costs[protocol] = [setups[protocol].status(), setups[protocol].bare()];
    }
    costs
}

/// Over HTTP/1.1 each poll needs a connection, and the connections of the first round close with a delay.
fn check_files(polls: usize) {
    let limits = fs::read_to_string("/proc/self/limits").expect("Linux's /proc");
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next()).unwrap();
    let needed = 2 * polls + 100;
    assert!(
        limit.parse().map_or(true, |limit: usize| limit >= needed),
        "needs {needed} open files: ulimit -n {needed}"
    );
}

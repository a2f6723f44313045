//! User instructions and heap allocations per poll: of this library, of the hand-written loop, and of the peers.
//!
//! `instructions` measures each variant in two lengths. The difference is what a poll costs: the cost of the start is in
//! both. It counts instructions with callgrind if valgrind is installed.
//!
//! `instructions VARIANT POLLS [URL]` makes the polls of one variant and prints its number of allocations. The variants
//! that end in `-http2` need the environment variable `SSL_CERT_FILE` set to the gateway's certificate
//! (`src/gateway/certificate.pem`).

use std::alloc::System;
use std::env;
use std::io;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use luma_watch::{Client, Schedule, StatusEvent, TaskId};
use luma_watch_benches::callgrind;
use luma_watch_benches::command_line::{self, CommandLine};
use luma_watch_benches::gateway::{self, plain, tls};
use luma_watch_benches::hand_loop::{self, KEY, KeepPolling, TASK_ID};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tracing_subscriber::filter::LevelFilter;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What is measured, and the variant that it is compared with.
const VARIANTS: &[(&str, &str)] = &[
    ("bare", "hand"),
    ("hand", "hand"),
    #[cfg(feature = "peers")]
    ("lro", "hand"),
    #[cfg(feature = "peers")]
    ("azure", "hand"),
    #[cfg(feature = "peers")]
    ("backon", "hand"),
    ("status", "hand"),
    ("watch", "hand"),
    ("hand-info", "hand-info"),
    ("watch-info", "hand-info"),
    ("hand-http2", "hand-http2"),
    ("watch-http2", "hand-http2"),
];
/// A subscriber that formats what is logged at INFO, and discards the text.
const INFO: &str = "-info";
/// Over TLS to a gateway that offers HTTP/2.
const HTTP2: &str = "-http2";
/// The shortest pause of tokio's timer. A longer one costs no more instructions.
const PAUSE: Duration = Duration::from_millis(1);

fn main() {
    if gateway::serve_if_asked_to() {
        return;
    }
    let Some(CommandLine { words, in_full }) = command_line::read() else { return };
    if let [variant, polls, url @ ..] = words.as_slice() {
        let gateways = url.is_empty().then(Gateways::start);
        let url = gateways.as_ref().map_or_else(|| url[0].as_str(), |gateways| gateways.url(variant));
        println!("{}", run(variant, polls.parse().expect("a number of polls"), url.to_owned().leak()));
    } else {
        compare(if in_full { [200, 2200] } else { [10, 30] }, in_full);
    }
}

struct Gateways {
    plain: plain::Gateway,
    tls: tls::Gateway,
}

impl Gateways {
    fn start() -> Self {
        Self { plain: plain::Gateway::start(), tls: tls::Gateway::start(Some(tls::DEFAULT_STREAMS)) }
    }

    fn url(&self, variant: &str) -> &str {
        if variant.ends_with(HTTP2) { self.tls.url() } else { self.plain.url() }
    }
}

/// Makes the polls in a task of its own, and returns the number of allocations of the process.
#[tokio::main(flavor = "current_thread")]
async fn run(variant: &str, polls: usize, url: &'static str) -> usize {
    if variant.ends_with(INFO) {
        tracing_subscriber::fmt().with_max_level(LevelFilter::INFO).with_writer(io::sink).init();
    }
    let client = || {
        let schedule = Schedule::every(PAUSE).no_max_wait();
        Client::builder(KEY).base_url(url).schedule(schedule).build().unwrap()
    };
    // With the library's own pings, which cost instructions over HTTP/2 only.
    let http = || {
        let builder = reqwest::Client::builder().no_proxy().http2_keep_alive_interval(Duration::from_secs(10));
        builder.http2_keep_alive_timeout(Duration::from_secs(5)).build().unwrap()
    };
    let task = match variant.trim_end_matches(INFO).trim_end_matches(HTTP2) {
        "bare" => {
            let (http, url) = (http(), hand_loop::url(url, TASK_ID));
            tokio::spawn(async move {
                for _ in 0..polls {
                    assert_eq!(hand_loop::bare(&http, &url).await, 0);
                }
            })
        }
        "status" => {
            let (client, id) = (client(), TaskId::from(TASK_ID));
            tokio::spawn(async move {
                for _ in 0..polls {
                    assert!(!client.status(&id).await.unwrap().status().is_terminal());
                }
            })
        }
        "watch" => {
            let mut watch = client().watch(TASK_ID);
            tokio::spawn(async move {
                for _ in 0..polls {
                    let event = watch.next().await;
                    assert!(matches!(event, Some(StatusEvent::Generating(_))), "{event:?}");
                }
            })
        }
        "hand" => tokio::spawn(hand_loop::run(http(), url, TASK_ID.to_owned(), PAUSE, countdown(polls))),
        #[cfg(feature = "peers")]
        peer => {
            luma_watch_benches::peers::Peers::new(http(), url, PAUSE).spawn(peer, TASK_ID.to_owned(), countdown(polls))
        }
        #[cfg(not(feature = "peers"))]
        other => panic!("no variant {other}: there are {VARIANTS:?}"),
    };
    task.await.unwrap();
    let heap = ALLOCATOR.stats();
    heap.allocations + heap.reallocations
}

/// Keeps polling until this number of polls is made.
fn countdown(polls: usize) -> impl KeepPolling {
    let left = Arc::new(AtomicUsize::new(polls));
    move |_| left.fetch_sub(1, Ordering::Relaxed) > 1
}

struct Row {
    variant: &'static str,
    compared_with: &'static str,
    allocations: f64,
    instructions: Option<f64>,
}

fn compare(lengths: [usize; 2], in_full: bool) {
    let mut gateways = Gateways::start();
    let valgrind = callgrind::is_installed();
    if in_full && !valgrind {
        println!("valgrind is not installed: allocations only");
    }
    let per_poll =
        |count: &dyn Fn(usize) -> f64| (count(lengths[1]) - count(lengths[0])) / (lengths[1] - lengths[0]) as f64;
    let measure = |&(variant, compared_with): &(&'static str, &'static str)| {
        let url = gateways.url(variant);
        let allocations = per_poll(&|polls| allocations(variant, polls, url));
        let instructions = (in_full && valgrind).then(|| per_poll(&|polls| instructions(variant, polls, url)));
        assert!(allocations > 1.0 && instructions.is_none_or(|count| count > 1000.0), "{variant} did not poll");
        Row { variant, compared_with, allocations, instructions }
    };
    let rows: Vec<_> = VARIANTS.iter().map(measure).collect();
    let counts = gateways.tls.counts();
    assert!(counts.over_http1 == 0 && counts.over_http2 > 0, "not over HTTP/2: {counts:?}");
    println!("per poll     allocations   of hand  instructions   of hand");
    for Row { variant, compared_with, allocations, instructions } in &rows {
        let hand = rows.iter().find(|row| row.variant == *compared_with).unwrap();
        print!("{variant:12} {allocations:11.1} {:8.2}x", allocations / hand.allocations);
        match instructions.zip(hand.instructions) {
            Some((count, by_hand)) => println!(" {count:13.0} {:8.3}x", count / by_hand),
            None => println!("             -         -"),
        }
    }
}

/// Makes the polls of one variant in a process of its own: `command` starts this program.
fn start(mut command: Command, variant: &str, polls: usize, url: &str) -> Output {
    if variant.ends_with(HTTP2) {
        command.env("SSL_CERT_FILE", tls::CERTIFICATE_FILE);
    }
    let output = command.args([variant, &polls.to_string(), url]).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn allocations(variant: &str, polls: usize, url: &str) -> f64 {
    let output = start(Command::new(env::current_exe().unwrap()), variant, polls, url);
    String::from_utf8(output.stdout).unwrap().trim().parse().expect("a count")
}

fn instructions(variant: &str, polls: usize, url: &str) -> f64 {
    callgrind::instructions(|command| drop(start(command, variant, polls, url)))
}

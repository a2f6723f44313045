//! The memory of an idle watch: bytes of heap and resident bytes, beside the hand-written loop and the peers.
//!
//! `memory` measures each variant in a process of its own, so that none gets the freed heap of another.
//!
//! `memory VARIANT COUNT` polls COUNT tasks once each over loopback HTTP, and prints the bytes that all of them hold in
//! the pause after that.

use std::alloc::System;
use std::collections::HashMap;
use std::env;
use std::fs;
use std::mem::size_of;
use std::process::Command;
use std::time::Duration;

use futures::stream::SelectAll;
use futures::{Stream, StreamExt};
use luma_watch::{Client, Schedule, StatusEvent, TaskId, Watch, WatchAll};
use luma_watch_benches::command_line::{self, CommandLine};
use luma_watch_benches::gateway::{self, plain::Gateway};
use luma_watch_benches::hand_loop::{self, KEY};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::sync::mpsc;
use tokio::time::timeout;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const VARIANTS: &[&str] = &[
    "hand",
    #[cfg(feature = "peers")]
    "lro",
    #[cfg(feature = "peers")]
    "azure",
    #[cfg(feature = "peers")]
    "backon",
    "watch alone",
    "in SelectAll",
    "in WatchAll",
    "with a map",
];
/// Watches that start together spread their second polls over the pause. It is long enough that none comes in the
/// measurement.
const PAUSE: Duration = Duration::from_hours(365 * 24);

fn main() {
    if gateway::serve_if_asked_to() {
        return;
    }
    let Some(CommandLine { words, in_full }) = command_line::read() else { return };
    if let [variant, count] = words.as_slice() {
        let gateway = Gateway::start();
        let (heap, resident) = run(variant, count.parse().expect("a count"), gateway.url().to_owned().leak());
        println!("{heap} {resident}");
    } else {
        println!("size of a Watch: {} bytes", size_of::<Watch>());
        let counts: &[_] = if in_full { &[10_000, 100_000] } else { &[1_000] };
        for &count in counts {
            compare(count);
        }
    }
}

fn id(number: usize) -> String {
    format!("{number:032x}")
}

/// Bytes of heap as requested, and resident bytes, of all watches together.
#[tokio::main(flavor = "current_thread")]
async fn run(variant: &str, count: usize, url: &'static str) -> (usize, usize) {
    match variant {
        "watch alone" => alone(count, &client(url)).await,
        "in SelectAll" => {
            let client = client(url);
            in_one(SelectAll::new(), count, |all, id| all.push(client.watch(id)), |event| event).await
        }
        "in WatchAll" => in_one(watch_all(url), count, |all, id| assert!(all.push(id)), |(_, event)| event).await,
        // With the map that a consumer keeps: from the task id to a number of its own.
        "with a map" => {
            let mut numbers = HashMap::new();
            let push = |all: &mut WatchAll, id| {
                let id = TaskId::from(id);
                assert!(all.push(id.clone()));
                numbers.insert(id, numbers.len());
            };
            in_one(watch_all(url), count, push, |(_, event)| event).await
        }
        other => without_library(other, count, url).await,
    }
}

fn client(url: &str) -> Client {
    let schedule = Schedule::every(PAUSE).no_max_wait();
    Client::builder(KEY).base_url(url).schedule(schedule).build().unwrap()
}

fn watch_all(url: &str) -> WatchAll {
    let none: [TaskId; 0] = [];
    client(url).watch_all(none)
}

fn assert_running(event: Option<&StatusEvent>) {
    assert!(matches!(event, Some(StatusEvent::Generating(_))), "{event:?}");
}

/// Each in a task of its own. All send their flags through one channel.
async fn without_library(variant: &str, count: usize, url: &'static str) -> (usize, usize) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    #[cfg(feature = "peers")]
    let peers = luma_watch_benches::peers::Peers::new(http.clone(), url, PAUSE);
    let (sender, mut flags) = mpsc::unbounded_channel();
    let mut add = async |number| {
        let sender = sender.clone();
        let keep_polling = move |flag| sender.send(flag).is_ok();
        drop(match variant {
            "hand" => tokio::spawn(hand_loop::run(http.clone(), url, id(number), PAUSE, keep_polling)),
            #[cfg(feature = "peers")]
            peer => peers.spawn(peer, id(number), keep_polling),
            #[cfg(not(feature = "peers"))]
            other => panic!("no variant {other}: there are {VARIANTS:?}"),
        });
        assert_eq!(flags.recv().await, Some(0));
    };
    add(usize::MAX).await;
    let before = memory();
    for number in 0..count {
        add(number).await;
    }
    since(before)
}

async fn alone(count: usize, client: &Client) -> (usize, usize) {
    let mut all = Vec::with_capacity(count + 1);
    let mut add = async |number| {
        let mut watch = client.watch(id(number));
        assert_running(watch.next().await.as_ref());
        assert!(futures::poll!(watch.next()).is_pending());
        all.push(watch);
    };
    add(usize::MAX).await;
    let before = memory();
    for number in 0..count {
        add(number).await;
    }
    let (heap, resident) = since(before);
    (heap + count * size_of::<Watch>(), resident)
}

/// All in one stream.
async fn in_one<S: Stream + Unpin>(
    mut all: S,
    count: usize,
    mut push: impl FnMut(&mut S, String),
    event: fn(&S::Item) -> &StatusEvent,
) -> (usize, usize) {
    let mut add = async |number| {
        push(&mut all, id(number));
        assert_running(all.next().await.as_ref().map(event));
    };
    add(usize::MAX).await;
    let before = memory();
    for number in 0..count {
        add(number).await;
    }
    // Only this starts the pause of the last one.
    assert!(timeout(Duration::from_millis(50), all.next()).await.is_err());
    since(before)
}

fn memory() -> (usize, usize) {
    let heap = ALLOCATOR.stats();
    let status = fs::read_to_string("/proc/self/status").expect("Linux's /proc");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    let resident: usize = resident.expect("VmRSS in kB").parse().unwrap();
    (heap.bytes_allocated - heap.bytes_deallocated, resident * 1024)
}

fn since((heap_before, resident_before): (usize, usize)) -> (usize, usize) {
    let (heap, resident) = memory();
    (heap.saturating_sub(heap_before), resident.saturating_sub(resident_before))
}

fn compare(count: usize) {
    let rows: Vec<_> = VARIANTS
        .iter()
        .map(|variant| {
            let program = env::current_exe().unwrap();
            let output = Command::new(program).args([*variant, count.to_string().as_str()]).output().unwrap();
            assert!(output.status.success(), "{variant}: {}", String::from_utf8_lossy(&output.stderr));
            let text = String::from_utf8(output.stdout).unwrap();
            let (heap, resident) = text.trim().split_once(' ').expect("two numbers");
            let each = |bytes: &str| bytes.parse::<f64>().unwrap() / count as f64;
            let (heap, resident) = (each(heap), each(resident));
            // A few hundred kilobytes may fit into pages that are resident already.
            assert!(heap > 100.0 && (resident > 100.0 || count < 10_000), "{variant} holds nothing");
            (variant, heap, resident)
        })
        .collect();
    let (_, heap_by_hand, resident_by_hand) = rows[0];
    println!("{count} idle after one poll each, bytes per watch:");
    println!("               heap   of hand  resident   of hand");
    for (variant, heap, resident) in rows {
        println!(
            "{variant:12} {heap:7.0} {:8.3}x {resident:9.0} {:8.3}x",
            heap / heap_by_hand,
            resident / resident_by_hand
        );
    }
}

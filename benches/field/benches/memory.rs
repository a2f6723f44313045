//! What an idle watch holds: bytes of heap, and of resident memory, beside its peers.
//!
//! `memory VARIANT COUNT` brings so many into the pause after their first poll, over loopback HTTP, and says what they
//! hold. Without a variant it does that for all of them, each in a process of its own, so that none finds the freed
//! heap of another.
#![allow(clippy::cast_precision_loss)]

#[path = "../../command/mod.rs"]
mod command;
#[path = "../../gateway/mod.rs"]
mod gateway;
mod others;
#[path = "../../peers/mod.rs"]
mod peers;

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
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::sync::mpsc;
use tokio::time::timeout;

use gateway::Gateway;
use others::Program;
use peers::KEY;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const VARIANTS: [&str; 8] =
    ["hand", "lro", "azure", "backon", "watch alone", "in SelectAll", "in WatchAll", "with a map"];
/// So long that of the second polls, which those that start together spread over it, none falls into the measurement.
const PAUSE: Duration = Duration::from_hours(365 * 24);

fn main() {
    if gateway::serve_if_asked_to() {
        return;
    }
    let Some(command::Command { words, in_full }) = command::read() else { return };
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

/// Bytes of heap asked for, and bytes resident, for all watches together.
#[tokio::main(flavor = "current_thread")]
async fn run(variant: &str, count: usize, url: &'static str) -> (usize, usize) {
    match variant {
        "watch alone" => alone(count, &client(url)).await,
        "in SelectAll" => {
            let client = client(url);
            in_one(SelectAll::new(), count, |all, id| all.push(client.watch(id)), |event| event).await
        }
        "in WatchAll" => in_one(fleet(url), count, |all, id| assert!(all.push(id)), |(_, event)| event).await,
        // And with what its consumer has to keep: which task is which of its own things.
        "with a map" => {
            let mut numbers = HashMap::new();
            let push = |all: &mut WatchAll, id| {
                let id = TaskId::from(id);
                assert!(all.push(id.clone()));
                numbers.insert(id, numbers.len());
            };
            in_one(fleet(url), count, push, |(_, event)| event).await
        }
        peer => by_peer(peer, count, url).await,
    }
}

fn client(url: &str) -> Client {
    let schedule = Schedule::every(PAUSE).no_max_wait();
    Client::builder(KEY).base_url(url).schedule(schedule).build().unwrap()
}

fn fleet(url: &str) -> WatchAll {
    let none: [TaskId; 0] = [];
    client(url).watch_all(none)
}

fn under_way(event: Option<&StatusEvent>) {
    assert!(matches!(event, Some(StatusEvent::Generating(_))), "{event:?}");
}

/// Each in a task of its own. All tell their flags through one channel.
async fn by_peer(peer: &str, count: usize, url: &'static str) -> (usize, usize) {
    let program = Program::new(url, PAUSE);
    let (sender, mut flags) = mpsc::unbounded_channel();
    let mut add = async |number| {
        let sender = sender.clone();
        drop(program.spawn(peer, id(number), move |flag| sender.send(flag).is_ok()));
        assert_eq!(flags.recv().await, Some(0));
    };
    add(usize::MAX).await;
    let before = held();
    for number in 0..count {
        add(number).await;
    }
    since(before)
}

async fn alone(count: usize, client: &Client) -> (usize, usize) {
    let mut all = Vec::with_capacity(count + 1);
    let mut add = async |number| {
        let mut watch = client.watch(id(number));
        under_way(watch.next().await.as_ref());
        assert!(futures::poll!(watch.next()).is_pending());
        all.push(watch);
    };
    add(usize::MAX).await;
    let before = held();
    for number in 0..count {
        add(number).await;
    }
    let (heap, resident) = since(before);
    (heap + count * size_of::<Watch>(), resident)
}

/// In one stream of all.
async fn in_one<S: Stream + Unpin>(
    mut all: S,
    count: usize,
    mut push: impl FnMut(&mut S, String),
    event: fn(&S::Item) -> &StatusEvent,
) -> (usize, usize) {
    let mut add = async |number| {
        push(&mut all, id(number));
        under_way(all.next().await.as_ref().map(event));
    };
    add(usize::MAX).await;
    let before = held();
    for number in 0..count {
        add(number).await;
    }
    // The last one goes into its pause only now.
    assert!(timeout(Duration::from_millis(50), all.next()).await.is_err());
    since(before)
}

fn held() -> (usize, usize) {
    let heap = ALLOCATOR.stats();
    let status = fs::read_to_string("/proc/self/status").expect("Linux's /proc");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    let resident: usize = resident.expect("VmRSS in kB").parse().unwrap();
    (heap.bytes_allocated - heap.bytes_deallocated, resident * 1024)
}

fn since((heap_before, resident_before): (usize, usize)) -> (usize, usize) {
    let (heap, resident) = held();
    (heap.saturating_sub(heap_before), resident.saturating_sub(resident_before))
}

fn compare(count: usize) {
    let rows = VARIANTS.map(|variant| {
        let program = env::current_exe().unwrap();
        let output = Command::new(program).args([variant, &count.to_string()]).output().unwrap();
        assert!(output.status.success(), "{variant}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let (heap, resident) = text.trim().split_once(' ').expect("two numbers");
        let each = |bytes: &str| bytes.parse::<f64>().unwrap() / count as f64;
        let (heap, resident) = (each(heap), each(resident));
        // Of a few hundred kilobytes all may fit into pages that were there before.
        assert!(heap > 100.0 && (resident > 100.0 || count < 10_000), "{variant} holds nothing");
        (variant, heap, resident)
    });
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

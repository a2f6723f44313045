//! What an idle watch holds: bytes of heap, and of resident memory, beside a hand-written loop in a task of its own.
//!
//! `memory VARIANT COUNT` brings so many into the pause after their first poll, over loopback HTTP, and says what they
//! hold. Without a variant it does that for all of them, each in a process of its own, so that none finds the freed
//! heap of another.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::arithmetic_side_effects)]
#![allow(clippy::print_stdout, clippy::cast_precision_loss)]

mod command;
mod gateway;
mod peers;

use std::alloc::System;
use std::env;
use std::fs;
use std::mem::size_of;
use std::process::Command;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::SelectAll;
use luma_watch::{Client, Schedule, StatusEvent, Watch};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::sync::mpsc;
use tokio::time::timeout;

use gateway::Gateway;
use peers::KEY;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const VARIANTS: [&str; 3] = ["hand", "watch alone", "watch"];
/// Longer than the whole measurement.
const PAUSE: Duration = Duration::from_secs(3600);

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
        compare(if in_full { 100_000 } else { 1_000 });
    }
}

fn id(number: usize) -> String {
    format!("{:032x}", number as u128)
}

/// Bytes of heap asked for, and bytes resident, for all watches together.
#[tokio::main(flavor = "current_thread")]
async fn run(variant: &str, count: usize, url: &'static str) -> (usize, usize) {
    match variant {
        "hand" => by_hand(count, url).await,
        "watch" => {
            let client = client(url);
            let mut all = SelectAll::new();
            all.push(client.watch(id(usize::MAX)));
            under_way(all.next().await.as_ref());
            let before = held();
            for number in 0..count {
                all.push(client.watch(id(number)));
                under_way(all.next().await.as_ref());
            }
            // The last one goes into its pause only now.
            assert!(timeout(Duration::from_millis(50), all.next()).await.is_err());
            since(before)
        }
        "watch alone" => {
            let client = client(url);
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
        other => panic!("no variant {other}: there are {VARIANTS:?}"),
    }
}

fn client(url: &str) -> Client {
    let schedule = Schedule::every(PAUSE).no_max_wait();
    Client::builder(KEY).base_url(url).schedule(schedule).build().unwrap()
}

fn under_way(event: Option<&StatusEvent>) {
    assert!(matches!(event, Some(StatusEvent::Generating(_))), "{event:?}");
}

/// All loops tell their flags through one channel.
async fn by_hand(count: usize, url: &'static str) -> (usize, usize) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let (sender, mut flags) = mpsc::unbounded_channel();
    let spawn = |number| {
        let sender = sender.clone();
        let tell = move |flag| sender.send(flag).is_ok();
        drop(tokio::spawn(peers::hand_written(http.clone(), url, id(number), PAUSE, tell)));
    };
    spawn(usize::MAX);
    flags.recv().await.unwrap();
    let before = held();
    for number in 0..count {
        spawn(number);
        flags.recv().await.unwrap();
    }
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
    println!("size of a Watch: {} bytes; {count} idle after one poll each, bytes per watch:", size_of::<Watch>());
    println!("               heap   of hand  resident   of hand");
    for (variant, heap, resident) in rows {
        println!(
            "{variant:12} {heap:7.0} {:8.3}x {resident:9.0} {:8.3}x",
            heap / heap_by_hand,
            resident / resident_by_hand
        );
    }
}

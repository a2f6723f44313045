//! User instructions and heap allocations per poll, of this crate and beside it of its peers.
//!
//! `instructions VARIANT POLLS [URL]` makes so many polls and says how often it allocated. Without a variant it does
//! that for all of them in two lengths, under callgrind if valgrind is there: the difference is what a poll costs, and
//! what a start costs is gone.
#![allow(clippy::cast_precision_loss)]

#[path = "../../command/mod.rs"]
mod command;
#[path = "../../gateway/mod.rs"]
mod gateway;
mod others;
#[path = "../../peers/mod.rs"]
mod peers;

use std::alloc::System;
use std::env;
use std::fs;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use luma_watch::{Client, Schedule, StatusEvent, TaskId};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use gateway::Gateway;
use others::Program;
use peers::KEY;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const VARIANTS: [&str; 7] = ["bare", "hand", "lro", "azure", "backon", "status", "watch"];
const ID: &str = "774d9a7dd608a0e49293903095e45a4c";
/// The shortest pause that tokio's timer has; an hour of it costs no instruction more.
const PAUSE: Duration = Duration::from_millis(1);

fn main() {
    if gateway::serve_if_asked_to() {
        return;
    }
    let Some(command::Command { words, in_full }) = command::read() else { return };
    if let [variant, polls, rest @ ..] = words.as_slice() {
        let own = rest.is_empty().then(Gateway::start);
        let url = own.as_ref().map_or_else(|| rest[0].clone(), |gateway| gateway.url().to_owned());
        println!("{}", run(variant, polls.parse().expect("a number of polls"), url.leak()));
    } else {
        compare(if in_full { [200, 2200] } else { [10, 30] }, in_full);
    }
}

/// Makes the polls in a task of its own, and returns how many allocations there were in all.
#[tokio::main(flavor = "current_thread")]
async fn run(variant: &str, polls: usize, url: &'static str) -> usize {
    let client = || {
        let schedule = Schedule::every(PAUSE).no_max_wait();
        Client::builder(KEY).base_url(url).schedule(schedule).build().unwrap()
    };
    let task = match variant {
        "bare" => {
            let http = reqwest::Client::builder().no_proxy().build().unwrap();
            let url = peers::url(url, ID);
            tokio::spawn(async move {
                for _ in 0..polls {
                    assert_eq!(peers::bare(&http, &url).await, 0);
                }
            })
        }
        "status" => {
            let (client, id) = (client(), TaskId::from(ID));
            tokio::spawn(async move {
                for _ in 0..polls {
                    assert!(!client.status(&id).await.unwrap().status().is_terminal());
                }
            })
        }
        "watch" => {
            let mut watch = client().watch(ID);
            tokio::spawn(async move {
                for _ in 0..polls {
                    let event = watch.next().await;
                    assert!(matches!(event, Some(StatusEvent::Generating(_))), "{event:?}");
                }
            })
        }
        peer => Program::new(url, PAUSE).spawn(peer, ID.to_owned(), countdown(polls)),
    };
    task.await.unwrap();
    let heap = ALLOCATOR.stats();
    heap.allocations + heap.reallocations
}

/// Goes on until so many answers have come.
fn countdown(polls: usize) -> impl others::Tell {
    let left = Arc::new(AtomicUsize::new(polls));
    move |_| left.fetch_sub(1, Ordering::Relaxed) > 1
}

fn compare(lengths: [usize; 2], count_instructions: bool) {
    let gateway = Gateway::start();
    let count_instructions = count_instructions && {
        let there = Command::new("valgrind").arg("--version").output().is_ok();
        if !there {
            println!("valgrind is not there: allocations only");
        }
        there
    };
    let per_poll =
        |count: &dyn Fn(usize) -> f64| (count(lengths[1]) - count(lengths[0])) / (lengths[1] - lengths[0]) as f64;
    let rows = VARIANTS.map(|variant| {
        let allocations = per_poll(&|polls| allocations(variant, polls, gateway.url()));
        let instructions = count_instructions.then(|| per_poll(&|polls| instructions(variant, polls, gateway.url())));
        assert!(allocations > 1.0 && instructions.is_none_or(|count| count > 1000.0), "{variant} did not poll");
        (variant, allocations, instructions)
    });
    let (_, allocations_by_hand, instructions_by_hand) = rows[1];
    println!("per poll  allocations   of hand  instructions   of hand");
    for (variant, allocations, instructions) in rows {
        print!("{variant:8} {allocations:12.1} {:8.2}x", allocations / allocations_by_hand);
        match instructions.zip(instructions_by_hand) {
            Some((count, by_hand)) => println!(" {count:13.0} {:8.3}x", count / by_hand),
            None => println!("             -         -"),
        }
    }
}

fn allocations(variant: &str, polls: usize, url: &str) -> f64 {
    let program = env::current_exe().unwrap();
    let output = successful(Command::new(program).args([variant, &polls.to_string(), url]));
    String::from_utf8(output.stdout).unwrap().trim().parse().expect("a count")
}

fn instructions(variant: &str, polls: usize, url: &str) -> f64 {
    let profile = env::temp_dir().join(format!("luma-watch-{}-{variant}-{polls}.callgrind", std::process::id()));
    successful(
        Command::new("valgrind")
            .args(["--tool=callgrind", "--trace-children=no"])
            .arg(format!("--callgrind-out-file={}", profile.display()))
            .arg(env::current_exe().unwrap())
            .args([variant, &polls.to_string(), url]),
    );
    let text = fs::read_to_string(&profile).unwrap();
    fs::remove_file(&profile).unwrap();
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: ")));
    total.expect("callgrind's sum").trim().parse().unwrap()
}

fn successful(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

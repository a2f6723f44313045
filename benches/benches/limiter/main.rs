//! The cost of waiting for a permit: of a slot in flight, of a place in a long queue, of a turn among `WatchAll`s with a
//! learned schedule, and the memory of a waiter.
//!
//! `limiter [slots | steps | ranked | bytes]` measures all, or one of them. With more words it is one run of that
//! measurement, in a process of its own.

mod bytes;
mod ranked;
mod slots;
mod steps;

use std::alloc::System;
use std::env;
use std::process::Command;

use luma_watch_benches::command_line::{self, CommandLine};
use luma_watch_benches::gateway;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    if gateway::serve_if_asked_to() {
        return;
    }
    let Some(CommandLine { words, in_full }) = command_line::read() else { return };
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => {
            slots::compare(in_full);
            steps::compare(in_full);
            ranked::compare(in_full);
            bytes::compare(in_full);
        }
        ["slots"] => slots::compare(in_full),
        ["steps"] => steps::compare(in_full),
        ["ranked"] => ranked::compare(in_full),
        ["bytes"] => bytes::compare(in_full),
        ["slots", variant, tasks, polls] => {
            println!("{}", slots::run(variant, number(tasks), number(polls)).as_nanos());
        }
        ["steps", situation, waiters, samples, presence] => {
            steps::run(situation, number(waiters), number(samples), presence);
        }
        ["ranked", schedule, count, turns] => {
            println!("{}", ranked::run(schedule, number(count), number(turns)).as_nanos());
        }
        ["bytes", variant, count] => println!("{}", bytes::run(variant, number(count))),
        other => panic!("no such measurement: {other:?}"),
    }
}

fn number(word: &str) -> usize {
    word.parse().expect("a number")
}

/// What this program prints with these words, in a process of its own: none gets the heap or the caches of another.
fn in_new_process(words: &[&str]) -> String {
    let output = Command::new(env::current_exe().unwrap()).args(words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The number that this program prints with these words.
fn figure(words: &[&str]) -> f64 {
    in_new_process(words).trim().parse().expect("a number")
}

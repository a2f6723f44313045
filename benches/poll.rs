//! What one poll costs over loopback HTTP: processor time of the client's thread, and time on the clock where there is
//! no pause.
//!
//! Processor time leaves out the pause between two polls, in which the thread sleeps, and the gateway, which is a
//! process of its own.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::arithmetic_side_effects)]
#![allow(clippy::indexing_slicing, clippy::print_stdout, clippy::cast_precision_loss)]

mod gateway;
mod peers;

use std::env;
use std::fs;
use std::future::Future;
use std::time::Duration;

use criterion::Criterion;
use futures::StreamExt;
use luma_watch::{Client, Schedule, StatusEvent, TaskId};
use tokio::runtime::Runtime;
use tokio::time::Instant;

use gateway::Gateway;
use peers::KEY;

const ID: &str = "774d9a7dd608a0e49293903095e45a4c";
/// The shortest that tokio's timer has.
const PAUSE: Duration = Duration::from_millis(1);

/// A way to poll, and how to do it so many times.
type Variant<'a> = (&'static str, Box<dyn FnMut(usize) + 'a>);

fn main() {
    if gateway::serve_if_asked_to() {
        return;
    }
    let gateway = Gateway::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut variants = variants(&runtime, gateway.url().to_owned().leak());
    let mut criterion = Criterion::default().configure_from_args();
    measure(&mut criterion, "processor time of a poll", processor_time, &mut variants);
    // Of the others most is pause.
    measure(&mut criterion, "round trip", clock, &mut variants[..2]);
    criterion.final_summary();
    if env::args().any(|option| option == "--bench") && !env::args().any(|option| option == "--test") {
        compare(&mut variants);
    }
}

/// Processor time of this thread so far, which Linux counts in nanoseconds.
fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux's /proc");
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}

fn clock() -> Duration {
    thread_local!(static START: Instant = Instant::now());
    START.with(Instant::elapsed)
}

fn variants<'a>(runtime: &'a Runtime, url: &'static str) -> Vec<Variant<'a>> {
    let (http, client) = runtime.block_on(async {
        let schedule = Schedule::every(PAUSE).no_max_wait();
        let client = Client::builder(KEY).base_url(url).schedule(schedule).build().unwrap();
        (reqwest::Client::builder().no_proxy().build().unwrap(), client)
    });
    let (id, question) = (TaskId::from(ID), peers::url(url, ID));
    let bare = {
        let http = http.clone();
        move |count| {
            let (http, question) = (http.clone(), question.clone());
            spawned(runtime, async move {
                for _ in 0..count {
                    assert_eq!(peers::bare(&http, &question).await, 0);
                }
            });
        }
    };
    let status = {
        let (client, id) = (client.clone(), id.clone());
        move |count| {
            let (client, id) = (client.clone(), id.clone());
            spawned(runtime, async move {
                for _ in 0..count {
                    assert!(!client.status(&id).await.unwrap().status().is_terminal());
                }
            });
        }
    };
    let hand = move |count| {
        let mut left = count;
        let tell = move |_| {
            left -= 1;
            left > 0
        };
        spawned(runtime, peers::hand_written(http.clone(), url, ID.to_owned(), PAUSE, tell));
    };
    let watch = move |count| {
        let mut watch = client.watch(&id);
        spawned(runtime, async move {
            for _ in 0..count {
                let event = watch.next().await;
                assert!(matches!(event, Some(StatusEvent::Generating(_))), "{event:?}");
            }
        });
    };
    vec![("bare", Box::new(bare)), ("status", Box::new(status)), ("hand", Box::new(hand)), ("watch", Box::new(watch))]
}

/// In a task of its own, as a program would have it.
fn spawned(runtime: &Runtime, polls: impl Future<Output = ()> + Send + 'static) {
    runtime.block_on(async { tokio::spawn(polls).await }).unwrap();
}

fn measure(criterion: &mut Criterion, what: &str, now: fn() -> Duration, variants: &mut [Variant<'_>]) {
    let mut group = criterion.benchmark_group(what);
    for (name, polls) in variants {
        group.bench_function(*name, |bencher| {
            bencher.iter_custom(|count| {
                let before = now();
                polls(usize::try_from(count).unwrap());
                now().saturating_sub(before)
            });
        });
    }
    group.finish();
}

/// The ratios, from short turns that go round: what else the machine does then falls on all of them alike.
fn compare(variants: &mut [Variant<'_>]) {
    const ROUNDS: usize = 60;
    const POLLS: usize = 50;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(
            variants
                .iter_mut()
                .map(|(_, polls)| {
                    let before = processor_time();
                    polls(POLLS);
                    processor_time().saturating_sub(before).as_secs_f64() * 1e6 / POLLS as f64
                })
                .collect::<Vec<_>>(),
        );
    }
    let median = |of: &dyn Fn(&[f64]) -> f64| {
        let mut values: Vec<_> = rounds.iter().map(|round| of(round)).collect();
        values.sort_by(f64::total_cmp);
        values[ROUNDS / 2]
    };
    println!("processor time of a poll, median of {ROUNDS} rounds of {POLLS}:");
    for (one, (name, _)) in variants.iter().enumerate() {
        let [bare, hand] = [0, 2].map(|other| median(&|round| round[one] / round[other]));
        println!("{name:6} {:6.1} us, {bare:.2}x bare, {hand:.2}x hand", median(&|round| round[one]));
    }
}

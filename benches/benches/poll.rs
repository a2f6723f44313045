//! The cost of one poll over loopback HTTP: processor time of the client's thread, and for the variants without a pause
//! the round trip's time.
//!
//! The processor time contains neither the pause between two polls, in which the thread sleeps, nor the gateway, which is
//! a process of its own.

use std::env;
use std::time::Duration;

use criterion::Criterion;
use futures::StreamExt;
use luma_watch::{Client, Schedule, StatusEvent, TaskId};
use luma_watch_benches::gateway::{self, plain::Gateway};
use luma_watch_benches::hand_loop::{self, KEY, TASK_ID};
use luma_watch_benches::measure::{median, processor_time};
use tokio::runtime::Runtime;
use tokio::time::Instant;

/// The shortest pause of tokio's timer.
const PAUSE: Duration = Duration::from_millis(1);

/// The name of a variant, and a function that makes a number of polls.
type Variant<'a> = (&'static str, Box<dyn FnMut(usize) + 'a>);

fn main() {
    if gateway::serve_if_asked_to() {
        return;
    }
    let gateway = Gateway::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut variants = variants(&runtime, gateway.url().to_owned().leak());
    let mut criterion = Criterion::default().configure_from_args();
    measure(&mut criterion, "processor time per poll", processor_time, &mut variants);
    // The others spend most of their time in the pause.
    measure(&mut criterion, "round trip", clock, &mut variants[..2]);
    criterion.final_summary();
    if env::args().any(|option| option == "--bench") && !env::args().any(|option| option == "--test") {
        compare(&mut variants);
    }
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
    let (id, ready_url) = (TaskId::from(TASK_ID), hand_loop::url(url, TASK_ID));
    let bare = {
        let http = http.clone();
        move |count| {
            let (http, url) = (http.clone(), ready_url.clone());
            spawned(runtime, async move {
                for _ in 0..count {
                    assert_eq!(hand_loop::bare(&http, &url).await, 0);
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
        let keep_polling = move |_| {
            left -= 1;
            left > 0
        };
        spawned(runtime, hand_loop::run(http.clone(), url, TASK_ID.to_owned(), PAUSE, keep_polling));
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

/// Makes the polls in a task of its own, as a program does.
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

/// Prints the ratios. The variants take turns in short rounds, so that other load of the machine hits all of them.
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
    println!("processor time per poll, median of {ROUNDS} rounds of {POLLS}:");
    for (this, (name, _)) in variants.iter().enumerate() {
        let [bare, hand] = [0, 2].map(|other| median(&rounds, |round| round[this] / round[other]));
        println!("{name:6} {:6.1} us, {bare:.2}x bare, {hand:.2}x hand", median(&rounds, |round| round[this]));
    }
}

//! The time of one visit to the limiter while 100,000 watches wait in its queue: the first poll of a `status()`, the first
//! poll of a new watch, leaving the queue, and the end of a request.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use futures::StreamExt;
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{Client, RateLimit, Schedule, Watch};
use tokio::time::sleep;

use super::in_new_process;

/// What the queue waits for. "free limit" is a rate limit that is free again after the minute: absent waiters do not use it.
const SITUATIONS: [&str; 4] = ["open breaker", "rate limit", "free limit", "in flight"];
/// Whether the waiters are polled, or were polled once, a minute ago.
const PRESENCES: [&str; 2] = ["present", "absent"];
/// The age of the queue.
const MINUTE: Duration = Duration::from_mins(1);
/// Longer than the measurement.
const LONG: Duration = Duration::from_mins(50);

pub(crate) fn compare(in_full: bool) {
    let (waiters, samples) = if in_full { ("100000", "1000") } else { ("500", "10") };
    println!("one step with {waiters} in the queue, us:              median       p99       max");
    for situation in SITUATIONS {
        for presence in PRESENCES {
            print!("{}", in_new_process(&["steps", situation, waiters, samples, presence]));
        }
    }
}

struct Setup {
    simulator: Simulator,
    client: Client,
    next_id: usize,
}

impl Setup {
    fn new(situation: &str, samples: usize) -> Self {
        let simulator = Simulator::new();
        let schedule = Schedule::default().no_max_wait();
        let builder = Client::builder("test-key")
            .simulator(&simulator)
            .schedule(schedule)
            .request_timeout(LONG)
            .retry_after_cap(LONG);
        let samples_per = |period| RateLimit::per(u32::try_from(samples).unwrap(), period);
        let builder = match situation {
            "open breaker" => builder.max_in_flight(1_000_000),
            "rate limit" => builder.max_in_flight(1_000_000).rate_limit(samples_per(Duration::from_hours(1))),
            "free limit" => builder.max_in_flight(1_000_000).rate_limit(samples_per(MINUTE / 2)),
            "in flight" => builder.max_in_flight(samples),
            other => panic!("no situation {other}: there are {SITUATIONS:?}"),
        };
        Self { simulator, client: builder.build().unwrap(), next_id: 0 }
    }

    fn watch(&mut self) -> Watch {
        self.next_id += 1;
        let id = format!("{:032x}", self.next_id);
        self.simulator.add_as(&*id, SimulatedTask::new().never_ends());
        self.client.watch(id)
    }

    /// Watches that were polled once.
    fn polled_once(&mut self, count: usize) -> Vec<Watch> {
        let mut watches: Vec<_> = (0..count).map(|_| self.watch()).collect();
        for watch in &mut watches {
            poll_to_wait(watch);
        }
        watches
    }

    async fn queue(&mut self, waiters: usize, presence: &str) -> Vec<Watch> {
        let left = if presence == "absent" {
            self.polled_once(waiters)
        } else {
            for _ in 0..waiters {
                tokio::spawn(self.watch().for_each(|_| async {}));
            }
            Vec::new()
        };
        sleep(MINUTE).await;
        left
    }
}

/// Polls a future that is not ready.
fn poll_once(future: &mut (impl Future + Unpin)) {
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Pin::new(future).poll(&mut cx).is_pending());
}

/// Polls a watch until it waits: while it is held back, it says so first.
fn poll_to_wait(watch: &mut Watch) {
    let mut cx = Context::from_waker(Waker::noop());
    while watch.poll_next_unpin(&mut cx).is_ready() {}
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(situation: &str, waiters: usize, samples: usize, presence: &str) {
    tokio::time::pause();
    let mut setup = Setup::new(situation, samples);
    let mut first = Vec::new();
    if situation == "open breaker" {
        setup.simulator.inject(Fault::status(429).retry_after("3600"));
        assert!(setup.client.status("refused").await.is_err());
    }
    setup.simulator.latency(LONG);
    if situation != "open breaker" {
        first = setup.polled_once(samples); // their requests are in flight
    }
    let left = setup.queue(waiters, presence).await;
    let row = |step: &str, mut times: Vec<Duration>| {
        times.sort();
        let us = |index: usize| times[index].as_secs_f64() * 1e6;
        let figures = [us(times.len() / 2), us(times.len() * 99 / 100), us(times.len() - 1)];
        println!("{situation:12} {presence:7} {step:22} {:9.1} {:9.1} {:9.1}", figures[0], figures[1], figures[2]);
    };
    if situation == "open breaker" {
        let (mut polls, mut ends) = (Vec::new(), Vec::new());
        for _ in 0..samples {
            let mut status = Box::pin(setup.client.status("status"));
            polls.push(timed(|| poll_once(&mut status)));
            ends.push(timed(|| drop(status)));
        }
        row("status(), first poll", polls);
        row("status(), dropped", ends);
    } else {
        let (mut polls, mut ends) = (Vec::new(), Vec::new());
        for _ in 0..samples {
            let mut watch = setup.watch();
            polls.push(timed(|| poll_to_wait(&mut watch)));
            ends.push(timed(|| drop(watch)));
        }
        row("new watch, first poll", polls);
        row("waiting watch, dropped", ends);
        row("request, dropped", first.into_iter().map(|watch| timed(|| drop(watch))).collect());
    }
    drop(left);
}

#[expect(clippy::disallowed_methods, reason = "tokio's clock is paused")]
fn timed(step: impl FnOnce()) -> Duration {
    let start = Instant::now();
    step();
    start.elapsed()
}

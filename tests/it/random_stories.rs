//! Random stories, the same in each run: a task has the same events and requests with either driver.

use std::pin::Pin;
use std::time::Duration;

use fastrand::Rng;
use futures::future::join_all;
use futures::{Stream, StreamExt};
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{Schedule, StatusEvent};
use tokio::time::sleep;

use crate::support::in_memory::{asked_at, builder, ms, secs};

fn random_ms(random: &mut Rng, range: std::ops::Range<u64>) -> Duration {
    ms(random.u64(range))
}

fn random_fault(random: &mut Rng) -> Fault {
    let fault = match random.u8(0..6) {
        0 => Fault::status(500),
        1 => Fault::code(422, "recordInfo is null"),
        2 => Fault::status(429).retry_after(random.u8(0..40).to_string()),
        3 => Fault::status(503),
        4 => Fault::reset(),
        _ => Fault::truncated(),
    };
    fault.times(random.u32(1..4)).after(random.u32(0..8))
}

/// The name and the number of polls of each event, and the time of each request in milliseconds.
async fn story(seed: u64, in_watch_all: bool) -> (Vec<(String, u64)>, Vec<u128>) {
    let mut random = Rng::with_seed(seed);
    fastrand::seed(seed); // the jitter of retries
    let simulator = Simulator::new();
    simulator.latency(random_ms(&mut random, 1..3_000));
    let task = SimulatedTask::new().generates_for(random_ms(&mut random, 20_000..240_000));
    simulator.add_as("t", task.unknown_for(random_ms(&mut random, 0..4_000)));
    (0..random.u8(0..4)).for_each(|_| simulator.inject(random_fault(&mut random)));
    let schedule = match random.u8(0..3) {
        0 => Schedule::every(random_ms(&mut random, 5_000..40_000)),
        1 => Schedule::exponential(random_ms(&mut random, 2_000..9_000), secs(60)),
        _ => Schedule::default().first_poll_after(random_ms(&mut random, 1..20_000)),
    };
    let client = builder(&simulator).schedule(schedule.max_wait(secs(random.u64(60..200)))).build().unwrap();
    let notifications: Vec<_> = (0..random.u8(0..8)).map(|_| random_ms(&mut random, 0..150_000)).collect();
    let notify = join_all(notifications.into_iter().map(|at| {
        let client = client.clone();
        async move {
            sleep(at).await;
            client.poll_now("t");
        }
    }));
    let events: Pin<Box<dyn Stream<Item = StatusEvent>>> = if in_watch_all {
        Box::pin(client.watch_all(["t"]).map(|(_, event)| event))
    } else {
        Box::pin(client.watch("t"))
    };
    let (events, _) = tokio::join!(events.collect::<Vec<_>>(), notify);
    let names = events.iter().map(|event| {
        let json = serde_json::to_value(event).unwrap();
        (json["event"].as_str().unwrap().to_owned(), json["polls"].as_u64().unwrap_or_default())
    });
    (names.collect(), asked_at(&simulator).iter().map(Duration::as_millis).collect())
}

/// The timer of a `WatchAll` is up to 10 ms late, and each pause counts from the response before it.
#[tokio::test(start_paused = true)]
async fn drivers_agree_on_random_faults_and_notifications() {
    for seed in 0..150 {
        let ((events, alone), (events_in_all, in_all)) = (story(seed, false).await, story(seed, true).await);
        assert_eq!(events, events_in_all, "seed {seed}: {alone:?} {in_all:?}");
        let apart = alone.iter().zip(&in_all).map(|(one, other)| one.abs_diff(*other));
        assert!(alone.len() == in_all.len() && apart.max() <= Some(200), "seed {seed}: {alone:?} {in_all:?}");
    }
}

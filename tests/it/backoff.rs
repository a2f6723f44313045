//! A policy of the `backoff` crate drives the poller: on tokio's clock, and within this crate's bounds.

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backoff::backoff::Backoff;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};
use futures::StreamExt;
use luma_watch::simulator::{Fault, SimulatedTask};
use luma_watch::{ErrorKind, Schedule, Status, StatusEvent};

use crate::support::in_memory::{asked_at, failure, gateway, gave_up, ms, progress, secs};

/// Doubles from 10 s to 60 s, without jitter.
fn doubling(limit: Option<Duration>) -> ExponentialBackoff {
    ExponentialBackoffBuilder::new()
        .with_initial_interval(secs(10))
        .with_max_interval(secs(60))
        .with_multiplier(2.0)
        .with_randomization_factor(0.0)
        .with_max_elapsed_time(limit)
        .build()
}

/// Returns the same pause a given number of times. The `Cell` makes it not `Sync`.
#[derive(Clone)]
struct Steady(Duration, Cell<u32>);

impl Backoff for Steady {
    fn next_backoff(&mut self) -> Option<Duration> {
        self.1.set(self.1.get().checked_sub(1)?);
        Some(self.0)
    }
}

/// Records each call.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<&'static str>>>);

impl Diary {
    fn write(&self, word: &'static str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(word);
    }
}

impl Backoff for Diary {
    fn reset(&mut self) {
        self.write("reset");
    }

    fn next_backoff(&mut self) -> Option<Duration> {
        self.write("next");
        Some(secs(20))
    }
}

#[tokio::test(start_paused = true)]
async fn policy_gives_the_pauses_and_max_wait() {
    let schedule = Schedule::from_backoff(doubling(Some(secs(200))));
    let expected = [0, 10, 30, 70, 130, 190, 200].map(secs);
    assert_eq!(schedule.preview().collect::<Vec<_>>(), expected);
    let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), schedule);
    // Each watch starts with a reset policy.
    for start in [secs(0), secs(200)] {
        let error = client.wait_until_done(&id).await.unwrap_err();
        assert_eq!((error.kind(), error.elapsed(), error.polls()), (ErrorKind::Deadline, secs(200), 7));
        let asked = asked_at(&simulator).split_off(simulator.requests().len() - 7);
        assert_eq!(asked, expected.map(|at| at.saturating_add(start)));
    }
}

#[tokio::test(start_paused = true)]
async fn policy_without_time_limit_waits_for_days() {
    let schedule = Schedule::from_backoff(doubling(None));
    assert_eq!(schedule.preview().take(100_000).count(), 100_000);
    let (_, client, id) = gateway(SimulatedTask::new().generates_for(secs(200_000)), schedule.clone());
    assert_eq!(client.wait_until_done(&id).await.unwrap().status(), Status::Success);

    let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), schedule.max_wait(secs(25)));
    assert_eq!(client.wait_until_done(id).await.unwrap_err().elapsed(), secs(25));
    assert_eq!(asked_at(&simulator), [0, 10, 25].map(secs));
    // Any other policy has the default max_wait.
    let steady = Schedule::from_backoff(Steady(secs(300), Cell::new(u32::MAX)));
    assert_eq!(steady.preview().collect::<Vec<_>>(), [0, 300, 600, 900].map(secs));
}

#[tokio::test(start_paused = true)]
async fn policy_jitter_never_exceeds_max_interval() {
    let wild = ExponentialBackoff { randomization_factor: 1.0, ..doubling(None) };
    let (_, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::from_backoff(wild));
    let (mut capped, mut watch) = (0, client.watch(id));
    for _ in 0..2_000 {
        let pause = progress(watch.next().await).next_poll_in;
        assert!(pause >= ms(1) && pause <= secs(60), "{pause:?}");
        capped += u32::from(pause == secs(60));
    }
    assert!(capped > 500, "half of the draws are above the cap, {capped} were cut");
}

#[tokio::test(start_paused = true)]
async fn policy_that_returns_none_ends_as_deadline() {
    for fault in [None, Some(Fault::status(502).always()), Some(Fault::status(429).always())] {
        let failing = fault.is_some();
        let policy = Schedule::from_backoff(Steady(secs(7), Cell::new(3)));
        let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), policy);
        if let Some(fault) = fault {
            simulator.inject(fault);
        }
        let error = client.wait_until_done(id).await.unwrap_err();
        assert_eq!((error.kind(), error.polls(), simulator.requests().len()), (ErrorKind::Deadline, 4, 4));
        assert!(failing || error.elapsed() == secs(21), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn failed_poll_is_retried_sooner_unless_throttled() {
    let schedule = || Schedule::from_backoff(Steady(secs(7), Cell::new(u32::MAX)));
    let pause_after = async |fault: Fault, schedule| {
        let (simulator, client, id) = gateway(SimulatedTask::new(), schedule);
        simulator.inject(fault);
        failure(client.watch(id).next().await).next_poll_in
    };
    assert!(pause_after(Fault::status(502), schedule()).await <= secs(1));
    assert_eq!(pause_after(Fault::status(429), schedule()).await, secs(7));
    assert_eq!(pause_after(Fault::status(429).retry_after("11"), schedule()).await, secs(11));
    let hasty = Schedule::from_backoff(Steady(ms(200), Cell::new(u32::MAX)));
    assert!(pause_after(Fault::status(502), hasty).await <= ms(200));
}

#[tokio::test(start_paused = true)]
async fn policy_is_reset_at_start_and_after_failures() {
    let diary = Diary::default();
    let schedule = Schedule::from_backoff(diary.clone());
    let (simulator, client, id) = gateway(SimulatedTask::new().generates_for(secs(90)), schedule);
    simulator.inject(Fault::status(502).after(1).times(2));
    client.wait_until_done(id).await.unwrap();
    let written = diary.0.lock().unwrap().clone();
    let (before, after) = written.split_at(6);
    // A good answer, two failed polls, and good answers from then on.
    assert_eq!(before, ["reset", "next", "next", "next", "reset", "next"]);
    assert!(after.len() >= 2 && after.iter().all(|word| *word == "next"), "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn policy_that_returns_zero_does_not_spin() {
    let zero = Schedule::from_backoff(Steady(Duration::ZERO, Cell::new(u32::MAX))).max_wait(ms(50));
    assert_eq!(zero.preview().take(100).count(), 51);
    let no_interval = ExponentialBackoff { max_interval: Duration::ZERO, ..doubling(Some(ms(50))) };
    for schedule in [zero, Schedule::from_backoff(no_interval)] {
        let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), schedule);
        let events: Vec<_> = client.watch(id).take(100).collect().await;
        assert_eq!(events.last().and_then(gave_up), Some(ErrorKind::Deadline));
        assert_eq!(asked_at(&simulator), (0..=50).map(ms).collect::<Vec<_>>());
    }
}

#[test]
fn policy_schedule_equals_only_its_clones() {
    let schedule = Schedule::from_backoff(doubling(None));
    assert_eq!(schedule, schedule.clone());
    assert_ne!(schedule, Schedule::from_backoff(doubling(None)));
    assert_ne!(schedule, schedule.clone().max_wait(secs(1)));
    assert_ne!(schedule, Schedule::default());
}

#[test]
fn policy_settings_on_schedule_are_refused() {
    let schedule = || Schedule::from_backoff(doubling(None));
    for (schedule, said) in [
        (schedule().multiplier(2.0), "belong to the backoff policy"),
        (schedule().jitter(0.1), "belong to the backoff policy"),
        (schedule().jitter(f64::NAN), "belong to the backoff policy"),
        (schedule().max_wait(Duration::MAX), "max_wait"),
        (Schedule::from_backoff(doubling(Some(Duration::MAX))), "max_wait"),
    ] {
        let error = schedule.validate().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!(schedule.preview().count(), 0);
    }
    schedule().jitter(0.0).validate().unwrap();
}

#[cfg(feature = "callback")]
#[tokio::test(start_paused = true)]
async fn policy_is_reset_after_failed_extra_polls() {
    let diary = Diary::default();
    let schedule = Schedule::from_backoff(diary.clone());
    let (simulator, client, id) = gateway(SimulatedTask::new().generates_for(secs(50)), schedule);
    simulator.inject(Fault::status(502).after(1).times(2));
    let waiting = tokio::spawn(client.watch(&id).wait_until_done());
    tokio::time::sleep(secs(5)).await;
    assert_eq!(client.poll_now(&id), 1);
    waiting.await.unwrap().unwrap();
    // After the first poll come two extra polls that fail and one that does not. The policy gives a pause to none of them.
    let written = diary.0.lock().unwrap().clone();
    assert_eq!(written[..4], ["reset", "next", "reset", "next"], "{written:?}");
}

/// Panics in one of its calls, with one of the texts that a panic can have.
#[derive(Debug)]
struct Panics {
    at: At,
    calls: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    Clone,
    FirstReset,
    LaterReset,
    FirstPause,
    LaterPause,
    /// And again when it is dropped.
    PauseAndDrop,
}

impl Clone for Panics {
    fn clone(&self) -> Self {
        assert!(self.at != At::Clone, "no clone of {:?}", self.at);
        Self { ..*self }
    }
}

impl Drop for Panics {
    fn drop(&mut self) {
        assert!(self.at != At::PauseAndDrop || self.calls == 0 || std::thread::panicking(), "no drop");
    }
}

impl Backoff for Panics {
    fn reset(&mut self) {
        assert!(self.at != At::FirstReset && (self.at != At::LaterReset || self.calls == 0), "no reset");
    }

    fn next_backoff(&mut self) -> Option<Duration> {
        self.calls += 1;
        match self.at {
            At::FirstPause => std::panic::panic_any(7), // no text
            At::LaterPause if self.calls == 3 => panic!("no pause\nat {}", self.calls),
            At::PauseAndDrop => panic!("no pause"),
            _ => Some(secs(20)),
        }
    }
}

/// What each says, and after how many polls.
const PANICS: [(At, &str, u32); 6] = [
    (At::Clone, ": no clone of Clone", 1),
    (At::FirstReset, ": no reset", 1),
    (At::LaterReset, ": no reset", 3),
    (At::FirstPause, "panicked", 1),
    (At::LaterPause, r": no pause\nat 3", 3),
    (At::PauseAndDrop, ": no pause", 1),
];

fn panics(at: At) -> Schedule {
    Schedule::from_backoff(Panics { at, calls: 0 })
}

#[track_caller]
fn assert_panicked(error: &luma_watch::Error, at: At, text: &str, polls: u32) {
    assert_eq!(
        (error.kind(), error.is_transient(), error.polls()),
        (ErrorKind::Config, false, polls),
        "{at:?}: {error}"
    );
    let said = error.to_string();
    assert!(said.contains("the schedule's backoff policy panicked") && said.ends_with(text), "{at:?}: {said}");
}

/// The second poll fails, so that the third one resets the policy.
fn fail_second(simulator: &luma_watch::simulator::Simulator) {
    simulator.inject(Fault::status(502).after(1));
}

#[tokio::test(start_paused = true)]
async fn policy_that_panics_ends_its_watch() {
    for (at, text, polls) in PANICS {
        let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), panics(at));
        fail_second(&simulator);
        let events: Vec<_> = client.watch(&id).collect().await;
        let Some(StatusEvent::GaveUp(error)) = events.last() else { panic!("{events:?}") };
        assert_panicked(error, at, text, polls);
        assert_eq!((error.task_id(), simulator.requests().len()), (Some(&id), polls as usize));
        // The client goes on.
        simulator.clear_faults();
        client.status(&id).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn policy_that_panics_ends_all_shared_readers() {
    for (at, text, polls) in PANICS {
        let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), panics(at));
        fail_second(&simulator);
        let shared = client.watch(&id).shared();
        let other = shared.clone();
        let (first, second) = tokio::join!(shared, other.collect::<Vec<_>>());
        assert_panicked(&first.unwrap_err(), at, text, polls);
        let Some(StatusEvent::GaveUp(error)) = second.last() else { panic!("{second:?}") };
        assert_panicked(error, at, text, polls);
    }
}

#[tokio::test(start_paused = true)]
async fn policy_that_panics_ends_one_task_of_many() {
    for (at, text, polls) in PANICS {
        let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), panics(at));
        simulator.inject(Fault::status(502).only(&id).after(1));
        // These end at their first poll, and ask for no pause.
        let others: Vec<_> = (0..20).map(|_| simulator.add(SimulatedTask::new().generates_for(secs(0)))).collect();
        let mut all = client.watch_all(others.iter().chain([&id]));
        let mut ended = Vec::new();
        while let Some((of, event)) = all.next().await {
            match event {
                StatusEvent::GaveUp(error) => {
                    assert_eq!(of, id);
                    assert_panicked(&error, at, text, polls);
                }
                StatusEvent::Done(_) => ended.push(of),
                _ => {}
            }
        }
        assert_eq!((ended.len(), all.len()), (20, 0), "{at:?}");
    }
}

#[test]
fn preview_of_panicking_policy_ends() {
    for (at, _, _) in PANICS {
        let polls = panics(at).preview().take(10).count();
        let expected = match at {
            At::LaterReset => 10,
            At::LaterPause => 3,
            _ => 1,
        };
        assert_eq!(polls, expected, "{at:?}");
    }
}

//! An observer sees every poll, event and end of every watch, and can harm none of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{
    Client, Cooldown, Observer, PollEnded, PollSent, RateLimit, Schedule, Status, WatchEnded, WatchEvent, WatchStarted,
};
use tokio::time::{sleep, timeout};

use crate::support::in_memory::{ms, open_window, secs};

/// Writes a line for each call.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn push(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Observer for Lines {
    fn watch_started(&self, watch: &WatchStarted<'_>) {
        self.push(format!("start {}", watch.task_id));
    }

    fn poll_sent(&self, poll: &PollSent<'_>) {
        self.push(format!("sent {} after {:?}, {} in flight", poll.task_id, poll.waited, poll.limits().in_flight));
    }

    fn poll_ended(&self, poll: &PollEnded<'_>) {
        let status = poll.http_status.map_or_else(String::new, |status| format!(" {status}"));
        self.push(format!("{} {}{status} in {:?}", poll.outcome(), poll.task_id, poll.latency));
    }

    fn event(&self, event: &WatchEvent<'_>) {
        self.push(format!("event {} of {}", event.event.name(), event.task_id));
    }

    fn watch_ended(&self, watch: &WatchEnded<'_>) {
        let WatchEnded { task_id, polls, elapsed, detection_delay, .. } = watch;
        self.push(format!("end {task_id}: {}, {polls} polls, {elapsed:?}, late {detection_delay:?}", watch.outcome()));
    }

    fn held_back(&self, cooldown: &Cooldown) {
        let id = cooldown.error.task_id().unwrap();
        self.push(format!("held back by {id}: {} for {:?}", cooldown.error.kind(), cooldown.remaining));
    }
}

fn observed(schedule: Schedule) -> (Simulator, Client, Lines) {
    let (simulator, lines) = (Simulator::new(), Lines::default());
    let builder = Client::builder("test-key").schedule(schedule).simulator(&simulator);
    (simulator, builder.observe(lines.clone()).build().unwrap(), lines)
}

#[tokio::test(start_paused = true)]
async fn whole_watch_is_seen_in_its_order() {
    let (simulator, client, lines) = observed(Schedule::default());
    simulator.add_as("t", SimulatedTask::new().generates_for(secs(45)));
    simulator.latency(ms(500)).inject(Fault::status(502).after(1));
    client.wait_until_done("t").await.unwrap();
    let seen = lines.take();
    let expected = [
        "start t",
        "sent t after 0ns, 1 in flight",
        "answered t 200 in 500ms",
        "event generating of t",
        "sent t after 0ns, 1 in flight",
        "server t 502 in 500ms",
        "event poll_failed of t",
        "sent t after 0ns, 1 in flight",
        "answered t 200 in 500ms",
        "event generating of t",
        "sent t after 0ns, 1 in flight",
        "answered t 200 in 500ms",
        "event done of t",
    ];
    assert_eq!(seen[..expected.len()], expected);
    let [end] = &seen[expected.len()..] else { panic!("{seen:#?}") };
    assert!(end.starts_with("end t: success, 4 polls, 6") && !end.ends_with("None"), "{end}");
}

#[tokio::test(start_paused = true)]
async fn delay_of_detection_is_from_the_end_to_the_answer() {
    let (simulator, client, lines) = observed(Schedule::default());
    simulator.add_as("t", SimulatedTask::new().generates_for(secs(50)).ends_with(Status::CallbackFailed));
    assert_eq!(client.watch_all(["t"]).count().await, 3);
    assert_eq!(lines.take().last().unwrap(), "end t: callback_failed, 3 polls, 60s, late Some(10s)");
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_watch_and_check_is_seen_once() {
    let (simulator, client, lines) = observed(Schedule::default());
    for id in ["single", "shared", "all", "check", "spawned"] {
        simulator.add_as(id, SimulatedTask::new().generates_for(Duration::ZERO));
    }
    client.watch("single").count().await;
    let reader = client.watch("shared").shared();
    let (one, other) = tokio::join!(reader.clone(), reader);
    assert_eq!(one.unwrap(), other.unwrap());
    client.watch_all(["all"]).count().await;
    client.status("check").await.unwrap();
    tokio::spawn(client.with_schedule(Schedule::every(secs(5))).unwrap().wait_until_done("spawned"))
        .await
        .unwrap()
        .unwrap();
    let seen = lines.take();
    let of = |start: &str| seen.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!(["start ", "sent ", "answered ", "event done ", "end "].map(of), [4, 5, 5, 4, 4], "{seen:#?}");
    assert_eq!(of("sent check"), 1);
    assert_eq!(of("start check"), 0, "a check is no watch");
}

#[tokio::test(start_paused = true)]
async fn dropped_poll_and_dropped_watch_are_seen() {
    let (simulator, client, lines) = observed(Schedule::default());
    simulator.add_as("t", SimulatedTask::new());
    simulator.inject(Fault::stall());
    assert!(timeout(secs(7), client.wait_until_done("t")).await.is_err());
    let seen = lines.take();
    assert_eq!(
        seen[1..],
        ["sent t after 0ns, 1 in flight", "dropped t in 7s", "end t: dropped, 0 polls, 7s, late None"]
    );

    let mut all = client.watch_all(["t"]);
    all.next().await.unwrap();
    assert!(all.remove("t"));
    assert_eq!(lines.take().last().unwrap(), "end t: dropped, 1 polls, 0ns, late None");
    drop(client.watch("t"));
    assert_eq!(lines.take(), [""; 0], "a watch that was never polled has not started");
}

#[tokio::test(start_paused = true)]
async fn poll_of_a_dropped_watch_ends_before_it() {
    for ending in ["dropped", "stopped", "removed"] {
        let (simulator, client, lines) = observed(Schedule::default());
        simulator.add_as("t", SimulatedTask::new());
        simulator.inject(Fault::stall());
        let mut all = client.watch_all(["t"]);
        assert!(timeout(secs(7), all.next()).await.is_err());
        lines.take();
        match ending {
            "dropped" => drop(all),
            "stopped" => assert_eq!(all.stop(), ["t"]),
            _ => assert!(all.remove("t")),
        }
        let seen = lines.take();
        assert_eq!(seen, ["dropped t in 7s", "end t: dropped, 0 polls, 7s, late None"], "{ending}");
    }
}

#[tokio::test(start_paused = true)]
async fn refusal_that_holds_a_client_back_is_seen_once() {
    let (simulator, client, lines) = observed(Schedule::default());
    let ids = ["a", "b", "c"];
    for id in ids {
        simulator.add_as(id, SimulatedTask::new().generates_for(secs(20)));
    }
    open_window(&simulator, &client, 4, ms(100)).await;
    lines.take();
    simulator.inject(Fault::status(503).retry_after("40").times(3));
    join_all(ids.map(|id| client.wait_until_done(id))).await;
    let seen = lines.take();
    let held: Vec<_> = seen.iter().filter(|line| line.starts_with("held back")).collect();
    assert_eq!(seen.iter().filter(|line| line.starts_with("maintenance")).count(), 3, "{seen:#?}");
    assert_eq!(held.len(), 1, "{seen:#?}");
    assert!(held[0].ends_with("maintenance for 40s"), "{held:?}");
}

#[tokio::test(start_paused = true)]
async fn wait_for_a_permit_is_measured() {
    for many in [false, true] {
        let (simulator, lines) = (Simulator::new(), Lines::default());
        let limit = RateLimit::per(1, secs(10));
        let builder = Client::builder("test-key").rate_limit(limit).simulator(&simulator);
        let client = builder.observe(lines.clone()).build().unwrap();
        for id in ["a", "b", "c"] {
            simulator.add_as(id, SimulatedTask::new().generates_for(Duration::ZERO));
        }
        sleep(secs(1)).await;
        if many {
            client.watch_all(["a", "b", "c"]).count().await;
        } else {
            join_all(["a", "b", "c"].map(|id| client.wait_until_done(id))).await;
        }
        let seen = lines.take();
        let waits = ["a after 0ns", "b after 10", "c after 20"].map(|wait| format!("sent {wait}"));
        for wait in waits {
            assert!(seen.iter().any(|line| line.starts_with(&wait)), "{wait}: {seen:#?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn wait_for_a_permit_goes_on_as_that_of_the_final_poll() {
    for many in [false, true] {
        let (simulator, lines) = (Simulator::new(), Lines::default());
        let builder = Client::builder("test-key").rate_limit(RateLimit::per(1, secs(100))).simulator(&simulator);
        let builder = builder.schedule(Schedule::default().max_wait(secs(90)));
        let client = builder.observe(lines.clone()).build().unwrap();
        simulator.add_as("t", SimulatedTask::new().generates_for(Duration::ZERO));
        client.status("t").await.unwrap();
        lines.take();
        if many {
            client.watch_all(["t"]).count().await;
        } else {
            client.wait_until_done("t").await.unwrap();
        }
        assert_eq!(lines.take()[1], "sent t after 100s, 1 in flight", "{many}");
    }
}

/// Panics in each call.
struct Panics(Arc<AtomicBool>);

impl Observer for Panics {
    fn poll_sent(&self, _: &PollSent<'_>) {
        self.0.store(true, Ordering::Relaxed);
        std::panic::panic_any(Bomb);
    }

    fn poll_ended(&self, _: &PollEnded<'_>) {
        panic!("an observer");
    }

    fn event(&self, _: &WatchEvent<'_>) {
        panic!("an observer");
    }

    fn watch_ended(&self, _: &WatchEnded<'_>) {
        panic!("an observer");
    }
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[tokio::test(start_paused = true)]
async fn observer_that_panics_harms_nothing_else() {
    let (simulator, lines, called) = (Simulator::new(), Lines::default(), Arc::default());
    let builder = Client::builder("test-key").simulator(&simulator).observe(Panics(Arc::clone(&called)));
    let client = builder.observe(lines.clone()).build().unwrap();
    simulator.add_as("t", SimulatedTask::new());
    assert_eq!(client.wait_until_done("t").await.unwrap().status(), Status::Success);
    assert!(called.load(Ordering::Relaxed));
    assert_eq!(lines.take().len(), 1 + 3 * 11 + 1);
    assert_eq!(client.limits().in_flight, 0);
}

/// Calls the client that calls it, and writes down what it sees.
#[derive(Default)]
struct Caller {
    client: Mutex<Option<Client>>,
    seen: Lines,
}

impl Caller {
    fn client(&self) -> Client {
        self.client.lock().unwrap().clone().unwrap()
    }
}

impl Observer for Caller {
    fn poll_sent(&self, poll: &PollSent<'_>) {
        let in_flight = [self.client().limits().in_flight, poll.limits().in_flight];
        self.seen.push(format!("sent, {in_flight:?} in flight"));
    }

    fn poll_ended(&self, poll: &PollEnded<'_>) {
        let in_flight = [self.client().limits().in_flight, poll.limits().in_flight];
        drop(self.client().watch("other"));
        self.seen.push(format!("{}, {in_flight:?} in flight", poll.outcome()));
    }

    fn held_back(&self, _: &Cooldown) {
        self.seen.push(format!("held back, resumed: {}", self.client().resume_now()));
    }
}

#[tokio::test(start_paused = true)]
async fn observer_may_call_its_client() {
    let (simulator, caller) = (Simulator::new(), Arc::<Caller>::default());
    let client = Client::builder("test-key").simulator(&simulator).observe(Arc::clone(&caller)).build().unwrap();
    *caller.client.lock().unwrap() = Some(client.clone());
    simulator.add_as("t", SimulatedTask::new().generates_for(Duration::ZERO));
    simulator.inject(Fault::status(503).retry_after("100"));
    assert!(client.status("t").await.is_err());
    assert!(client.limits().cooldown.is_none(), "the observer has ended it");
    assert!(client.wait_until_done("t").await.is_ok());
    let sent = "sent, [1, 1] in flight";
    let expected =
        [sent, "held back, resumed: true", "maintenance, [0, 0] in flight", sent, "answered, [0, 0] in flight"];
    assert_eq!(caller.seen.take(), expected);
    caller.client.lock().unwrap().take();
}

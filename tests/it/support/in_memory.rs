//! A gateway in memory on tokio's paused clock, and a client of it.

use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{
    Client, ClientBuilder, ErrorKind, HeldBack, History, PollFailure, Progress, Schedule, StatusEvent, TaskId, Watch,
};

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A gateway with one task, and a client of it with this schedule.
pub(crate) fn gateway(task: SimulatedTask, schedule: Schedule) -> (Simulator, Client, TaskId) {
    let simulator = Simulator::new();
    let id = simulator.add(task);
    let client = Client::builder("test-key").schedule(schedule).simulator(&simulator).build().unwrap();
    (simulator, client, id)
}

/// When each request came.
pub(crate) fn asked_at(simulator: &Simulator) -> Vec<Duration> {
    simulator.requests().iter().map(|request| request.at).collect()
}

#[track_caller]
pub(crate) fn progress(event: Option<StatusEvent>) -> Progress {
    match event {
        Some(StatusEvent::Generating(progress)) => progress,
        other => unreachable!("not progress: {other:?}"),
    }
}

/// Lets this many requests be in flight: the number grows with the answers.
pub(crate) async fn open_window(simulator: &Simulator, client: &Client, requests: usize, latency: Duration) {
    let ids = endless(simulator, requests);
    simulator.latency(ms(1));
    while client.limits().in_flight_allowed < requests {
        for answer in join_all(ids.iter().map(|id| client.status(id))).await {
            answer.unwrap();
        }
    }
    simulator.latency(latency);
}

/// The next event that is not only that the watch is held back.
pub(crate) async fn next_answer(watch: &mut Watch) -> Option<StatusEvent> {
    loop {
        match watch.next().await {
            Some(StatusEvent::HeldBack(_)) => {}
            event => return event,
        }
    }
}

/// The next event, which says that the watch is held back.
pub(crate) async fn held_back(watch: &mut Watch) -> HeldBack {
    match watch.next().await {
        Some(StatusEvent::HeldBack(hold)) => hold,
        other => unreachable!("not held back: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn failure(event: Option<StatusEvent>) -> PollFailure {
    match event {
        Some(StatusEvent::PollFailed(failure)) => failure,
        other => unreachable!("not a failed poll: {other:?}"),
    }
}

/// The kind of the error that ended the watch.
pub(crate) fn gave_up(event: &StatusEvent) -> Option<ErrorKind> {
    match event {
        StatusEvent::GaveUp(error) => Some(error.kind()),
        _ => None,
    }
}

/// A client of this gateway, to be set up further.
pub(crate) fn builder(simulator: &Simulator) -> ClientBuilder {
    Client::builder("test-key").simulator(simulator)
}

/// A gateway that takes this long to answer.
pub(crate) fn slow_simulator(latency: Duration) -> Simulator {
    let simulator = Simulator::new();
    simulator.latency(latency);
    simulator
}

/// Adds this many tasks that never end.
pub(crate) fn endless(simulator: &Simulator, count: usize) -> Vec<TaskId> {
    (0..count).map(|_| simulator.add(SimulatedTask::new().never_ends())).collect()
}

/// The most requests that came within any stretch of this length.
pub(crate) fn most_within(times: &[Duration], period: Duration) -> usize {
    let within = |start: &Duration| times.iter().filter(|at| *at >= start && **at < *start + period).count();
    times.iter().map(within).max().unwrap_or(0)
}

/// Forty tasks that took about five minutes.
pub(crate) fn five_minutes() -> History {
    (0..40).map(|task| secs(260 + 2 * task)).collect()
}

/// A client whose watches follow this history, and add to it.
pub(crate) fn learning_client(simulator: &Simulator, history: &History) -> Client {
    builder(simulator).schedule(Schedule::learned(history)).build().unwrap()
}

/// When each request came, in seconds from the first.
#[cfg(feature = "callback")]
pub(crate) fn seconds(simulator: &Simulator) -> Vec<f64> {
    let asked = asked_at(simulator);
    asked.iter().map(|at| (*at - asked[0]).as_secs_f64()).collect()
}

/// A callback about this task.
#[cfg(feature = "callback")]
pub(crate) fn callback(id: &TaskId) -> luma_watch::Callback {
    luma_watch::Callback::parse(format!(r#"{{"code":200,"data":{{"taskId":"{id}"}}}}"#).as_bytes()).unwrap()
}

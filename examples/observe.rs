//! An observer that writes one line for each thing that a client does.
//!
//! `cargo run --example observe` polls a simulated gateway in memory. Its clock is paused, so that minutes pass at once.

#![allow(clippy::print_stdout)] // the output of an example

use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{Client, Cooldown, Observer, PollEnded, PollSent, WatchEnded, WatchStarted};

struct Lines;

impl Observer for Lines {
    fn watch_started(&self, watch: &WatchStarted<'_>) {
        println!("{}: watch started", watch.task_id);
    }

    fn poll_sent(&self, poll: &PollSent<'_>) {
        println!("{}: poll sent, waited {:?}, {} in flight", poll.task_id, poll.waited, poll.limits().in_flight);
    }

    fn poll_ended(&self, poll: &PollEnded<'_>) {
        println!("{}: poll {} in {:?}, HTTP {:?}", poll.task_id, poll.outcome(), poll.latency, poll.http_status);
    }

    fn watch_ended(&self, watch: &WatchEnded<'_>) {
        let (outcome, polls, delay) = (watch.outcome(), watch.polls, watch.detection_delay);
        println!("{}: watch ended, {outcome}, {polls} polls, found {delay:?} after the task's end", watch.task_id);
    }

    fn held_back(&self, cooldown: &Cooldown) {
        println!("{cooldown}");
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), luma_watch::Error> {
    tokio::time::pause();
    let simulator = Simulator::new();
    simulator.add_as("harbour", SimulatedTask::new().generates_for(std::time::Duration::from_secs(100)));
    simulator.inject(Fault::status(503).retry_after("45").after(2));
    let client = Client::builder("test-key").simulator(&simulator).observe(Lines).build()?;
    client.wait_until_done("harbour").await.map(drop)
}

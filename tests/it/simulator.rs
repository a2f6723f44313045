//! The simulator follows its settings, and repeats itself with the same seed.

use std::time::Duration;

use futures::StreamExt;
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{Client, Schedule};

fn client(simulator: &Simulator) -> Client {
    let schedule = Schedule::every(Duration::from_secs(1)).no_max_wait();
    Client::builder("test-key").simulator(simulator).schedule(schedule).build().unwrap()
}

async fn statuses(simulator: &Simulator, count: usize) -> Vec<Option<u16>> {
    let id = simulator.add(SimulatedTask::new().never_ends());
    client(simulator).watch(id).take(count).count().await;
    simulator.requests().iter().map(|request| request.status).collect()
}

#[tokio::test(start_paused = true)]
async fn random_faults_are_independent_and_repeatable() {
    let run = || async {
        let simulator = Simulator::new();
        simulator.seed(42);
        simulator.inject(Fault::status(502).probability(0.3).always());
        simulator.inject(Fault::status(504).probability(0.3).always());
        statuses(&simulator, 1_000).await
    };
    let seen = run().await;
    let count = |status| seen.iter().filter(|other| **other == Some(status)).count();
    assert!((250..350).contains(&count(502)), "{}", count(502));
    assert!((160..260).contains(&count(504)), "0.3 of what the first leaves: {}", count(504));
    assert_eq!(run().await, seen);
}

#[tokio::test(start_paused = true)]
async fn truncated_answer_keeps_headers() {
    let simulator = Simulator::new();
    simulator.inject(Fault::truncated().retry_after("77"));
    simulator.inject(Fault::status(99));
    simulator.inject(Fault::status(1_000));
    let id = simulator.add(SimulatedTask::new());
    let client = client(&simulator);
    assert_eq!(client.status(&id).await.unwrap_err().retry_after(), Some(Duration::from_secs(77)));
    for _ in 0..2 {
        assert_eq!(client.status(&id).await.unwrap_err().http_status(), Some(500));
    }
}

#[test]
fn client_made_on_another_clock_still_works() {
    let paused = || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let simulator = Simulator::new();
    let id = simulator.add(SimulatedTask::new().never_ends());
    let made = paused();
    let client = made.block_on(async {
        tokio::time::advance(Duration::from_secs(7_200)).await;
        Client::builder("test-key").simulator(&simulator).build().unwrap()
    });
    let error = paused().block_on(client.wait_until_done(id)).unwrap_err();
    assert_eq!((error.polls(), error.elapsed()), (31, Duration::from_secs(900)));
}

//! A thousand tasks in one stream, under one rate limit, with a progress bar.
//!
//! `cargo run --example watch_all` polls a simulated gateway over HTTP, at 60 times its speed. The gateway refuses more than
//! 400 requests per second. Ctrl-C lets the requests in flight finish, and says how many tasks have not ended.

#![allow(clippy::print_stdout, clippy::arithmetic_side_effects)] // the output of an example, and small numbers

use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{Client, RateLimit, Schedule, Status, StatusEvent};

#[derive(Default)]
struct Counts {
    succeeded: u32,
    failed: u32,
    given_up: u32,
    failed_polls: u32,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let simulator = Simulator::new();
    simulator.speed(60).rate_limit(RateLimit::per(400, Duration::from_secs(1)));
    let server = simulator.serve().await?;
    // Half a minute to five minutes. One in twenty fails.
    let ids = (0..1_000_u32).map(|number| {
        let task = SimulatedTask::new().generates_for(Duration::from_secs(30 + u64::from(number * 7 % 270)));
        let fails = number % 20 == 0;
        simulator.add(if fails { task.ends_with(Status::GenerateFailed).error(400, "too dark") } else { task })
    });

    let client = Client::builder("test-key")
        .base_url(server.url())
        // A quarter below the gateway's limit: requests that leave evenly may arrive unevenly.
        .rate_limit(RateLimit::per(300, Duration::from_secs(1)))
        .max_in_flight(64)
        .schedule(Schedule::every(Duration::from_millis(500)).max_wait(Duration::from_secs(30)))
        .build()?;
    let mut all = client.watch_all(ids);

    let bar = ProgressBar::new(1_000).with_style(ProgressStyle::with_template("{bar:40} {pos}/{len} {msg} {elapsed}")?);
    let mut interrupted = pin!(tokio::signal::ctrl_c());
    let mut counts = Counts::default();
    loop {
        tokio::select! {
            item = all.next() => {
                let Some((_, event)) = item else { break };
                match event {
                    StatusEvent::Generating(_) => continue,
                    StatusEvent::PollFailed(failure) => {
                        counts.failed_polls += 1;
                        bar.println(format!("{}", failure.error)); // it names the task
                        continue;
                    }
                    StatusEvent::Done(finished) if finished.task.status().is_success() => counts.succeeded += 1,
                    StatusEvent::Done(_) => counts.failed += 1,
                    _ => counts.given_up += 1,
                }
                bar.inc(1);
                bar.set_message(format!("{} failed", counts.failed));
            }
            // The loop goes on until no request is in flight.
            _ = &mut interrupted, if !all.is_draining() => all.drain(),
        }
    }
    bar.finish();

    let Counts { succeeded, failed, given_up, failed_polls } = counts;
    println!("{succeeded} succeeded, {failed} failed, {given_up} given up; {failed_polls} failed polls");
    println!("{} requests, refused: {}", simulator.requests().len(), refused(&simulator));
    let left = all.stop();
    if let Some(first) = left.first() {
        println!("{} not ended; watch them again later, starting with {first}", left.len());
    }
    Ok(())
}

fn refused(simulator: &Simulator) -> usize {
    simulator.requests().iter().filter(|request| request.status == Some(429)).count()
}

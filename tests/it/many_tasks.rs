//! The figures of 5,000 tasks on the guide's page about limits.

use std::time::Duration;

use fastrand::Rng;
use futures::StreamExt;
use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{Client, RateLimit, Schedule, StatusEvent};
use tokio::time::Instant;

use crate::learned_cost::Tasks;
use crate::support::in_memory::secs;

const TASKS: usize = 5_000;

/// What came of the tasks. Delays are from a task's end to the poll that finds it.
#[derive(Debug, Default)]
struct Figures {
    found: u32,
    gave_up: u32,
    requests: usize,
    delay: Duration,
    longest_delay: Duration,
}

impl Figures {
    fn mean_delay(&self) -> Duration {
        self.delay / self.found
    }
}

/// Watches tasks that start together, under a rate limit of `requests` in 10 s.
async fn watch(requests: u32, schedule: Schedule) -> Figures {
    let (simulator, start) = (Simulator::new(), Instant::now());
    let (tasks, mut random) = (Tasks::lognormal(300.0, 0.4), Rng::with_seed(3));
    let task = |_| SimulatedTask::new().generates_for(Duration::from_secs_f64(tasks.draw(&mut random)));
    let ids: Vec<_> = (0..TASKS).map(task).map(|task| simulator.add(task)).collect();
    let limit = RateLimit::per(requests, secs(10));
    let client =
        Client::builder("test-key").simulator(&simulator).rate_limit(limit).schedule(schedule).build().unwrap();

    let (mut all, mut figures) = (client.watch_all(ids), Figures::default());
    while let Some((_, event)) = all.next().await {
        match event {
            StatusEvent::Done(end) => {
                let delay = start.elapsed().saturating_sub(end.task.generation_time().unwrap());
                figures.found += 1;
                figures.delay += delay;
                figures.longest_delay = figures.longest_delay.max(delay);
            }
            StatusEvent::GaveUp(_) => figures.gave_up += 1,
            _ => {}
        }
    }
    figures.requests = simulator.requests().len();
    figures
}

#[tokio::test(start_paused = true)]
async fn tasks_beyond_rate_limit_are_found_with_a_longer_pause() {
    let figures = watch(75, Schedule::every(secs(12 * 60)).max_wait(secs(45 * 60))).await;
    assert_eq!((figures.found, figures.gave_up), (5_000, 0));
    assert!((7_250..=7_750).contains(&figures.requests), "{figures:?}");
    assert!((secs(315)..=secs(335)).contains(&figures.mean_delay()), "{figures:?}");
    assert!(figures.longest_delay <= secs(15 * 60), "{figures:?}");
}

#[tokio::test(start_paused = true)]
async fn tasks_beyond_rate_limit_reach_the_default_deadline() {
    let figures = watch(75, Schedule::default()).await;
    assert!((500..=640).contains(&figures.gave_up), "{figures:?}");
}

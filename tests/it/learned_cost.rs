//! What a schedule that learns costs beside a fixed interval, for tasks whose times are drawn from known distributions.
//!
//! No clock runs: the polls are those of [`Schedule::preview`], the random numbers are seeded, and the figures are the
//! same each time.

use std::f64::consts::TAU;
use std::time::Duration;

use fastrand::Rng;
use luma_watch::{History, Schedule};

use crate::support::in_memory::secs;

/// The most that requests and mean delay may be, as a multiple of those of the fixed interval.
const TOLERANCE: f64 = 1.05;
/// How many tasks stand for a distribution when costs are counted.
const SAMPLE: usize = 500;

/// Tasks whose times are lognormal around one median or two.
#[derive(Clone, Copy)]
pub(crate) struct Tasks {
    /// The share of the first kind.
    share: f64,
    /// In seconds.
    medians: [f64; 2],
    sigma: f64,
}

impl Tasks {
    pub(crate) const fn lognormal(median: f64, sigma: f64) -> Self {
        Self { share: 1.0, medians: [median; 2], sigma }
    }

    /// How long one task takes, in seconds.
    pub(crate) fn draw(&self, random: &mut Rng) -> f64 {
        let median = self.medians[usize::from(random.f64() >= self.share)];
        let mut unit = || 1.0 - random.f64(); // never 0
        let normal = (-2.0 * unit().ln()).sqrt() * (TAU * unit()).cos();
        median * (self.sigma * normal).exp()
    }

    pub(crate) fn sample(&self) -> Vec<f64> {
        let mut random = Rng::with_seed(1);
        let mut ends: Vec<_> = (0..SAMPLE).map(|_| self.draw(&mut random)).collect();
        ends.sort_by(f64::total_cmp);
        ends
    }
}

/// Requests after the first one, which all schedules have, and seconds from the ends of tasks to the polls that find
/// them.
#[derive(Debug, Default)]
pub(crate) struct Cost {
    pub(crate) requests: f64,
    pub(crate) delay: f64,
}

impl Cost {
    /// Adds those of tasks that are polled from their creation on. `ends` are in order.
    pub(crate) fn add(&mut self, ends: &[f64], schedule: &Schedule) {
        let mut polls = schedule.clone().no_max_wait().preview().map(|at| at.as_secs_f64()).skip(1);
        let (mut poll, mut requests) = (0.0, 0.0);
        for end in ends {
            while poll < *end {
                poll = polls.next().unwrap();
                requests += 1.0;
            }
            self.requests += requests;
            self.delay += poll - end;
        }
    }
}

pub(crate) fn record(history: &History, tasks: &Tasks, random: &mut Rng) {
    history.record(Duration::from_secs_f64(tasks.draw(random)));
}

fn assert_within_tolerance(name: &str, learned: &Cost, fixed: &Cost, rounds: f64) {
    let requests = learned.requests / rounds / fixed.requests;
    let delay = learned.delay / rounds / fixed.delay;
    assert!(requests <= TOLERANCE && delay <= TOLERANCE, "{name}: {requests} of the requests, {delay} of the delay");
}

#[test]
fn learned_schedule_costs_at_most_5_percent_more() {
    let cases = [
        ("sigma 0.4", Tasks::lognormal(300.0, 0.4)),
        ("sigma 0.2", Tasks::lognormal(300.0, 0.2)),
        ("sigma 0.8", Tasks::lognormal(300.0, 0.8)),
        ("two modes", Tasks { share: 0.5, medians: [150.0, 800.0], sigma: 0.25 }),
        ("early failures", Tasks { share: 0.08, medians: [20.0, 300.0], sigma: 0.4 }),
    ];
    for (name, tasks) in cases {
        let ends = tasks.sample();
        let mut fixed = Cost::default();
        fixed.add(&ends, &Schedule::every(secs(30)));
        for (count, rounds) in [(1, 20_u8), (2, 20), (5, 20), (20, 10), (100, 5)] {
            let mut learned = Cost::default();
            for seed in 0..rounds {
                let (history, mut random) = (History::new(), Rng::with_seed(seed.into()));
                (0..count).for_each(|_| record(&history, &tasks, &mut random));
                learned.add(&ends, &Schedule::learned(&history));
            }
            assert_within_tolerance(&format!("{name} after {count}"), &learned, &fixed, rounds.into());
        }
    }
}

#[test]
fn drifting_tasks_cost_at_most_5_percent_more() {
    for later in [600.0, 150.0] {
        let halves = [300.0, later].map(|median| Tasks::lognormal(median, 0.4)).map(|tasks| (tasks, tasks.sample()));
        for (count, rounds) in [(5, 8), (20, 4)] {
            let (mut fixed, mut learned) = (Cost::default(), Cost::default());
            for seed in 0..rounds {
                let (history, mut random) = (History::new(), Rng::with_seed(seed));
                for (tasks, ends) in &halves {
                    for _ in 0..count {
                        fixed.add(ends, &Schedule::every(secs(30)));
                        learned.add(ends, &Schedule::learned(&history));
                        record(&history, tasks, &mut random);
                    }
                }
            }
            assert_within_tolerance(&format!("300 s, then {later} s, {count} each"), &learned, &fixed, 1.0);
        }
    }
}

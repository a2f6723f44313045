//! The figures of a series of polls: requests, and the delay from a task's end to the poll that finds it.

use std::time::Duration;

use luma_watch::Schedule;

use crate::tasks::Tasks;

/// The step in which delays are counted, in seconds.
const STEP: f64 = 0.25;

/// The sums over many tasks.
#[derive(Clone, Default)]
pub(crate) struct Figures {
    tasks: f64,
    requests: f64,
    delay: f64,
    /// The number of tasks for each delay in steps.
    delays: Vec<f64>,
}

impl Figures {
    /// Requests per task without the first poll, which all schedules make and which finds nothing.
    pub(crate) fn requests(&self) -> f64 {
        self.requests / self.tasks
    }

    /// In seconds.
    pub(crate) fn mean_delay(&self) -> f64 {
        self.delay / self.tasks
    }

    pub(crate) fn p99_delay(&self) -> f64 {
        let mut left = self.tasks * 0.01;
        let above = self.delays.iter().rposition(|count| {
            left -= count;
            left < 0.0
        });
        above.map_or(0.0, |steps| (steps as f64 + 0.5) * STEP)
    }

    /// Adds tasks that are polled at these times, in seconds after their creation. The first time is 0.
    pub(crate) fn watch(&mut self, tasks: &Tasks, polls: impl Iterator<Item = f64>) {
        let mut polls = polls.skip(1);
        let (mut found, mut count) = (0.0, 0.0);
        for end in &tasks.quantiles {
            while found < *end {
                found = polls.next().unwrap();
                count += 1.0;
            }
            let delay = found - end;
            let steps = (delay / STEP) as usize;
            if self.delays.len() <= steps {
                self.delays.resize(steps + 1, 0.0);
            }
            self.delays[steps] += 1.0;
            self.delay += delay;
            self.requests += count;
            self.tasks += 1.0;
        }
    }
}

pub(crate) fn instants(schedule: &Schedule) -> impl Iterator<Item = f64> {
    schedule.clone().no_max_wait().preview().map(|at| at.as_secs_f64())
}

pub(crate) fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// The figures of the setting that gives the mean delay `delay`. It searches between 1/20 and 20 times `usual`, and
/// expects that a larger setting gives a longer delay.
pub(crate) fn at_delay(usual: f64, delay: f64, figures: impl Fn(f64) -> Figures) -> Figures {
    let (mut low, mut high) = (usual / 20.0, usual * 20.0);
    let mut setting = usual;
    for _ in 0..12 {
        let got = figures(setting);
        let ratio = delay / got.mean_delay();
        if (ratio - 1.0).abs() < 0.002 {
            return got;
        }
        if ratio > 1.0 {
            low = setting;
        } else {
            high = setting;
        }
        setting *= ratio.powf(1.1);
        if setting <= low || setting >= high {
            setting = (low * high).sqrt();
        }
    }
    figures(setting)
}

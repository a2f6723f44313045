//! The schedules that are compared, and their figures for a work.

use luma_watch::{History, Schedule};

use crate::polls::{Figures, instants, seconds};
use crate::tasks::Work;

/// A schedule that does not change.
pub(crate) fn steady(work: &Work, schedule: &Schedule) -> Figures {
    let mut figures = Figures::default();
    for tasks in std::iter::once(&work.before).chain(&work.after) {
        figures.watch(tasks, instants(schedule));
    }
    figures
}

pub(crate) fn fixed(work: &Work, interval: f64) -> Figures {
    steady(work, &Schedule::every(seconds(interval)))
}

/// After `count` tasks. Where the tasks change: over `count` tasks of the first kind and `count` of the second, with an
/// empty history at the start.
pub(crate) fn learned(work: &Work, count: usize, rounds: u64, aim: f64, longest: f64) -> Figures {
    let mut figures = Figures::default();
    for round in 0..rounds {
        let mut random = fastrand::Rng::with_seed(round);
        let history = History::new();
        let schedule = Schedule::learned(&history).aim_for_delay(seconds(aim)).longest_pause(seconds(60.0 * longest));
        let halves = std::iter::once(&work.before).chain(&work.after);
        for tasks in halves {
            for _ in 0..count {
                if work.after.is_some() {
                    figures.watch(tasks, instants(&schedule));
                }
                history.record(seconds(tasks.draw(&mut random)));
            }
        }
        if work.after.is_none() {
            figures.watch(&work.before, instants(&schedule));
        }
    }
    figures
}

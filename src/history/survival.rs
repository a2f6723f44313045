//! What a history expects of the next task: how likely it is to be unfinished at each age; and what a poll of it is worth beside
//! others.

use std::time::Duration;

use super::estimate::density;
use super::histogram::Histogram;
use super::log_bins;

/// The vendor's example took 309 s.
const TYPICAL: f64 = 300.0;
/// Of tasks that were created long before their watch began, so many had ended by then. From 0.1 to 1 it makes little
/// difference.
const OVER: f64 = 0.3;
/// So few tasks get so old that nothing is known of those that do.
const RARE: f64 = 1e-6;

/// Nothing, as long as no task has ended.
pub(super) struct Survival {
    points: Vec<Point>,
    /// How much of it is known, from 0 to 1.
    pub(super) known: f64,
}

/// At the start of a bin.
#[derive(Clone, Copy)]
pub(super) struct Point {
    pub(super) at: f64,
    pub(super) survival: f64,
    /// The integral of the survival from here on.
    pub(super) tail_area: f64,
}

/// That a task has ended since it was asked about, and for how many seconds it is expected to have been so.
struct EndEstimate {
    ended: f64,
    since: f64,
}

impl EndEstimate {
    /// Where tasks end at an even rate, but for those that had ended before.
    fn at_any_time(gap: f64, mean: f64, before: f64) -> Self {
        let within = 1.0 - (-gap / mean).exp();
        let ended = before + (1.0 - before) * within;
        Self { ended, since: before * gap + (1.0 - before) * (gap - mean * within) }
    }

    /// Where requests are short, whoever has most of this should go first: in simulations it came within a few percent of the
    /// best rule, and needs no constant. It grows without bound as time goes by, so that nobody is left out for ever.
    fn gain(&self) -> f64 {
        self.ended * self.since.max(0.0)
    }
}

impl Survival {
    pub(super) fn new(histogram: &Histogram) -> Self {
        match density(&histogram.ended, &histogram.unfinished) {
            Some((density, known)) => Self { points: points(&density), known },
            None => Self { points: Vec::new(), known: 0.0 },
        }
    }

    /// The knots after an age, and one at that age. `None` where nothing is known.
    pub(super) fn look(&self, age: f64) -> Option<(&[Point], Point)> {
        let next = self.points.partition_point(|knot| knot.at <= age);
        let after = self.points.get(next..)?;
        let (start, end) = (self.points.get(next.checked_sub(1)?)?, after.first()?);
        let rest = (end.at - age) / (end.at - start.at);
        let survival = end.survival + (start.survival - end.survival) * rest;
        let tail_area = end.tail_area + f64::midpoint(survival, end.survival) * (end.at - age);
        Some((after, Point { at: age, survival, tail_area })).filter(|_| survival > 1e-9)
    }

    /// What a poll of a task is worth that was unfinished at this age, and is of that age now.
    pub(super) fn gain(&self, last: Duration, now: Duration) -> f64 {
        self.chance(last, now).gain()
    }

    /// The same of a first poll, by a watch that has waited for so long. `late`: how many of the watches come to a task that was
    /// created long before.
    pub(super) fn first_gain(&self, waited: Duration, late: f64) -> f64 {
        let (new, old) =
            (self.chance(Duration::ZERO, waited), EndEstimate::at_any_time(waited.as_secs_f64(), self.mean(), OVER));
        let mixed = |new: f64, old: f64| new * (1.0 - late) + old * late;
        EndEstimate { ended: mixed(new.ended, old.ended), since: mixed(new.since, old.since) }.gain()
    }

    fn chance(&self, last: Duration, now: Duration) -> EndEstimate {
        let (last, now) = (last.as_secs_f64(), now.as_secs_f64());
        let gap = (now - last).max(0.0);
        let Some((_, then)) = self.look(last).filter(|(_, then)| then.survival > RARE) else {
            return EndEstimate::at_any_time(gap, self.mean(), 0.0);
        };
        let (survival, tail_area) = self.look(now).map_or((0.0, 0.0), |(_, now)| (now.survival, now.tail_area));
        EndEstimate { ended: 1.0 - survival / then.survival, since: gap - (then.tail_area - tail_area) / then.survival }
    }

    /// How long a task takes.
    fn mean(&self) -> f64 {
        self.points.first().map_or(TYPICAL, |first| first.tail_area)
    }
}

fn points(density: &[f64]) -> Vec<Point> {
    let mut points = Vec::with_capacity(log_bins::BINS.saturating_add(1));
    let starts = log_bins::starts();
    let mut last = Point { at: starts.last().copied().unwrap_or_default(), survival: 0.0, tail_area: 0.0 };
    points.push(last);
    // From the end, so that small numbers are added up first.
    for (part, start) in density.iter().zip(starts).rev() {
        let survival = last.survival + part;
        let tail_area = last.tail_area + f64::midpoint(survival, last.survival) * (last.at - start);
        last = Point { at: *start, survival, tail_area };
        points.push(last);
    }
    points.reverse();
    points
}

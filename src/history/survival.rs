//! What a history expects of the next task: how likely it is to be unfinished at each age, and what a poll gains.

use std::time::Duration;

use super::estimate::density;
use super::histogram::Histogram;
use super::log_bins;

/// How long a task takes where nothing is known, in seconds. The vendor's example took 309 s.
const PRIOR_MEAN: f64 = 300.0;
/// The share of tasks that had ended before their watch began, among tasks that were created long before. Values from
/// 0.1 to 1 make little difference.
const PRIOR_ENDED_SHARE: f64 = 0.3;
/// Below this probability too few tasks reach an age to say anything about it.
const MIN_SURVIVAL: f64 = 1e-6;

/// The survival function: the probability that a task is unfinished at each age. Empty where no task has ended.
pub(super) struct Survival {
    /// One point at the start of each bin, and one at the end of the last.
    points: Vec<Point>,
    /// The weight of what is known beside the prior, 0 to 1.
    pub(super) confidence: f64,
}

/// A point of the survival function.
#[derive(Clone, Copy)]
pub(super) struct Point {
    /// The age, in seconds.
    pub(super) at: f64,
    /// The probability that a task is unfinished at this age.
    pub(super) survival: f64,
    /// The integral of the survival function from this age to its end, in seconds.
    pub(super) tail_area: f64,
}

/// What is expected of a task between two polls.
struct EndEstimate {
    /// The probability that it has ended.
    ended: f64,
    /// The expected time since its end, in seconds; zero counts for a task that has not ended.
    since_end: f64,
}

impl EndEstimate {
    /// For tasks that end at a constant rate, with `mean` as their mean time. `before` is the probability that the task
    /// had ended before the gap. Both times are in seconds.
    fn at_constant_rate(gap: f64, mean: f64, before: f64) -> Self {
        let within = 1.0 - (-gap / mean).exp();
        let ended = before + (1.0 - before) * within;
        Self { ended, since_end: before * gap + (1.0 - before) * (gap - mean * within) }
    }

    /// What a poll gains. Where requests are short, the poll with the greatest gain goes first.
    ///
    /// In simulations this product comes within a few percent of the best rule, and it needs no constant. It grows
    /// without bound as time passes, so that every task gets its poll.
    fn gain(&self) -> f64 {
        self.ended * self.since_end.max(0.0)
    }
}

impl Survival {
    pub(super) fn new(histogram: &Histogram) -> Self {
        match density(&histogram.finished, &histogram.unfinished) {
            Some((density, confidence)) => Self { points: points(&density), confidence },
            None => Self { points: Vec::new(), confidence: 0.0 },
        }
    }

    /// Returns the points after an age, and the interpolated point at that age, in seconds.
    ///
    /// Returns `None` where nothing is known of tasks of that age.
    pub(super) fn at(&self, age: f64) -> Option<(&[Point], Point)> {
        let next = self.points.partition_point(|point| point.at <= age);
        let after = self.points.get(next..)?;
        let (start, end) = (self.points.get(next.checked_sub(1)?)?, after.first()?);
        let rest = (end.at - age) / (end.at - start.at);
        let survival = end.survival + (start.survival - end.survival) * rest;
        let tail_area = end.tail_area + f64::midpoint(survival, end.survival) * (end.at - age);
        Some((after, Point { at: age, survival, tail_area })).filter(|_| survival > 1e-9)
    }

    /// The age at which this share of tasks, 0 to 1, has ended.
    pub(super) fn quantile(&self, share: f64) -> Option<Duration> {
        let left = 1.0 - share;
        let next = self.points.partition_point(|point| point.survival > left);
        let end = self.points.get(next).or_else(|| self.points.last())?;
        let start = next.checked_sub(1).and_then(|start| self.points.get(start)).unwrap_or(end);
        let step = start.survival - end.survival;
        let part = if step > 0.0 { ((start.survival - left) / step).clamp(0.0, 1.0) } else { 1.0 };
        Duration::try_from_secs_f64(start.at + (end.at - start.at) * part).ok()
    }

    /// What a poll gains of a task that was unfinished at the age `last`, and has the age `now`.
    pub(super) fn expected_gain(&self, last: Duration, now: Duration) -> f64 {
        self.end_estimate(last, now).gain()
    }

    /// What the first poll of a watch gains that has waited for `waited`.
    ///
    /// `late_share` is the share of watches that begin long after their task was created, 0 to 1.
    pub(super) fn expected_first_gain(&self, waited: Duration, late_share: f64) -> f64 {
        let new = self.end_estimate(Duration::ZERO, waited);
        let old = EndEstimate::at_constant_rate(waited.as_secs_f64(), self.mean(), PRIOR_ENDED_SHARE);
        let mixed = |new: f64, old: f64| new * (1.0 - late_share) + old * late_share;
        EndEstimate { ended: mixed(new.ended, old.ended), since_end: mixed(new.since_end, old.since_end) }.gain()
    }

    fn end_estimate(&self, last: Duration, now: Duration) -> EndEstimate {
        let (last, now) = (last.as_secs_f64(), now.as_secs_f64());
        let gap = (now - last).max(0.0);
        let Some((_, then)) = self.at(last).filter(|(_, then)| then.survival > MIN_SURVIVAL) else {
            return EndEstimate::at_constant_rate(gap, self.mean(), 0.0);
        };
        let (survival, tail_area) = self.at(now).map_or((0.0, 0.0), |(_, now)| (now.survival, now.tail_area));
        EndEstimate {
            ended: 1.0 - survival / then.survival,
            since_end: gap - (then.tail_area - tail_area) / then.survival,
        }
    }

    /// The mean time of a task, in seconds.
    fn mean(&self) -> f64 {
        self.points.first().map_or(PRIOR_MEAN, |first| first.tail_area)
    }
}

/// Sums a density up to the survival function.
fn points(density: &[f64]) -> Vec<Point> {
    let mut points = Vec::with_capacity(log_bins::BINS.saturating_add(1));
    let starts = log_bins::starts();
    let mut last = Point { at: starts.last().copied().unwrap_or_default(), survival: 0.0, tail_area: 0.0 };
    points.push(last);
    // From the end, so that small numbers are added up first.
    for (probability, start) in density.iter().zip(starts).rev() {
        let survival = last.survival + probability;
        let tail_area = last.tail_area + f64::midpoint(survival, last.survival) * (last.at - start);
        last = Point { at: *start, survival, tail_area };
        points.push(last);
    }
    points.reverse();
    points
}

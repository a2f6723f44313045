//! How likely a task is to end in each bin, as far as the tasks before it tell.

use super::log_bins::{self, BINS, ONE, Weights};

/// Before a task has ended, the next may end at any time: the weight of that, counted in tasks.
const ANY_TIME: f64 = 1.5;
/// Times are expected to vary by this factor, as a logarithm …
const SPREAD: f64 = 0.5;
/// … which weighs as much as so many tasks.
const SPREAD_WEIGHT: f64 = 2.0;
/// A task of which only is known that it takes longer than all others may take twice as long: 16 bins.
const BEYOND: u8 = 16;

/// The weights of the ends, in tasks, each unfinished one's shared out among the ends after it. Their sum is the number
/// of ends.
pub(super) fn kaplan_meier(ended: &Weights, unfinished: &Weights) -> Vec<f64> {
    let tasks =
        |weights: &Weights| weights.iter().map(|weight| f64::from(*weight) / f64::from(ONE)).collect::<Vec<_>>();
    let (mut ended, unfinished) = (tasks(ended), tasks(unfinished));
    let count: f64 = ended.iter().sum();
    let open: f64 = unfinished.iter().sum();
    if open <= 0.0 {
        return ended;
    }
    let mut at_risk = count + open;
    let mut left = count;
    for (ended, open) in ended.iter_mut().zip(&unfinished) {
        let end = if *ended > 0.0 { left * (*ended / at_risk).min(1.0) } else { 0.0 };
        at_risk -= *ended + open;
        left -= end;
        *ended = end;
    }
    let last = unfinished.iter().rposition(|open| *open > 0.0).unwrap_or_default();
    let beyond = usize::from(BEYOND);
    let last = last.min(BINS.saturating_sub(beyond));
    let share = left.max(0.0) / f64::from(BEYOND);
    ended.iter_mut().skip(last).take(beyond).for_each(|end| *end += share);
    ended
}

/// Count, mean and standard deviation of the logarithms, in bins.
pub(super) struct Moments {
    pub(super) count: f64,
    mean: f64,
    deviation: f64,
}

impl Moments {
    /// `None` if too little is known to speak of.
    pub(super) fn of(weights: &[f64]) -> Option<Self> {
        let count: f64 = weights.iter().sum();
        if count < 0.01 {
            return None;
        }
        let sum = |value: &dyn Fn(f64) -> f64| {
            weights.iter().zip(log_bins::numbers()).map(|(w, bin)| w * value(bin)).sum::<f64>()
        };
        let mean = sum(&|bin| bin) / count;
        let squares = sum(&|bin| (bin - mean) * (bin - mean));
        let prior = (SPREAD / log_bins::width()).powi(2);
        let variance = (squares + SPREAD_WEIGHT * prior) / (count + SPREAD_WEIGHT - 1.0);
        Some(Self { count, mean, deviation: variance.sqrt() })
    }

    /// How far from the mean a next one is, in standard deviations of what is expected.
    pub(super) fn surprise(&self, bin: f64) -> f64 {
        (bin - self.mean) / (self.deviation * self.uncertainty())
    }

    /// The mean itself is not known exactly.
    fn uncertainty(&self) -> f64 {
        (1.0 + 1.0 / self.count).sqrt()
    }
}

/// How likely the next task is to end in each bin; the sum is 1. And how much of that is known, from 0 to 1.
///
/// A kernel density of the logarithms, whose bandwidth narrows with the number of tasks from the whole standard
/// deviation, the points drawn together so that the variance stays (West 1993); with it, as the base of a Dirichlet
/// process, ends at any time.
pub(super) fn density(ended: &Weights, unfinished: &Weights) -> Option<(Vec<f64>, f64)> {
    let weights = kaplan_meier(ended, unfinished);
    let moments = Moments::of(&weights)?;
    let Moments { count, mean, deviation } = moments;
    let bandwidth = count.powf(-0.25).min(1.0);
    let shrink = (1.0 - bandwidth * bandwidth).sqrt();
    let points = gathered(&weights, |bin| mean + shrink * (bin - mean));
    let mut density = smoothed(&points, deviation * moments.uncertainty() * bandwidth);

    let known = count / (count + ANY_TIME);
    let total: f64 = density.iter().sum();
    let mean_time = weights.iter().zip(log_bins::middles()).map(|(w, time)| w * time).sum::<f64>() / count;
    let add_or_now = |start: &f64| (-start / mean_time).exp();
    let any_time = log_bins::starts().windows(2).map(|ends| match ends {
        [start, end] => add_or_now(start) - add_or_now(end),
        _ => 0.0,
    });
    for (part, any_time) in density.iter_mut().zip(any_time) {
        *part = *part * known / total + any_time * (1.0 - known);
    }
    Some((density, known))
}

/// Each weight moved along the axis, and split between the two bins where it comes to lie. The places are in order.
fn gathered(weights: &[f64], place: impl Fn(f64) -> f64) -> Vec<f64> {
    let mut points = vec![0.0; BINS];
    let mut below = 0_usize;
    for (weight, bin) in weights.iter().zip(log_bins::numbers()).filter(|(weight, _)| **weight > 0.0) {
        let place = place(bin);
        let whole = log_bins::numbers().skip(below).take_while(|number| *number <= place).count();
        below = below.saturating_add(whole.saturating_sub(1));
        for (point, number) in points.iter_mut().zip(log_bins::numbers()).skip(below).take(2) {
            *point += weight * (1.0 - (place - number).abs()).max(0.0);
        }
    }
    points
}

fn smoothed(points: &[f64], bandwidth: f64) -> Vec<f64> {
    let half = log_bins::numbers().map(|distance| (-0.5 * (distance / bandwidth).powi(2)).exp());
    let half: Vec<f64> = half.collect();
    let kernel: Vec<f64> = half.iter().skip(1).rev().chain(&half).copied().collect();
    let mut density = vec![0.0; BINS];
    for (bin, point) in points.iter().enumerate().filter(|(_, point)| **point > 0.0) {
        let to_here = kernel.iter().skip((BINS - 1).saturating_sub(bin));
        density.iter_mut().zip(to_here).for_each(|(part, kernel)| *part += point * kernel);
    }
    density
}

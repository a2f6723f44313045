//! Estimates from the weights of earlier tasks: how likely a task is to end in each bin.

use super::log_bins::{self, BINS, TASK_WEIGHT, Weights};

/// The weight of the prior "a task may end at any time", counted in tasks.
const PRIOR_WEIGHT: f64 = 1.5;
/// The prior standard deviation of a time's natural logarithm.
const PRIOR_DEVIATION: f64 = 0.5;
/// The weight of the prior standard deviation, counted in tasks.
const PRIOR_DEVIATION_WEIGHT: f64 = 2.0;
/// A task that is known to take longer than all others may take twice as long: 16 bins.
const CENSORED_TAIL_BINS: u8 = 16;

/// Spreads the weight of each unfinished task over the ends after it, in the manner of Kaplan and Meier.
///
/// Returns one weight per bin, in tasks. Their sum is the number of finished tasks.
pub(super) fn kaplan_meier(finished: &Weights, unfinished: &Weights) -> Vec<f64> {
    let in_tasks = |weights: &Weights| {
        weights.iter().map(|weight| f64::from(*weight) / f64::from(TASK_WEIGHT)).collect::<Vec<_>>()
    };
    let (mut ends, censored) = (in_tasks(finished), in_tasks(unfinished));
    let end_count: f64 = ends.iter().sum();
    let censored_count: f64 = censored.iter().sum();
    if censored_count <= 0.0 {
        return ends;
    }
    let mut at_risk = end_count + censored_count;
    let mut remaining = end_count;
    for (end, censored) in ends.iter_mut().zip(&censored) {
        let estimate = if *end > 0.0 { remaining * (*end / at_risk).min(1.0) } else { 0.0 };
        at_risk -= *end + censored;
        remaining -= estimate;
        *end = estimate;
    }
    let last_censored = censored.iter().rposition(|censored| *censored > 0.0).unwrap_or_default();
    let tail_bins = usize::from(CENSORED_TAIL_BINS);
    let tail_start = last_censored.min(BINS.saturating_sub(tail_bins));
    let share = remaining.max(0.0) / f64::from(CENSORED_TAIL_BINS);
    ends.iter_mut().skip(tail_start).take(tail_bins).for_each(|end| *end += share);
    ends
}

/// Count, mean and standard deviation of the logarithms of times, in bins.
pub(super) struct Moments {
    pub(super) count: f64,
    mean: f64,
    deviation: f64,
}

impl Moments {
    /// Returns `None` where the weights add up to less than a hundredth of a task.
    pub(super) fn of(weights: &[f64]) -> Option<Self> {
        let count: f64 = weights.iter().sum();
        if count < 0.01 {
            return None;
        }
        let sum = |value: &dyn Fn(f64) -> f64| {
            weights.iter().zip(log_bins::numbers()).map(|(weight, bin)| weight * value(bin)).sum::<f64>()
        };
        let mean = sum(&|bin| bin) / count;
        let squares = sum(&|bin| (bin - mean) * (bin - mean));
        let prior_variance = (PRIOR_DEVIATION / log_bins::log_width()).powi(2);
        let variance = (squares + PRIOR_DEVIATION_WEIGHT * prior_variance) / (count + PRIOR_DEVIATION_WEIGHT - 1.0);
        Some(Self { count, mean, deviation: variance.sqrt() })
    }

    /// How far `bin` lies from the mean, in standard deviations of the next time.
    pub(super) fn z_score(&self, bin: f64) -> f64 {
        (bin - self.mean) / (self.deviation * self.mean_uncertainty())
    }

    /// The factor by which the next time varies more, because the mean itself is an estimate.
    fn mean_uncertainty(&self) -> f64 {
        (1.0 + 1.0 / self.count).sqrt()
    }
}

/// Estimates how likely the next task is to end in each bin.
///
/// Returns one probability per bin, with the sum 1, and the confidence in them: the weight of what is known beside the
/// prior, 0 to 1. Returns `None` where no task has ended.
///
/// It is a kernel density of the logarithms. Its bandwidth starts at the whole standard deviation and narrows with the
/// number of tasks. The points are drawn together, so that the variance stays (West 1993). The prior "a task may end at
/// any time" is the base of a Dirichlet process.
pub(super) fn density(finished: &Weights, unfinished: &Weights) -> Option<(Vec<f64>, f64)> {
    let weights = kaplan_meier(finished, unfinished);
    let moments = Moments::of(&weights)?;
    let Moments { count, mean, deviation } = moments;
    let bandwidth = count.powf(-0.25).min(1.0);
    let shrink = (1.0 - bandwidth * bandwidth).sqrt();
    let points = moved(&weights, |bin| mean + shrink * (bin - mean));
    let mut density = smoothed(&points, deviation * moments.mean_uncertainty() * bandwidth);

    let confidence = count / (count + PRIOR_WEIGHT);
    let total: f64 = density.iter().sum();
    let weighted_times = weights.iter().zip(log_bins::middles()).map(|(weight, time)| weight * time);
    let mean_time = weighted_times.sum::<f64>() / count;
    let prior_survival = |age: &f64| (-age / mean_time).exp();
    let prior = log_bins::starts().windows(2).map(|bin| match bin {
        [start, end] => prior_survival(start) - prior_survival(end),
        _ => 0.0,
    });
    for (probability, prior) in density.iter_mut().zip(prior) {
        *probability = *probability * confidence / total + prior * (1.0 - confidence);
    }
    Some((density, confidence))
}

/// Moves each weight along the axis to `target` of its bin, and splits it between the two nearest bins.
///
/// `target` must not decrease from bin to bin.
fn moved(weights: &[f64], target: impl Fn(f64) -> f64) -> Vec<f64> {
    let mut points = vec![0.0; BINS];
    let mut lower = 0_usize;
    for (weight, bin) in weights.iter().zip(log_bins::numbers()).filter(|(weight, _)| **weight > 0.0) {
        let target = target(bin);
        let passed = log_bins::numbers().skip(lower).take_while(|number| *number <= target).count();
        lower = lower.saturating_add(passed.saturating_sub(1));
        for (point, number) in points.iter_mut().zip(log_bins::numbers()).skip(lower).take(2) {
            *point += weight * (1.0 - (target - number).abs()).max(0.0);
        }
    }
    points
}

/// Replaces each point by a normal distribution around it. `bandwidth` is its standard deviation, in bins.
fn smoothed(points: &[f64], bandwidth: f64) -> Vec<f64> {
    let right_half = log_bins::numbers().map(|distance| (-0.5 * (distance / bandwidth).powi(2)).exp());
    let right_half: Vec<f64> = right_half.collect();
    let kernel: Vec<f64> = right_half.iter().skip(1).rev().chain(&right_half).copied().collect();
    let mut density = vec![0.0; BINS];
    for (bin, point) in points.iter().enumerate().filter(|(_, point)| **point > 0.0) {
        let centered = kernel.iter().skip((BINS - 1).saturating_sub(bin));
        density.iter_mut().zip(centered).for_each(|(sum, kernel)| *sum += point * kernel);
    }
    density
}

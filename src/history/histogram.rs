//! What a history remembers: a weight per bin for tasks that ended there, and for tasks that were last seen there.

use std::time::Duration;

use super::estimate::{Moments, kaplan_meier};
use super::log_bins::{self, BINS, TASK_WEIGHT, Weights};

/// Each new task takes one part in 200 from the weights before it. Their sum stays below 200 tasks.
const DECAY: u32 = 200;
/// The limit of one weight, and of the sum of all.
pub(super) const MAX_WEIGHT: u32 = TASK_WEIGHT * DECAY;
/// The number of last tasks that are kept when a change is detected.
pub(super) const RECENT_TASKS: usize = 5;
/// Page's CUSUM test detects a change of the times. One time moves a sum by at most this, in standard deviations …
const CUSUM_STEP_LIMIT: f64 = 2.0;
/// … less this, which keeps the sums near zero where nothing changes.
const CUSUM_ALLOWANCE: f64 = 0.5;
/// A sum above this is a change. Without a real change, this happens once in about 2,000 tasks.
pub(super) const CUSUM_LIMIT: f32 = 6.0;

/// The weights of earlier tasks, by bin. The newest tasks weigh most.
#[derive(Clone)]
pub(super) struct Histogram {
    /// Tasks that ended in each bin.
    pub(super) finished: Weights,
    /// Tasks that were last seen in each bin, unfinished.
    pub(super) unfinished: Weights,
    /// The bins of the last ends, the newest last.
    pub(super) recent: Vec<u8>,
    /// The CUSUM sums: how far recent times lie above, and below, the times before them.
    pub(super) cusum: [f32; 2],
    /// The number of tasks recorded, forgotten ones included.
    pub(super) recorded: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { finished: [0; BINS], unfinished: [0; BINS], recent: Vec::new(), cusum: [0.0; 2], recorded: 0 }
    }
}

impl Histogram {
    /// Records a task that ended at the age `time`. Where times have changed, only the last few tasks stay.
    pub(super) fn record(&mut self, time: Duration) {
        let bin = log_bins::bin(time);
        let changed = self.detect_change(bin);
        decay(&mut self.finished);
        decay(&mut self.unfinished);
        add_task(&mut self.finished, bin);
        if self.recent.len() >= RECENT_TASKS {
            self.recent.remove(0);
        }
        self.recent.push(bin);
        if changed {
            self.finished = [0; BINS];
            self.unfinished = [0; BINS];
            self.cusum = [0.0; 2];
            self.recent.iter().for_each(|bin| add_task(&mut self.finished, *bin));
        }
        self.recorded = self.recorded.saturating_add(1);
    }

    /// Records a task that had not ended at this age.
    pub(super) fn record_longer_than(&mut self, age: Duration) {
        decay(&mut self.unfinished);
        add_task(&mut self.unfinished, log_bins::bin(age));
        self.recorded = self.recorded.saturating_add(1);
    }

    /// Adds a time to the CUSUM sums. Returns whether one of them is over its limit.
    fn detect_change(&mut self, bin: u8) -> bool {
        let weights = kaplan_meier(&self.finished, &self.unfinished);
        let Some(known) = Moments::of(&weights).filter(|known| known.count >= 2.0) else { return false };
        let step = known.z_score(f64::from(bin)).clamp(-CUSUM_STEP_LIMIT, CUSUM_STEP_LIMIT);
        let mut changed = false;
        for (sum, step) in self.cusum.iter_mut().zip([step, -step]) {
            *sum = single_precision(f64::from(*sum) + step - CUSUM_ALLOWANCE).max(0.0);
            changed |= *sum > CUSUM_LIMIT;
        }
        changed
    }
}

/// Numbers of this precision survive every format: what is stored is read back exactly.
#[allow(clippy::cast_possible_truncation)] // the purpose of this function
fn single_precision(value: f64) -> f32 {
    value as f32
}

fn decay(weights: &mut Weights) {
    for weight in weights {
        *weight = weight.saturating_sub(weight.div_ceil(DECAY));
    }
}

fn add_task(weights: &mut Weights, bin: u8) {
    if let Some(weight) = weights.get_mut(usize::from(bin)) {
        *weight = weight.saturating_add(TASK_WEIGHT).min(MAX_WEIGHT);
    }
}

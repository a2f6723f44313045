//! What a history remembers: weights of the times at which tasks ended, or were last seen; the newest count most.

use std::time::Duration;

use super::estimate::{Moments, kaplan_meier};
use super::log_bins::{self, BINS, ONE, Weights};

/// A task's weight fades by one part in so many with each later one, so that the sum stays below so many tasks.
const DECAY: u32 = 200;
/// No weight is ever more.
pub(super) const MOST: u32 = ONE * DECAY;
/// So many tasks remain when the times have changed.
pub(super) const RECENT: usize = 5;
/// Page's CUSUM test for a change, in standard deviations: one time counts by so much at most …
const OUTLIER: f64 = 2.0;
/// … less this, which keeps the sum at zero while nothing changes …
const SLACK: f64 = 0.5;
/// … and times have changed when the sum is above this. Without cause it is once in some 2,000 tasks.
pub(super) const CUSUM_LIMIT: f32 = 6.0;

#[derive(Clone)]
pub(super) struct Histogram {
    /// Tasks that ended in a bin.
    pub(super) ended: Weights,
    /// Tasks that were last seen in a bin, unfinished.
    pub(super) unfinished: Weights,
    /// The bins of the last ends, newest last.
    pub(super) recent: Vec<u8>,
    /// How far times have lately been above, and below, what they were before.
    pub(super) drift: [f32; 2],
    pub(super) recorded: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { ended: [0; BINS], unfinished: [0; BINS], recent: Vec::new(), drift: [0.0; 2], recorded: 0 }
    }
}

impl Histogram {
    pub(super) fn recorded(&self) -> u64 {
        self.recorded
    }

    pub(super) fn record(&mut self, time: Duration) {
        let bin = log_bins::bin(time);
        let changed = self.watch_for_change(bin);
        fade(&mut self.ended);
        fade(&mut self.unfinished);
        add(&mut self.ended, bin);
        if self.recent.len() >= RECENT {
            self.recent.remove(0);
        }
        self.recent.push(bin);
        if changed {
            self.ended = [0; BINS];
            self.unfinished = [0; BINS];
            self.drift = [0.0; 2];
            self.recent.iter().for_each(|bin| add(&mut self.ended, *bin));
        }
        self.recorded = self.recorded.saturating_add(1);
    }

    pub(super) fn record_longer_than(&mut self, age: Duration) {
        fade(&mut self.unfinished);
        add(&mut self.unfinished, log_bins::bin(age));
        self.recorded = self.recorded.saturating_add(1);
    }

    /// Whether this is one too many in a row of times above what is known, or below.
    fn watch_for_change(&mut self, bin: u8) -> bool {
        let weights = kaplan_meier(&self.ended, &self.unfinished);
        let Some(known) = Moments::of(&weights).filter(|known| known.count >= 2.0) else { return false };
        let surprise = known.surprise(f64::from(bin)).clamp(-OUTLIER, OUTLIER);
        let mut changed = false;
        for (sum, step) in self.drift.iter_mut().zip([surprise, -surprise]) {
            *sum = single(f64::from(*sum) + step - SLACK).max(0.0);
            changed |= *sum > CUSUM_LIMIT;
        }
        changed
    }
}

/// Stored numbers in this precision are read back exactly, whatever the format.
#[allow(clippy::cast_possible_truncation)] // what it is for
fn single(value: f64) -> f32 {
    value as f32
}

fn fade(weights: &mut Weights) {
    for weight in weights {
        *weight = weight.saturating_sub(weight.div_ceil(DECAY));
    }
}

fn add(weights: &mut Weights, bin: u8) {
    if let Some(weight) = weights.get_mut(usize::from(bin)) {
        *weight = weight.saturating_add(ONE).min(MOST);
    }
}

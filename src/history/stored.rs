//! A histogram as it is stored: only weights above zero. What is read back is checked first.

use serde::{Deserialize, Serialize};

use super::histogram::{CUSUM_LIMIT, Histogram, MAX_WEIGHT, RECENT_TASKS};
use super::log_bins::{BINS, Weights};

/// The serialized form of a history. Its field names are a format: stored histories carry them.
#[derive(Serialize, Deserialize)]
#[serde(expecting = "a stored history")]
pub(super) struct StoredHistory {
    /// The number of each bin and its weight.
    ended: Vec<(u8, u32)>,
    unfinished: Vec<(u8, u32)>,
    recent: Vec<u8>,
    drift: [f32; 2],
    recorded: u64,
}

impl From<&Histogram> for StoredHistory {
    fn from(histogram: &Histogram) -> Self {
        Self {
            ended: pairs(&histogram.finished),
            unfinished: pairs(&histogram.unfinished),
            recent: histogram.recent.clone(),
            drift: histogram.cusum,
            recorded: histogram.recorded,
        }
    }
}

impl TryFrom<StoredHistory> for Histogram {
    type Error = &'static str;

    fn try_from(stored: StoredHistory) -> Result<Self, Self::Error> {
        let StoredHistory { ended, unfinished, recent, drift: cusum, recorded } = stored;
        if recent.len() > RECENT_TASKS {
            return Err("the stored history lists too many recent tasks");
        }
        if !cusum.iter().all(|sum| (0.0..=CUSUM_LIMIT).contains(sum)) {
            return Err("the drift in the stored history is out of range");
        }
        Ok(Self { finished: weights(&ended)?, unfinished: weights(&unfinished)?, recent, cusum, recorded })
    }
}

fn pairs(weights: &Weights) -> Vec<(u8, u32)> {
    (0..=u8::MAX).zip(weights.iter().copied()).filter(|(_, weight)| *weight > 0).collect()
}

fn weights(pairs: &[(u8, u32)]) -> Result<Weights, &'static str> {
    let mut weights = [0; BINS];
    let sum = pairs.iter().fold(0_u64, |sum, (_, weight)| sum.saturating_add(u64::from(*weight)));
    if sum > u64::from(MAX_WEIGHT) {
        return Err("the weights in the stored history are too large");
    }
    for (bin, weight) in pairs {
        if let Some(stored) = weights.get_mut(usize::from(*bin)) {
            *stored = *weight;
        }
    }
    Ok(weights)
}

//! A history as it is stored: only what is not zero, and never trusted when it is read back.

use serde::{Deserialize, Serialize};

use super::History;
use super::histogram::{CUSUM_LIMIT, Histogram, MOST, RECENT};
use super::log_bins::{BINS, Weights};

#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    /// The number of a bin, and its weight.
    ended: Vec<(u8, u32)>,
    unfinished: Vec<(u8, u32)>,
    recent: Vec<u8>,
    drift: [f32; 2],
    recorded: u64,
}

impl From<History> for Stored {
    fn from(history: History) -> Self {
        let histogram = &history.lock().histogram;
        Self {
            ended: pairs(&histogram.ended),
            unfinished: pairs(&histogram.unfinished),
            recent: histogram.recent.clone(),
            drift: histogram.drift,
            recorded: histogram.recorded,
        }
    }
}

impl TryFrom<Stored> for History {
    type Error = &'static str;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        let Stored { ended, unfinished, recent, drift, recorded } = stored;
        if recent.len() > RECENT {
            return Err("a history with too many recent tasks");
        }
        if !drift.iter().all(|sum| (0.0..=CUSUM_LIMIT).contains(sum)) {
            return Err("a history whose drift is out of range");
        }
        Ok(Histogram { ended: weights(&ended)?, unfinished: weights(&unfinished)?, recent, drift, recorded }.into())
    }
}

fn pairs(weights: &Weights) -> Vec<(u8, u32)> {
    (0..=u8::MAX).zip(weights.iter().copied()).filter(|(_, weight)| *weight > 0).collect()
}

fn weights(pairs: &[(u8, u32)]) -> Result<Weights, &'static str> {
    let mut weights = [0; BINS];
    let sum = pairs.iter().fold(0_u64, |sum, (_, weight)| sum.saturating_add(u64::from(*weight)));
    if sum > u64::from(MOST) {
        return Err("a history whose weights are too large");
    }
    for (bin, weight) in pairs {
        if let Some(of_bin) = weights.get_mut(usize::from(*bin)) {
            *of_bin = *weight;
        }
    }
    Ok(weights)
}

//! The time axis of a history: 256 bins from 1 s to a day, each 4.5 % wider than the one before.

use std::sync::LazyLock;
use std::time::Duration;

/// The number of bins. A bin's number fits into a `u8`.
pub(super) const BINS: usize = 256;
/// One weight per bin.
pub(super) type Weights = [u32; BINS];
/// The weight of one task. Weights are integers, so that they are the same on every machine and in every format.
pub(super) const TASK_WEIGHT: u32 = 1 << 20;
/// Where the last bin ends, in seconds: after a day.
const LAST_BIN_END: f64 = 86_400.0;

/// Where each bin starts, in seconds, and as last element where the last bin ends.
static BIN_STARTS: LazyLock<Vec<f64>> = LazyLock::new(|| {
    let start = |bin| if bin == 0 { 0.0 } else { (f64::from(bin) * log_width()).exp() };
    (0..=256_u16).map(start).collect()
});

/// The width of a bin, as a difference of natural logarithms.
pub(super) fn log_width() -> f64 {
    LAST_BIN_END.ln() / 256.0
}

/// Where each bin starts, in seconds, and as last element where the last bin ends.
pub(super) fn starts() -> &'static [f64] {
    &BIN_STARTS
}

/// A time in the middle of each bin, in seconds.
pub(super) fn middles() -> impl Iterator<Item = f64> {
    starts().iter().map(|start| start.max(1.0) * (log_width() / 2.0).exp())
}

/// The number of each bin, as a point on the axis.
pub(super) fn numbers() -> impl Iterator<Item = f64> {
    (0..=u8::MAX).map(f64::from)
}

/// The bin that holds `time`. Times outside the axis go to the first or the last bin.
pub(super) fn bin(time: Duration) -> u8 {
    let seconds = time.as_secs_f64();
    let bin = starts().partition_point(|start| *start <= seconds).saturating_sub(1);
    u8::try_from(bin).unwrap_or(u8::MAX)
}

//! The time axis of a history: bins that are each 4.5 % longer than the one before, from 1 s to a day.

use std::sync::LazyLock;
use std::time::Duration;

pub(super) const BINS: usize = 256;
/// Weights of tasks, a bin each.
pub(super) type Weights = [u32; BINS];
/// The weight of one task. Whole numbers: the same on every machine, and after they were stored.
pub(super) const ONE: u32 = 1 << 20;
/// The last bin ends after a day, in seconds.
const END: f64 = 86_400.0;

/// Of each bin, in seconds, and the end of the last one.
static STARTS: LazyLock<Vec<f64>> = LazyLock::new(|| {
    let start = |bin| if bin == 0 { 0.0 } else { (f64::from(bin) * width()).exp() };
    (0..=256_u16).map(start).collect()
});

/// Of a bin, as the logarithm of a time.
pub(super) fn width() -> f64 {
    END.ln() / 256.0
}

pub(super) fn starts() -> &'static [f64] {
    &STARTS
}

/// A time in the middle of each bin, in seconds.
pub(super) fn middles() -> impl Iterator<Item = f64> {
    starts().iter().map(|start| start.max(1.0) * (width() / 2.0).exp())
}

/// The number of each bin.
pub(super) fn numbers() -> impl Iterator<Item = f64> {
    (0..=u8::MAX).map(f64::from)
}

pub(super) fn bin(time: Duration) -> u8 {
    let seconds = time.as_secs_f64();
    let bin = starts().partition_point(|start| *start <= seconds).saturating_sub(1);
    u8::try_from(bin).unwrap_or(u8::MAX)
}

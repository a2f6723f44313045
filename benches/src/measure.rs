//! Processor time, and the middle of several measurements.

use std::fs;
use std::time::Duration;

/// The processor time of this thread so far. Linux counts it in nanoseconds.
pub fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux's /proc");
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}

/// The median of one figure over all rounds.
pub fn median<R>(rounds: &[R], figure: impl Fn(&R) -> f64) -> f64 {
    let mut values: Vec<_> = rounds.iter().map(figure).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

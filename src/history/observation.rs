//! What one watch learns about how long its task takes.

use std::time::Duration;

/// A watch that begins when its task is older than this came late.
const LATE_FROM: Duration = Duration::from_secs(30);

/// What a watch has learned of its task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Observation {
    /// The task ended at this age.
    Completed(Duration),
    /// The task had not ended at this age.
    Censored(Duration),
}

/// Whether a watch came late to its task, if it began when the task had this age.
pub(crate) fn is_late(age: Duration) -> bool {
    age >= LATE_FROM
}

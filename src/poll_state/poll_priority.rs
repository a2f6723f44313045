//! What a poll of a task is worth now, beside the polls of other tasks, if its schedule learns.

use std::time::Duration;

use super::last_record::LastObservation;
use crate::schedule::Schedule;

/// What a watch knows of its task: nothing before the first good answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PollPriority(pub(super) Option<LastObservation>);

impl PollPriority {
    /// The expected gain of a poll now. `elapsed`: since the first poll of the stream.
    pub(crate) fn expected_gain(self, schedule: &Schedule, elapsed: Duration) -> f64 {
        let gain = match self.0 {
            Some(last) => schedule.expected_gain(last.age, last.age_at(elapsed)),
            None => schedule.expected_first_gain(elapsed),
        };
        gain.unwrap_or_default()
    }
}

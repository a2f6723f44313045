//! Where a watch stands among others, if its schedule learns: what it is worth to poll its task now.

use std::time::Duration;

use super::decision::WatchConfig;

#[derive(Clone, Copy, Debug)]
pub(super) struct LastObservation {
    pub(super) age: Duration,
    /// Since the first poll of the stream.
    pub(super) at: Duration,
}

/// Of a watch whose schedule learns: what it knows of its task.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PollPriority(pub(super) Option<LastObservation>);

impl LastObservation {
    /// How old the task is by now.
    pub(super) fn age_at(self, elapsed: Duration) -> Duration {
        self.age.saturating_add(elapsed.saturating_sub(self.at))
    }
}

impl PollPriority {
    /// What it is worth to poll this task now, rather than another.
    pub(crate) fn gain(self, config: &WatchConfig, elapsed: Duration) -> f64 {
        let gain = match self.0 {
            Some(seen) => config.schedule.expected_gain(seen.age, seen.age_at(elapsed)),
            None => config.schedule.expected_first_gain(elapsed),
        };
        gain.unwrap_or_default()
    }
}

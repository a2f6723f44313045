//! Where a watch stands among others, if its schedule learns: what it is worth to poll its task now.

use std::time::Duration;

use super::verdict::Rules;

#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) age: Duration,
    /// Since the first poll of the stream.
    pub(super) at: Duration,
}

/// Of a watch whose schedule learns: what it knows of its task.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing(pub(super) Option<Seen>);

impl Seen {
    /// How old the task is by now.
    pub(super) fn age_at(self, elapsed: Duration) -> Duration {
        self.age.saturating_add(elapsed.saturating_sub(self.at))
    }
}

impl Standing {
    /// What it is worth to poll this task now, rather than another.
    pub(crate) fn gain(self, rules: &Rules, elapsed: Duration) -> f64 {
        let gain = match self.0 {
            Some(seen) => rules.schedule.gain(seen.age, seen.age_at(elapsed)),
            None => rules.schedule.first_gain(elapsed),
        };
        gain.unwrap_or_default()
    }
}

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

impl Standing {
    /// What it is worth to poll this task now, rather than another.
    pub(crate) fn gain(self, rules: &Rules, elapsed: Duration) -> f64 {
        let gain = match self.0 {
            Some(Seen { age, at }) => rules.schedule.gain(age, age.saturating_add(elapsed.saturating_sub(at))),
            None => rules.schedule.first_gain(elapsed),
        };
        gain.unwrap_or_default()
    }
}

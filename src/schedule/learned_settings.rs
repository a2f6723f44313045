//! The settings of a learned schedule, and the history that it learns from.

use std::time::Duration;

use super::bounds::{bounded, positive};
use crate::error::Error;
use crate::history::{History, Targets};

/// The mean delay of polls every 30 s.
const MEAN_DELAY: Duration = Duration::from_secs(15);
const SHORTEST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(2 * 60);

/// What the setters of a learned schedule have set. `None` is the default.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LearnedSettings {
    pub(super) mean_delay: Option<Duration>,
    pub(super) shortest_pause: Option<Duration>,
    pub(super) longest_pause: Option<Duration>,
}

impl LearnedSettings {
    /// The defaults.
    pub(super) const DEFAULT: Self = Self { mean_delay: None, shortest_pause: None, longest_pause: None };

    /// Refuses all settings: the schedule is not a learned one.
    pub(super) fn refuse(self) -> Result<(), Error> {
        let settings = [
            ("aim_for_delay", self.mean_delay),
            ("shortest_pause", self.shortest_pause),
            ("longest_pause", self.longest_pause),
        ];
        for (setting, value) in settings {
            if value.is_some() {
                let text = format!("{setting} has no effect on this schedule: it is a setting of Schedule::learned");
                return Err(Error::config(text));
            }
        }
        Ok(())
    }

    pub(super) fn validate(self) -> Result<(), Error> {
        let Targets { mean_delay, shortest_pause, longest_pause } = self.targets();
        if mean_delay.is_zero() {
            return Err(Error::config("aim_for_delay is zero: it must be above zero"));
        }
        bounded("aim_for_delay", mean_delay)?;
        positive("shortest_pause", shortest_pause)?;
        positive("longest_pause", longest_pause)?;
        if longest_pause < shortest_pause {
            let or_default = |set: Option<Duration>| if set.is_some() { "" } else { ", the default: set that, too" };
            return Err(Error::config(format!(
                "longest_pause ({longest_pause:?}{}) is below shortest_pause ({shortest_pause:?}{})",
                or_default(self.longest_pause),
                or_default(self.shortest_pause)
            )));
        }
        Ok(())
    }

    /// The settings with defaults filled in.
    pub(super) fn targets(self) -> Targets {
        Targets {
            mean_delay: self.mean_delay.unwrap_or(MEAN_DELAY),
            shortest_pause: self.shortest_pause.unwrap_or(SHORTEST_PAUSE),
            longest_pause: self.longest_pause.unwrap_or(LONGEST_PAUSE),
        }
    }

    /// The pause where nothing is known: twice the mean delay, within bounds.
    pub(super) fn fixed_pause(self) -> Duration {
        let Targets { mean_delay, shortest_pause, longest_pause } = self.targets();
        mean_delay.saturating_mul(2).max(shortest_pause).min(longest_pause)
    }
}

/// The history of a learned schedule.
#[derive(Clone, Debug)]
pub(super) struct LearnedFrom(pub(super) History);

/// Equal are clones of one history.
impl PartialEq for LearnedFrom {
    fn eq(&self, other: &Self) -> bool {
        self.0.ptr_eq(&other.0)
    }
}

//! The strategies of a schedule: how its pauses come about.

use std::time::Duration;

use super::learned_settings::LearnedFrom;
use super::policy::SharedPolicy;

/// How the pauses between polls come about.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Strategy {
    /// Each pause is the same.
    Fixed { interval: Duration },
    /// Each pause is longer than the one before by the schedule's multiplier.
    Exponential { initial: Duration, max_interval: Duration },
    /// A policy of another crate says each pause.
    #[cfg_attr(not(feature = "backoff"), allow(dead_code))] // only the feature's adapter makes one
    Policy(SharedPolicy),
    /// Each pause follows from earlier tasks and from the task's age.
    Learned(LearnedFrom),
}

//! Which schedules make sense.

use std::time::Duration;

use super::bounds::{bounded, positive};
use super::definition::Schedule;
use super::strategy::Strategy;
use crate::error::Error;

impl Schedule {
    /// Checks that the schedule makes sense.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config), with the setting and what is wrong with it:
    /// - an interval, pause or delay to aim for is zero;
    /// - a duration is over ten years;
    /// - `first_poll_after` is not below `max_wait`, unless it is 0: the final poll would be the only one;
    /// - the multiplier is below 1 or not a number, or the schedule is not an exponential one;
    /// - the jitter is outside 0 to 1;
    /// - `max_interval` is below the initial interval, or `longest_pause` below `shortest_pause`;
    /// - `give_up_after` is 0;
    /// - the schedule has a setting of a learned schedule, and is not one.
    ///
    /// ```
    /// use std::time::Duration;
    /// use luma_watch::{ErrorKind, Schedule};
    ///
    /// let error = Schedule::every(Duration::ZERO).validate().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Config);
    /// assert!(error.to_string().contains("the interval is zero"));
    /// ```
    pub fn validate(&self) -> Result<(), Error> {
        match &self.strategy {
            Strategy::Fixed { interval } => {
                positive("the interval", *interval)?;
                self.refuse_multiplier("Schedule::every")?;
            }
            Strategy::Exponential { initial, max_interval } => {
                let multiplier = self.growth();
                positive("the initial interval", *initial)?;
                positive("max_interval", *max_interval)?;
                if max_interval < initial {
                    return Err(Error::config(format!(
                        "max_interval ({max_interval:?}) is below the initial interval ({initial:?})"
                    )));
                }
                if !(multiplier.is_finite() && multiplier >= 1.0) {
                    return Err(Error::config(format!(
                        "the multiplier is {multiplier}: it must be a number, 1 or more"
                    )));
                }
            }
            Strategy::Policy(_) => {
                if self.multiplier.is_some() || self.jitter != 0.0 {
                    return Err(Error::config("multiplier and jitter belong to the backoff policy: set them there"));
                }
            }
            Strategy::Learned(_) => {
                self.learned_settings.validate()?;
                self.refuse_multiplier("Schedule::learned")?;
            }
        }
        if !matches!(self.strategy, Strategy::Learned(_)) {
            self.learned_settings.refuse()?;
        }
        if !(0.0..=1.0).contains(&self.jitter) {
            return Err(Error::config(format!("the jitter is {}: it must be a fraction from 0 to 1", self.jitter)));
        }
        if self.give_up_after == Some(0) {
            return Err(Error::config(
                "give_up_after is 0: a watch would give up before its first poll; set 1 or more",
            ));
        }
        bounded("first_poll_after", self.first_poll_after)?;
        self.max_wait.map_or(Ok(()), |limit| self.validate_max_wait(limit))
    }

    fn validate_max_wait(&self, max_wait: Duration) -> Result<(), Error> {
        bounded("max_wait", max_wait)?;
        let delay = self.first_poll_after;
        if delay.is_zero() || delay < max_wait {
            return Ok(());
        }
        Err(Error::config(format!(
            "first_poll_after ({delay:?}) is not below max_wait ({max_wait:?}), which counts from the same moment: the final poll would be the only one"
        )))
    }

    fn refuse_multiplier(&self, constructor: &str) -> Result<(), Error> {
        match self.multiplier {
            Some(_) => {
                Err(Error::config(format!("a multiplier has no effect on {constructor}: use Schedule::exponential")))
            }
            None => Ok(()),
        }
    }
}

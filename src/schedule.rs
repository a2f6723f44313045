//! When to poll, and when to stop waiting.

mod learned;
mod pause;
#[cfg_attr(not(feature = "backoff"), path = "schedule/no_policy.rs")]
mod policy;

use std::time::Duration;

use crate::error::Error;
pub(crate) use pause::{PauseInput, PolicyState};

/// The vendor recommends 30 s between polls.
const INTERVAL: Duration = Duration::from_secs(30);
/// The vendor's own sample stops waiting after 15 min.
const MAX_WAIT: Duration = Duration::from_secs(15 * 60);
/// A task of 5 minutes is asked about twice before its callback.
const CALLBACK_INTERVAL: Duration = Duration::from_secs(3 * 60);
const MULTIPLIER: f64 = 1.5;
/// Longer than this is a slip of the pen, and stays clear of every clock's end.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);
/// The first pause after a failed poll.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// When to poll, and when to stop waiting.
///
/// The default is [`every`](Self::every) 30 s, for at most 15 min. A schedule is checked where it is used
/// ([`ClientBuilder::build`](crate::ClientBuilder::build), [`Client::with_schedule`](crate::Client::with_schedule)), or
/// by [`validate`](Self::validate).
///
/// Failed polls have a rhythm of their own: 1 s, doubling, less up to half of it by chance, never longer than the
/// schedule's pause.
///
/// ```
/// use std::time::Duration;
/// use luma_watch::Schedule;
///
/// let seconds = |schedule: Schedule| schedule.preview().map(|at| at.as_secs()).collect::<Vec<_>>();
/// let half_minute = Schedule::every(Duration::from_secs(30)).max_wait(Duration::from_secs(100));
/// assert_eq!(seconds(half_minute), [0, 30, 60, 90, 100]);
/// let growing = Schedule::exponential(Duration::from_secs(10), Duration::from_secs(60)).multiplier(2.0);
/// assert_eq!(seconds(growing.max_wait(Duration::from_secs(200))), [0, 10, 30, 70, 130, 190, 200]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    rhythm: Strategy,
    multiplier: Option<f64>,
    jitter: f64,
    first_poll_after: Duration,
    max_wait: Option<Duration>,
    learning: learned::Settings,
}

#[derive(Clone, Debug, PartialEq)]
enum Strategy {
    Fixed {
        interval: Duration,
    },
    Exponential {
        initial: Duration,
        max_interval: Duration,
    },
    #[cfg_attr(not(feature = "backoff"), allow(dead_code))] // without the feature there is none
    Policy(policy::Shared),
    Learned(learned::Learned),
}

impl Default for Schedule {
    fn default() -> Self {
        Self::every(INTERVAL)
    }
}

impl Schedule {
    const fn new(rhythm: Strategy) -> Self {
        Self {
            rhythm,
            multiplier: None,
            jitter: 0.0,
            first_poll_after: Duration::ZERO,
            max_wait: Some(MAX_WAIT),
            learning: learned::Settings { delay: None, shortest: None, longest: None },
        }
    }

    /// A poll each `interval`, counted from the end of an answer to the next request.
    #[must_use]
    pub const fn every(interval: Duration) -> Self {
        Self::new(Strategy::Fixed { interval })
    }

    /// Pauses that grow from `initial` to `max_interval`, each 1.5 times the one before unless
    /// [`multiplier`](Self::multiplier) says otherwise.
    #[must_use]
    pub const fn exponential(initial: Duration, max_interval: Duration) -> Self {
        Self::new(Strategy::Exponential { initial, max_interval }).multiplier(MULTIPLIER)
    }

    /// For a watch that a callback tells when the task is done (`Client::notify`, with the feature `callback`): a poll at
    /// once, then one each 3 min, to catch callbacks that get lost.
    ///
    /// A task of up to 6 minutes takes three requests (four, where more than 16 watches start within a second and are
    /// spread). Of one whose callback is lost, the end is known up to 3 min late. Where many tasks may end together, set a
    /// [request budget](crate::ClientBuilder::request_budget): their callbacks are as many requests at once.
    #[must_use]
    pub const fn expecting_callback() -> Self {
        Self::every(CALLBACK_INTERVAL)
    }

    /// How much longer each pause of an [`exponential`](Self::exponential) schedule is than the one before; at least 1.
    #[must_use]
    pub const fn multiplier(mut self, factor: f64) -> Self {
        self.multiplier = Some(factor);
        self
    }

    /// Shortens each pause by a random part of up to `fraction`, 0 to 1: `every(30 s).jitter(0.2)` pauses 24 to 30 s.
    ///
    /// Default: 0. A pause is never longer than without jitter.
    #[must_use]
    pub const fn jitter(mut self, fraction: f64) -> Self {
        self.jitter = fraction;
        self
    }

    /// How long to wait before the first poll. Default: 0, ask at once.
    ///
    /// The wait counts towards [`max_wait`](Self::max_wait), and is cut there.
    #[must_use]
    pub const fn first_poll_after(mut self, delay: Duration) -> Self {
        self.first_poll_after = delay;
        self
    }

    /// How long to wait for the task's end. Default: 15 min; zero: one look.
    ///
    /// It counts from the first poll of the stream. The last request goes out when it is over.
    #[must_use]
    pub const fn max_wait(mut self, limit: Duration) -> Self {
        self.max_wait = Some(limit);
        self
    }

    /// Waits for as long as it takes.
    #[must_use]
    pub const fn no_max_wait(mut self) -> Self {
        self.max_wait = None;
        self
    }

    /// Whether the schedule makes sense.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config), with the setting and what is wrong with it: an interval of zero, a
    /// multiplier below 1 or on a schedule that does not grow, a setting of a schedule that learns on another or zero, a jitter
    /// outside 0 to 1, `max_interval` below `initial`, `longest_pause` below `shortest_pause`, a duration over ten years.
    pub fn validate(&self) -> Result<(), Error> {
        match &self.rhythm {
            Strategy::Fixed { interval } => {
                positive("the interval", *interval)?;
                self.no_multiplier("Schedule::every")?;
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
                self.learning.validate()?;
                self.no_multiplier("Schedule::learned")?;
            }
        }
        if !matches!(self.rhythm, Strategy::Learned(_)) {
            self.learning.refuse()?;
        }
        if !(0.0..=1.0).contains(&self.jitter) {
            return Err(Error::config(format!("the jitter is {}: it must be a fraction from 0 to 1", self.jitter)));
        }
        bounded("first_poll_after", self.first_poll_after)?;
        self.max_wait.map_or(Ok(()), |limit| bounded("max_wait", limit))
    }

    /// The instants, counted from the start of the watch, at which a task that never ends is polled: the last look
    /// included, jitter left out, answers taking no time.
    ///
    /// Without a [`max_wait`](Self::max_wait) it has no end; of a schedule that is not [valid](Self::validate) it is
    /// empty. A backoff policy shows one draw of its own jitter, a schedule that learns the polls of a task that is
    /// watched from its creation.
    pub fn preview(&self) -> impl Iterator<Item = Duration> + use<> {
        let mut policy_state = self.start();
        let schedule = self.clone();
        let first = self.validate().is_ok().then(|| (0, self.first_pause()));
        let polls = std::iter::successors(first, move |&(step, at)| {
            let left = schedule.max_wait.map_or(Duration::MAX, |limit| limit.saturating_sub(at));
            let pause = policy_state
                .pause(&schedule, step, PauseInput { elapsed: at, ..PauseInput::NONE })
                .filter(|_| !left.is_zero())?;
            Some((step.saturating_add(1), at.saturating_add(pause.min(left))))
        });
        polls.map(|(_, at)| at)
    }

    fn no_multiplier(&self, on: &str) -> Result<(), Error> {
        match self.multiplier {
            Some(_) => Err(Error::config(format!("a multiplier does nothing on {on}: use Schedule::exponential"))),
            None => Ok(()),
        }
    }

    fn growth(&self) -> f64 {
        self.multiplier.unwrap_or(1.0)
    }

    /// How long the pauses may become; of a policy, which grows by itself, nothing is known.
    pub(crate) fn max_pause(&self) -> Duration {
        match &self.rhythm {
            Strategy::Fixed { interval } => *interval,
            Strategy::Exponential { max_interval, .. } => *max_interval,
            Strategy::Policy(_) => Duration::ZERO,
            Strategy::Learned(_) => self.learning.fixed_pause(),
        }
    }

    /// How long all rest when the gateway asks for it and does not say how long: the pause, but where that is a rare one as much as
    /// the vendor recommends between polls; of a policy, the watch's own first pause after a failed poll.
    pub(crate) fn cooldown(&self) -> Duration {
        match &self.rhythm {
            Strategy::Fixed { interval: pause } | Strategy::Exponential { initial: pause, .. } => *pause,
            Strategy::Policy(_) => FIRST_RETRY,
            Strategy::Learned(_) => self.learning.fixed_pause(),
        }
        .min(INTERVAL)
    }

    pub(crate) fn limit(&self) -> Option<Duration> {
        self.max_wait
    }

    /// From the first poll of the stream to the first request.
    pub(crate) fn first_pause(&self) -> Duration {
        self.max_wait.map_or(self.first_poll_after, |limit| self.first_poll_after.min(limit))
    }

    /// The state of one watch that follows this schedule.
    pub(crate) fn start(&self) -> PolicyState {
        PolicyState::new(match &self.rhythm {
            Strategy::Policy(policy) => policy.start(),
            _ => None,
        })
    }
}

/// The pause after so many failed polls in a row, before the schedule's own pause bounds it.
pub(crate) fn retry_pause(failures: u32, jitter_sample: f64) -> Duration {
    exponential_pause(FIRST_RETRY, 2.0, failures.saturating_sub(1), LONGEST).mul_f64(1.0 - jitter_sample / 2.0)
}

fn exponential_pause(initial: Duration, factor: f64, steps: u32, cap: Duration) -> Duration {
    let seconds = initial.as_secs_f64() * factor.powi(i32::try_from(steps).unwrap_or(i32::MAX));
    Duration::try_from_secs_f64(seconds).map_or(cap, |pause| pause.max(initial).min(cap))
}

fn positive(what: &str, duration: Duration) -> Result<(), Error> {
    if duration.is_zero() {
        return Err(Error::config(format!("{what} is zero: it would poll without a pause")));
    }
    bounded(what, duration)
}

fn bounded(what: &str, duration: Duration) -> Result<(), Error> {
    if duration > LONGEST {
        return Err(Error::config(format!("{what} is over ten years (a wait without limit is no_max_wait)")));
    }
    Ok(())
}

#[cfg(test)]
mod tests;

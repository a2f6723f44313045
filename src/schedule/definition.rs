//! What a schedule is: its strategy and its settings.

use std::time::Duration;

use super::exponential::FIRST_RETRY_PAUSE;
use super::learned_settings::LearnedSettings;
use super::strategy::Strategy;

/// The vendor recommends 30 s between polls.
const RECOMMENDED_INTERVAL: Duration = Duration::from_secs(30);
/// The vendor's own sample stops waiting after 15 min.
const DEFAULT_MAX_WAIT: Duration = Duration::from_secs(15 * 60);
/// A task of 5 minutes is polled twice before its callback.
const CALLBACK_INTERVAL: Duration = Duration::from_secs(3 * 60);
const DEFAULT_MULTIPLIER: f64 = 1.5;

/// When to poll, and when to stop waiting.
///
/// The default is [`every`](Self::every) 30 s, for at most 15 min. [`ClientBuilder::build`] and
/// [`Client::with_schedule`] refuse a schedule that is not [valid](Self::validate).
///
/// Failed polls are repeated sooner: after 1 s, doubling with each failed poll in a row. Jitter takes up to half of that
/// pause away. It is never longer than the schedule's own pause.
///
/// In the guide: [deadlines](crate::guide::deadlines), [learned schedule](crate::guide::learned_schedule), [defaults](crate::guide::defaults).
///
/// ```
/// use std::time::Duration;
/// use luma_watch::Schedule;
///
/// let seconds = |schedule: Schedule| schedule.preview().map(|at| at.as_secs()).collect::<Vec<_>>();
/// let fixed = Schedule::every(Duration::from_secs(30)).max_wait(Duration::from_secs(100));
/// assert_eq!(seconds(fixed), [0, 30, 60, 90, 100]);
/// let growing = Schedule::exponential(Duration::from_secs(10), Duration::from_secs(60)).multiplier(2.0);
/// assert_eq!(seconds(growing.max_wait(Duration::from_secs(200))), [0, 10, 30, 70, 130, 190, 200]);
/// ```
///
/// [`ClientBuilder::build`]: crate::ClientBuilder::build
/// [`Client::with_schedule`]: crate::Client::with_schedule
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    pub(super) strategy: Strategy,
    pub(super) multiplier: Option<f64>,
    pub(super) jitter: f64,
    pub(super) first_poll_after: Duration,
    pub(super) max_wait: Option<Duration>,
    pub(super) give_up_after: Option<u32>,
    pub(super) learned_settings: LearnedSettings,
}

/// A poll every 30 s, for at most 15 min.
impl Default for Schedule {
    fn default() -> Self {
        Self::every(RECOMMENDED_INTERVAL)
    }
}

impl Schedule {
    pub(super) const fn new(strategy: Strategy) -> Self {
        Self {
            strategy,
            multiplier: None,
            jitter: 0.0,
            first_poll_after: Duration::ZERO,
            max_wait: Some(DEFAULT_MAX_WAIT),
            give_up_after: None,
            learned_settings: LearnedSettings::DEFAULT,
        }
    }

    /// Polls with the same pause each time. A pause runs from the end of a response to the next request.
    ///
    /// ```
    /// use std::time::Duration;
    /// use luma_watch::Schedule;
    ///
    /// let every_minute = Schedule::every(Duration::from_secs(60));
    /// assert_eq!(every_minute.preview().nth(1), Some(Duration::from_secs(60)));
    /// ```
    #[must_use]
    pub const fn every(interval: Duration) -> Self {
        Self::new(Strategy::Fixed { interval })
    }

    /// Polls with pauses that grow from `initial` to `max_interval`. Each pause is 1.5 times the one before, or another
    /// [`multiplier`](Self::multiplier).
    ///
    /// ```
    /// use std::time::Duration;
    /// use luma_watch::Schedule;
    ///
    /// let schedule = Schedule::exponential(Duration::from_secs(20), Duration::from_secs(60));
    /// let polls = schedule.preview().map(|at| at.as_secs()).take(5);
    /// assert!(polls.eq([0, 20, 50, 95, 155]));
    /// ```
    #[must_use]
    pub const fn exponential(initial: Duration, max_interval: Duration) -> Self {
        Self::new(Strategy::Exponential { initial, max_interval }).multiplier(DEFAULT_MULTIPLIER)
    }

    /// For a watch that a callback notifies of the task's end (`Client::notify`, with the feature `callback`): one poll
    /// at the start, then one every 3 min to find tasks whose callback is lost.
    ///
    /// A task of up to 6 minutes takes three requests, or four where more than 16 watches start within a second. If the
    /// callback is lost, the watch finds the end up to 3 min late. Many callbacks at once cause as many requests at
    /// once: set a [rate limit](crate::ClientBuilder::rate_limit).
    ///
    /// ```
    /// use std::time::Duration;
    /// use luma_watch::Schedule;
    ///
    /// assert_eq!(Schedule::expecting_callback(), Schedule::every(Duration::from_secs(180)));
    /// ```
    #[must_use]
    pub const fn expecting_callback() -> Self {
        Self::every(CALLBACK_INTERVAL)
    }

    /// Sets how much longer each pause of an [`exponential`](Self::exponential) schedule is than the one before: a
    /// factor of 1 or more. Default: 1.5.
    ///
    /// ```
    /// use std::time::Duration;
    /// use luma_watch::Schedule;
    ///
    /// let schedule = Schedule::exponential(Duration::from_secs(5), Duration::from_secs(60)).multiplier(3.0);
    /// assert!(schedule.preview().map(|at| at.as_secs()).take(5).eq([0, 5, 20, 65, 125]));
    /// // Only an exponential schedule has a multiplier.
    /// assert!(Schedule::default().multiplier(2.0).validate().is_err());
    /// ```
    #[must_use]
    pub const fn multiplier(mut self, factor: f64) -> Self {
        self.multiplier = Some(factor);
        self
    }

    /// Shortens each pause by a random part of up to `fraction`, 0 to 1. Default: 0.
    ///
    /// A pause is never longer than it is without jitter. [`preview`](Self::preview) leaves jitter out.
    ///
    /// ```
    /// use std::time::Duration;
    /// use luma_watch::Schedule;
    ///
    /// // Pauses of 24 to 30 s.
    /// let schedule = Schedule::every(Duration::from_secs(30)).jitter(0.2);
    /// assert!(schedule.validate().is_ok());
    /// assert!(schedule.jitter(1.5).validate().is_err());
    /// ```
    #[must_use]
    pub const fn jitter(mut self, fraction: f64) -> Self {
        self.jitter = fraction;
        self
    }

    /// Sets the wait before the first poll. Default: 0, the first poll comes at once.
    ///
    /// The wait counts towards [`max_wait`](Self::max_wait), and must be shorter than it.
    ///
    /// ```
    /// use std::time::Duration;
    /// use luma_watch::Schedule;
    ///
    /// let schedule = Schedule::every(Duration::from_secs(30)).first_poll_after(Duration::from_secs(120));
    /// assert!(schedule.preview().map(|at| at.as_secs()).take(3).eq([120, 150, 180]));
    /// ```
    #[must_use]
    pub const fn first_poll_after(mut self, delay: Duration) -> Self {
        self.first_poll_after = delay;
        self
    }

    /// Sets how long a watch waits for the task's end. Default: 15 min. With zero, there is one poll.
    ///
    /// The time counts from the first poll of the stream. The final poll goes out when it is over. With a pause that is longer
    /// than this time, there are two polls: one at the start, and the final one.
    ///
    /// ```
    /// use std::time::Duration;
    /// use luma_watch::Schedule;
    ///
    /// let schedule = Schedule::every(Duration::from_secs(40)).max_wait(Duration::from_secs(100));
    /// assert!(schedule.preview().map(|at| at.as_secs()).eq([0, 40, 80, 100]));
    /// let schedule = Schedule::every(Duration::from_secs(600)).max_wait(Duration::from_secs(100));
    /// assert!(schedule.preview().map(|at| at.as_secs()).eq([0, 100]));
    /// ```
    #[must_use]
    pub const fn max_wait(mut self, limit: Duration) -> Self {
        self.max_wait = Some(limit);
        self
    }

    /// Waits for the task's end without a limit.
    ///
    /// ```
    /// use std::time::Duration;
    /// use luma_watch::Schedule;
    ///
    /// let a_day = Duration::from_secs(24 * 60 * 60);
    /// assert!(Schedule::default().no_max_wait().preview().any(|at| at >= a_day));
    /// ```
    #[must_use]
    pub const fn no_max_wait(mut self) -> Self {
        self.max_wait = None;
        self
    }

    /// Gives up when this number of polls in a row have failed. Default: failed polls alone never end a watch.
    ///
    /// For a program that would rather hear of an outage than wait through it. The watch ends as
    /// [`GaveUp`](crate::StatusEvent::GaveUp) with the error of the last poll: the task may still finish, so watch the same id
    /// again later. Extra polls and refusals (429, 503) count; waiting for the client's limits does not. If the last of them is a
    /// success whose record names no result, the watch ends as [`Done`](crate::StatusEvent::Done).
    ///
    /// ```
    /// # use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// # tokio::time::pause();
    /// # let simulator = Simulator::new();
    /// # let id = simulator.add(SimulatedTask::new());
    /// # simulator.inject(Fault::status(502).times(10));
    /// use luma_watch::{Client, ErrorKind, Schedule};
    ///
    /// let schedule = Schedule::default().give_up_after(3);
    /// let client = Client::builder("test-key").schedule(schedule).simulator(&simulator).build()?;
    /// let error = client.wait_until_done(&id).await.unwrap_err();
    /// assert_eq!((error.kind(), error.polls()), (ErrorKind::Server, 3));
    /// assert!(error.is_transient());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn give_up_after(mut self, failures_in_a_row: u32) -> Self {
        self.give_up_after = Some(failures_in_a_row);
        self
    }

    /// How many failed polls in a row end a watch. `None`: they never do.
    pub(crate) const fn failures_to_give_up(&self) -> Option<u32> {
        self.give_up_after
    }

    /// The longest pause that the strategy comes to, or zero for a policy, which grows by itself.
    pub(crate) fn max_pause(&self) -> Duration {
        match &self.strategy {
            Strategy::Fixed { interval } => *interval,
            Strategy::Exponential { max_interval, .. } => *max_interval,
            Strategy::Policy(_) => Duration::ZERO,
            Strategy::Learned(_) => self.learned_settings.fixed_pause(),
        }
    }

    /// How long all watches pause when the gateway throttles without `Retry-After`: the schedule's pause, and at most
    /// the interval that the vendor recommends. For a policy it is the pause after a first failed poll.
    pub(crate) fn cooldown(&self) -> Duration {
        match &self.strategy {
            Strategy::Fixed { interval: pause } | Strategy::Exponential { initial: pause, .. } => *pause,
            Strategy::Policy(_) => FIRST_RETRY_PAUSE,
            Strategy::Learned(_) => self.learned_settings.fixed_pause(),
        }
        .min(RECOMMENDED_INTERVAL)
    }

    /// How long a watch waits for the task's end. `None`: without a limit.
    pub(crate) fn limit(&self) -> Option<Duration> {
        self.max_wait
    }

    /// The time from the first poll of the stream to the first request.
    pub(crate) fn first_pause(&self) -> Duration {
        self.first_poll_after
    }

    /// The factor from one pause to the next.
    pub(super) fn growth(&self) -> f64 {
        self.multiplier.unwrap_or(1.0)
    }
}

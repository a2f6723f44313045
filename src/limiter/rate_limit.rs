//! The rate limit as a user states it.

use std::time::Duration;

use crate::error::Error;

/// How many requests a client may send in a period, see [`ClientBuilder::rate_limit`](crate::ClientBuilder::rate_limit).
///
/// It is a sliding window: no stretch of time as long as the period ever holds more requests, wherever the stretch begins.
/// While the limit is not used up, requests go at once, or at most [`burst`](Self::burst) of them. When it is used up, waiting
/// requests go one by one at an even pace.
///
/// In the guide: [limits](crate::guide::limits).
///
/// ```
/// use std::time::Duration;
/// use luma_watch::{Client, RateLimit};
///
/// let limit = RateLimit::per(20, Duration::from_secs(10));
/// assert_eq!((limit.requests(), limit.period()), (20, Duration::from_secs(10)));
/// let client = Client::builder("key").rate_limit(limit).build()?;
/// # Ok::<(), luma_watch::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RateLimit {
    requests: u32,
    period: Duration,
    max_burst: u32,
    starts_used_up: bool,
}

impl RateLimit {
    /// At most `requests` in each stretch of `period`.
    ///
    /// [`ClientBuilder::build`](crate::ClientBuilder::build) refuses zero requests, a period of zero, and a period over 31
    /// days.
    #[must_use]
    pub const fn per(requests: u32, period: Duration) -> Self {
        Self { requests, period, max_burst: requests, starts_used_up: false }
    }

    /// At most this many requests at once. Default: all requests of the period.
    ///
    /// After a burst, further requests go at the even rate of the limit: one each `period / requests`. In any stretch of time t
    /// there are at most `burst + t * requests / period` requests, and still no more than the limit in each period.
    ///
    /// Set it for a gateway with a leaky bucket, which refuses what comes at once even if the whole period would allow it. An
    /// nginx with `limit_req` of `rate=20r/s` and `burst=5` accepts six requests at once, and then one each 50 ms. The sixth
    /// makes up for requests that come closer together than they left:
    ///
    /// ```
    /// use std::time::Duration;
    /// use luma_watch::RateLimit;
    ///
    /// let limit = RateLimit::per(20, Duration::from_secs(1)).burst(5);
    /// assert_eq!(limit.max_burst(), 5);
    /// ```
    ///
    /// [`ClientBuilder::build`](crate::ClientBuilder::build) refuses a burst of zero, and one over the limit's requests.
    #[must_use]
    pub const fn burst(mut self, requests: u32) -> Self {
        self.max_burst = requests;
        self
    }

    /// Starts as if the requests of a whole period had just been sent: the first request goes one period after the client was
    /// built, and then they go at the even rate. Default: the first requests go at once.
    ///
    /// For a process that is restarted often: what the one before it sent still counts at the gateway. See [the
    /// guide](crate::guide::restarts#what-does-not-survive).
    ///
    /// ```
    /// use std::time::Duration;
    /// use luma_watch::RateLimit;
    ///
    /// let limit = RateLimit::per(15, Duration::from_secs(10)).starting_used_up();
    /// # assert_ne!(limit, RateLimit::per(15, Duration::from_secs(10)));
    /// ```
    #[must_use]
    pub const fn starting_used_up(mut self) -> Self {
        self.starts_used_up = true;
        self
    }

    /// The number of requests per period.
    #[must_use]
    pub const fn requests(self) -> u32 {
        self.requests
    }

    /// The period.
    #[must_use]
    pub const fn period(self) -> Duration {
        self.period
    }

    /// The number of requests that may go at once, see [`burst`](Self::burst).
    #[must_use]
    pub const fn max_burst(self) -> u32 {
        self.max_burst
    }

    /// How many tasks can be watched under this limit if each is polled once per `pause`. With more tasks polls come late. When
    /// they wait for longer than the pause, the client logs one warning, see [the guide](crate::guide::logs).
    ///
    /// ```
    /// use std::time::Duration;
    /// use luma_watch::RateLimit;
    ///
    /// let limit = RateLimit::per(20, Duration::from_secs(10));
    /// assert_eq!(limit.sustains(Duration::from_secs(30)), 60);
    /// ```
    #[must_use]
    pub fn sustains(self, pause: Duration) -> usize {
        let requests = pause.as_nanos().saturating_mul(u128::from(self.requests));
        let tasks = requests.checked_div(self.period.as_nanos()).unwrap_or(u128::MAX);
        usize::try_from(tasks).unwrap_or(usize::MAX)
    }

    /// The time that this many requests take.
    pub(crate) fn time_for(self, requests: usize) -> Duration {
        let nanos = self.period.as_nanos().saturating_mul(requests as u128);
        let nanos = nanos.checked_div(u128::from(self.requests)).unwrap_or(u128::MAX);
        u64::try_from(nanos).map_or(Duration::MAX, Duration::from_nanos)
    }

    pub(super) const fn starts_used_up(self) -> bool {
        self.starts_used_up
    }

    /// The time between two requests at the even rate of the limit.
    pub(super) fn gap(self) -> Duration {
        self.period.checked_div(self.requests).unwrap_or_default().max(Duration::from_nanos(1))
    }

    pub(crate) fn validate(self) -> Result<(), Error> {
        /// A longer period is a slip of the pen.
        const MAX_PERIOD: Duration = Duration::from_secs(31 * 24 * 60 * 60);
        if self.requests == 0 {
            return Err(Error::config("the rate limit is 0 requests: no request could ever be sent"));
        }
        if self.period.is_zero() {
            return Err(Error::config("the rate limit's period is zero: it would limit nothing"));
        }
        if self.period > MAX_PERIOD {
            return Err(Error::config("the rate limit's period is over 31 days"));
        }
        if self.max_burst == 0 {
            return Err(Error::config("the rate limit's burst is 0 requests: no request could ever be sent"));
        }
        if self.max_burst > self.requests {
            let Self { max_burst, requests, .. } = self;
            return Err(Error::config(format!(
                "the rate limit's burst ({max_burst}) is more than its requests per period ({requests})"
            )));
        }
        Ok(())
    }
}

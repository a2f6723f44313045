//! The rate limit as a user states it.

use std::time::Duration;

use crate::error::Error;

/// How many requests a client may send in a period, see [`ClientBuilder::rate_limit`](crate::ClientBuilder::rate_limit).
///
/// It is a sliding window: no stretch of time as long as the period ever holds more requests, wherever the stretch begins.
/// While the limit is not used up, requests go at once. When it is used up, waiting requests go one by one at an even pace.
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
}

impl RateLimit {
    /// At most `requests` in each stretch of `period`.
    ///
    /// [`ClientBuilder::build`](crate::ClientBuilder::build) refuses zero requests, a period of zero, and a period over 31
    /// days.
    #[must_use]
    pub const fn per(requests: u32, period: Duration) -> Self {
        Self { requests, period }
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
        Ok(())
    }
}

//! What the limits of a client stand at, for those who ask.

use std::fmt;

use super::breaker_state::BreakerState;
use super::rate_limit::RateLimit;
use super::refusal::Cooldown;
use crate::task::TaskId;

/// The current state of the limits of a client and its clones. Made by [`Client::limits`](crate::Client::limits).
///
/// `Display` writes one line for a log or a page.
///
/// In the guide: [limits](crate::guide::limits).
///
/// ```
/// # use luma_watch::simulator::{Fault, Simulator};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), luma_watch::Error> {
/// # let simulator = Simulator::new();
/// # let client = luma_watch::Client::builder("test-key").simulator(&simulator).build()?;
/// use luma_watch::BreakerState;
///
/// let limits = client.limits();
/// assert_eq!((limits.breaker, limits.in_flight, limits.waiting), (BreakerState::Closed, 0, 0));
///
/// // A refusal makes all watches of the client hold back.
/// simulator.inject(Fault::status(503).retry_after("60"));
/// assert!(client.status("774d9a7d").await.is_err());
/// let cooldown = client.limits().cooldown.expect("it holds back");
/// assert_eq!(cooldown.error.http_status(), Some(503));
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, serde::Serialize)]
pub struct ClientLimits {
    /// The state of the circuit breaker.
    pub breaker: BreakerState,
    /// Why and for how long the watches hold back. `None` if they do not.
    pub cooldown: Option<Cooldown>,
    /// How many requests are in flight.
    pub in_flight: usize,
    /// How many may be in flight now: few at the start and after a refusal, up to
    /// [`max_in_flight`](crate::ClientBuilder::max_in_flight).
    pub in_flight_allowed: usize,
    /// How many requests wait for a permit: for their turn under these limits, or, after a failed poll, for good answers of
    /// others. A watch that is not polled any more does not count.
    pub waiting: usize,
    /// How many requests the [`rate_limit`](crate::ClientBuilder::rate_limit) lets go at once now. `None` without a limit.
    pub rate_limit_left: Option<usize>,
    /// How many failed polls may be repeated early now.
    pub retries_left: usize,
    /// The rate limit that is set.
    #[serde(skip)]
    pub(crate) rate_limit: Option<RateLimit>,
}

impl ClientLimits {
    /// Why a request about this task does not go: the limit that holds it up.
    pub(crate) fn reason(&self, id: &TaskId) -> String {
        let Self { in_flight, in_flight_allowed, waiting, .. } = self;
        let others = match waiting {
            0 => String::new(),
            1 => ", and 1 request waits".to_owned(),
            _ => format!(", and {waiting} requests wait"),
        };
        match (&self.cooldown, self.rate_limit) {
            (Some(cooldown), _) => cooldown.for_task(id).to_string(),
            (None, Some(limit)) if self.rate_limit_left == Some(0) => {
                let (requests, period) = (limit.requests(), limit.period());
                format!("the rate limit of {requests} per {period:?} is used up{others}")
            }
            _ if in_flight >= in_flight_allowed => {
                format!("{in_flight} of {in_flight_allowed} requests are in flight{others}")
            }
            _ => format!("{waiting} requests wait"),
        }
    }
}

impl fmt::Display for ClientLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { breaker, in_flight, in_flight_allowed, waiting, .. } = self;
        write!(f, "breaker {breaker}, {in_flight} of {in_flight_allowed} requests in flight, {waiting} waiting")?;
        if let Some(left) = self.rate_limit_left {
            write!(f, ", {left} left of the rate limit")?;
        }
        if self.retries_left == 0 {
            f.write_str(", no early repeats left")?;
        }
        match &self.cooldown {
            Some(cooldown) => write!(f, "; {cooldown}"),
            None => Ok(()),
        }
    }
}

//! The state of a circuit breaker, for those who ask.

use std::fmt;

/// The state of a client's circuit breaker, see [`Client::limits`](crate::Client::limits).
///
/// `Display`, [`as_str`](Self::as_str) and serde spell each the same way: `half_open`.
///
/// ```
/// use luma_watch::BreakerState;
///
/// assert_eq!(BreakerState::HalfOpen.as_str(), "half_open");
/// assert_eq!(serde_json::to_string(&BreakerState::HalfOpen).unwrap(), "\"half_open\"");
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Requests pass.
    Closed,
    /// A refusal came: until the time that it named is over, only single checks and final polls pass.
    Open,
    /// That time is over, and one request finds out whether the gateway answers again.
    HalfOpen,
    /// The cooldown has ended: waiting requests pass one by one, within 10 s.
    Recovering,
}

impl BreakerState {
    /// The state in `snake_case`, for logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::Recovering => "recovering",
        }
    }
}

impl fmt::Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

//! The answer for which a client holds its requests back.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::error::Error;

/// An answer that asks for fewer requests, and when it came.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// With the id of the task that was asked about.
    pub(crate) error: Error,
    pub(crate) at: Instant,
    pub(crate) date: SystemTime,
}

/// A refusal for which requests are held back now.
#[derive(Clone, Debug)]
pub(crate) struct Cooldown {
    pub(crate) refusal: Refusal,
    /// How much longer, if no good answer comes before.
    pub(crate) remaining: Duration,
    /// A new number for each refusal that makes the time longer.
    pub(crate) number: u32,
}

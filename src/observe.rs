//! A client seen from outside: what it calls an observer for.

#[cfg(feature = "metrics")]
mod metrics;
mod observations;
mod observer;
mod observers;

#[cfg(feature = "metrics")]
pub use metrics::MetricsObserver;
pub use observations::{PollEnded, PollSent, WatchEnded, WatchEvent, WatchStarted};
pub use observer::Observer;
pub(crate) use observers::{ObservedPoll, Observers};

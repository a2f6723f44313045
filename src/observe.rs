//! A client seen from outside: what it calls an observer for.

mod observations;
mod observer;
mod observers;

pub use observations::{PollEnded, PollSent, WatchEnded, WatchStarted};
pub use observer::Observer;
pub(crate) use observers::{ObservedPoll, Observers};

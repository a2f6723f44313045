//! The events of a watch.

mod details;
mod serialized;
mod status_event;

pub use details::{Finished, HeldBack, PollFailure, Progress};
pub use status_event::StatusEvent;

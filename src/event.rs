//! The events of a watch.

mod details;
mod outcome;
mod redacted;
mod serialized;
mod status_event;

pub use details::{Finished, HeldBack, PollFailure, Progress};
pub(crate) use outcome::outcome_name;
pub use status_event::StatusEvent;

//! The decision after each response: an event, and when the next poll is, or the end.
//!
//! Pure: no clock, no I/O, no async. `(state, response, time) -> (event, state, next poll | end)`. Each driver stands on it:
//! one watch, and `WatchAll`.

mod config;
mod deadline;
mod decision;
mod extra;
mod failure_streak;
mod last_record;
mod learn;
mod next_poll;
mod on_failure;
mod on_progress;
mod on_response;
mod permit_wait;
mod poll_priority;
mod response;
mod saved;
mod state;
mod uncommon;
mod wait_state;

pub(crate) use config::WatchConfig;
pub(crate) use decision::Next;
pub(crate) use permit_wait::{PermitWait, was_away};
pub(crate) use response::{Response, ResponseContext};
pub(crate) use saved::SavedState;
pub(crate) use state::PollState;

#[cfg(test)]
mod tests;

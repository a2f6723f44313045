//! When to poll, and when to stop waiting.

mod bounds;
mod definition;
mod exponential;
#[cfg(feature = "backoff")]
mod from_backoff;
mod learned;
mod learned_settings;
mod pause;
#[cfg_attr(not(feature = "backoff"), allow(dead_code))] // only the feature's adapter makes a policy
mod policy;
mod preview;
mod strategy;
mod validate;

pub(crate) use bounds::bounded;
pub use definition::Schedule;
pub(crate) use exponential::retry_pause;
pub(crate) use pause::{PauseInput, PolicyState};
pub(crate) use policy::NoPause;

#[cfg(test)]
mod tests;

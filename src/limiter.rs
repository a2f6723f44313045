//! The limits that all requests of one client share: a rate limit, a bound on requests in flight, a circuit breaker, and a budget
//! for repeats.
//!
//! [`Limits`](limits::Limits) decides whether a request may go now, and if not, when. [`WaitQueue`](wait_queue::WaitQueue)
//! decides which waiter is next. [`Limiter`] is the lock around both, [`Acquire`] the future of a waiter.

mod acquire;
mod breaker_state;
mod calls;
mod circuit_breaker;
mod client_limits;
mod congestion_window;
mod in_flight;
mod leader;
mod limits;
mod lock;
mod pacer;
mod priority;
mod quota;
mod rate_limit;
mod rate_limiter;
mod refusal;
mod retry_budget;
mod sliding_window;
mod state;
mod tickets;
mod token_bucket;
mod visit;
mod wait_queue;
mod waiter;
mod waiters;
mod wakers;

pub(crate) use acquire::{Acquire, Acquired, PermitRequest, Place};
pub use breaker_state::BreakerState;
pub use client_limits::ClientLimits;
pub(crate) use limits::{LimiterConfig, Release};
pub(crate) use lock::{Limiter, Permit};
pub(crate) use priority::{Priority, Sampler, prior};
#[cfg(feature = "simulator")]
pub(crate) use quota::Quota;
pub use rate_limit::RateLimit;
pub use refusal::Cooldown;
pub(crate) use waiter::Class;

#[cfg(test)]
mod tests;

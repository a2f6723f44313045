//! Downloads from file servers that cut, stall, lie and change their minds.

mod blocked;
mod cancel;
mod collisions;
mod fetch;
mod killed;
mod lengths;
mod names;
mod nginx;
mod not_media;
mod public_hosts;
mod redirects;
mod refusals;
mod resume;
mod retries;
mod secrets;
mod settings;
mod sizes;
mod slow;
mod starts_over;
mod storage;
mod stored_parts;
#[cfg(feature = "rustls")]
mod tls;
mod whole;

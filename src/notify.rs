//! Notifications: running watches, found by the id of their task and woken for an extra poll.
//!
//! A notification is kept until a request that began after it is sent, whatever the watch was doing when it came. Without the
//! feature `callback` nothing notifies, and the same names are types without a size: an index of all watches would cost each
//! idle watch more than the memory that it may take.

#[cfg(feature = "callback")]
mod debounce;
#[cfg(not(feature = "callback"))]
mod disabled;
#[cfg(feature = "callback")]
mod inbox;
#[cfg(feature = "callback")]
mod recent_callbacks;
#[cfg(feature = "callback")]
mod registry;

#[cfg(not(feature = "callback"))]
pub(crate) use disabled::{Inbox, Registry, WatchKey};
#[cfg(feature = "callback")]
pub(crate) use inbox::Inbox;
#[cfg(feature = "callback")]
pub(crate) use registry::{Registry, WatchKey};

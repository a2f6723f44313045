//! What several tests need: a gateway in memory, a server of plain bytes, a child process.

pub(crate) mod child;
pub(crate) mod driver;
pub(crate) mod in_memory;
pub(crate) mod keys;
#[cfg(feature = "rustls")]
pub(crate) mod raw_http2;
pub(crate) mod raw_server;
#[cfg(feature = "rustls")]
pub(crate) mod tls;

//! What several tests need: a gateway in memory, a server of plain bytes, a child process, the source files.

pub(crate) mod child;
#[cfg(feature = "download")]
pub(crate) mod downloads;
pub(crate) mod driver;
#[cfg(feature = "download")]
pub(crate) mod file;
#[cfg(feature = "download")]
pub(crate) mod file_reply;
#[cfg(feature = "download")]
pub(crate) mod file_server;
pub(crate) mod in_memory;
pub(crate) mod keys;
#[cfg(feature = "download")]
pub(crate) mod nginx;
#[cfg(feature = "rustls")]
pub(crate) mod raw_http2;
pub(crate) mod raw_server;
pub(crate) mod sources;
#[cfg(feature = "rustls")]
pub(crate) mod tls;

//! How the bytes of result files come: over HTTP from file hosts, or from a simulator in memory. It knows nothing of disks.

mod address;
mod clients;
mod http;
mod message;
mod resolver;
mod source;

pub(crate) use message::{FileBody, FileRequest};
pub(crate) use source::FileSource;

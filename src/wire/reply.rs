//! An HTTP response as a transport hands it over.

use bytes::Bytes;
use reqwest::header::HeaderMap;

use crate::error::Error;

/// One HTTP response to a poll.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The HTTP status.
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// The whole body, or why it is not whole.
    pub(crate) body: Result<Bytes, Error>,
}

//! How a request differs from the usual one for its task.

use reqwest::Url;

use super::key_source::Key;

/// For requests with a key from a source, and for the second request of a poll.
#[derive(Clone, Copy, Default)]
pub(crate) struct Variation<'a> {
    /// Instead of the client's own.
    pub(crate) key: Option<&'a Key>,
    /// Instead of the endpoint's, task id included.
    pub(crate) url: Option<&'a Url>,
}

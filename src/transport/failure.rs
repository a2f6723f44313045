//! What is said of a response that did not come, or not whole.

use std::error::Error as StdError;
use std::iter;

use crate::error::{Error, ErrorKind};

/// In bytes. No record is longer; a longer body is not the gateway's.
pub(crate) const MAX_BODY: usize = 1024 * 1024;

pub(crate) fn broken() -> Error {
    Error::new(ErrorKind::Transport, "the connection broke before an answer")
}

pub(crate) fn cut_short() -> Error {
    Error::new(ErrorKind::Decode, "it was cut short")
}

pub(crate) fn too_long() -> Error {
    Error::new(ErrorKind::Decode, "it is over 1 MiB long")
}

/// The error of a request without a response.
pub(super) fn failure(error: reqwest::Error) -> Error {
    let untrusted = causes(&error).any(|cause| cause.to_string().to_ascii_lowercase().contains("certificate"));
    let described = if error.is_timeout() {
        Error::new(ErrorKind::Timeout, "the HTTP client's own timeout")
    } else if error.is_builder() {
        Error::new(ErrorKind::InvalidRequest, "the HTTP client refuses it")
    } else if untrusted {
        Error::new(ErrorKind::Transport, "its TLS certificate is not trusted")
    } else if error.is_connect() {
        Error::new(ErrorKind::Transport, "no connection")
    } else {
        broken()
    };
    let described = described.caused_by(error.without_url());
    if untrusted { described.permanent() } else { described }
}

pub(super) fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    iter::successors(error.source(), |&cause| cause.source())
}

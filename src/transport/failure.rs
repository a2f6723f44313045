//! What every transport says of a response that did not come, or not whole.

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

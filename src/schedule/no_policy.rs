//! Without the feature `backoff` no policy exists: the types that stand for one have no values.

use std::time::Duration;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shared {}

impl Shared {
    pub(super) fn start(&self) -> Option<Running> {
        match *self {}
    }
}

#[derive(Debug)]
pub(super) enum Running {}

impl Running {
    pub(super) fn next(&mut self) -> Option<Duration> {
        match *self {}
    }

    pub(super) fn reset(&mut self) {
        match *self {}
    }
}

//! Without the feature `callback` nothing notifies, and a watch carries nothing for it.

#![allow(clippy::unused_self, clippy::trivially_copy_pass_by_ref)] // the same calls as with the feature

use std::task::{Poll, Waker};

use tokio::time::Instant;

use crate::task::TaskId;

#[derive(Clone, Debug)]
pub(crate) struct Registry;

#[derive(Clone, Copy, Debug)]
pub(crate) struct WatchKey;

impl WatchKey {
    pub(crate) const NONE: Self = Self;
}

impl Registry {
    pub(crate) const fn new() -> Self {
        Self
    }

    pub(crate) const fn subscribe(&self, _: &TaskId) -> WatchKey {
        WatchKey
    }

    pub(crate) const fn unsubscribe(&self, _: WatchKey, _: &TaskId) {}

    pub(crate) const fn poll_notified(&self, _: WatchKey, _: &Waker) -> Poll<Instant> {
        Poll::Pending
    }

    pub(crate) const fn sent(&self, _: WatchKey, _: &TaskId) {}
}

pub(crate) struct Inbox;

impl Inbox {
    pub(crate) const fn new(_: Registry) -> Self {
        Self
    }

    pub(crate) const fn subscribe(&self, _: &TaskId) -> Option<Instant> {
        None
    }

    pub(crate) const fn unsubscribe(&self, _: &TaskId) {}

    pub(crate) const fn pop(&self, _: &Waker) -> Option<(TaskId, Instant)> {
        None
    }

    pub(crate) const fn sent(&self, _: &TaskId) {}

    pub(crate) fn close<'a>(&self, _: impl Iterator<Item = &'a TaskId>) {}
}

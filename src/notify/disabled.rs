//! Without the feature `callback` nothing rings, and a watch carries nothing for it.

#![allow(clippy::unused_self)] // as its twin has it

#[path = "pending_poll.rs"]
mod pending_poll;

use std::task::Waker;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::task::TaskId;
pub(crate) use pending_poll::{NextPoll, PendingPoll};

#[derive(Clone, Debug)]
pub(crate) struct Registry;

impl Registry {
    pub(crate) const fn new() -> Self {
        Self
    }
}

pub(crate) struct Subscription;

impl Subscription {
    pub(crate) const fn subscribe(_: &Registry, _: &TaskId) -> Self {
        Self
    }

    pub(crate) fn sleep_or_notified(pause: NextPoll, _: &Self) -> Sleep {
        sleep_until(pause.until)
    }

    pub(crate) const fn send_handle(&self) -> SendHandle {
        SendHandle
    }

    pub(crate) const fn scheduled_at(&self) -> Option<Instant> {
        None
    }
}

pub(crate) struct SendHandle;

impl SendHandle {
    pub(crate) const fn sent(&self) {}
}

pub(crate) struct Inbox;

impl Inbox {
    pub(crate) const fn new(_: Registry) -> Self {
        Self
    }

    pub(crate) const fn list(&self, _: &TaskId) -> Option<Instant> {
        None
    }

    pub(crate) const fn unlist(&self, _: &TaskId) {}

    pub(crate) const fn collect(&self, _: &Waker) -> [(TaskId, Instant); 0] {
        []
    }

    pub(crate) const fn asked(&self, _: &TaskId) {}

    pub(crate) fn close<'a>(&self, _: impl Iterator<Item = &'a TaskId>) {}
}

//! Without the feature `callback` nothing notifies, and a watch carries nothing for it.

#![allow(clippy::unused_self, clippy::trivially_copy_pass_by_ref)] // the same calls as with the feature

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::notified::Notified;
use crate::task::TaskId;

#[derive(Clone, Debug)]
pub(crate) struct Registry;

#[derive(Clone, Copy, Debug)]
pub(crate) struct WatchKey;

impl WatchKey {
    pub(crate) const NONE: Self = Self;
}

pin_project! {
    pub(crate) struct SleepOrNotified<'a> {
        #[pin]
        sleep: Sleep,
        registry: PhantomData<&'a Registry>,
    }
}

impl Future for SleepOrNotified<'_> {
    type Output = Option<Notified>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().sleep.poll(cx).map(|()| None)
    }
}

impl Registry {
    pub(crate) const fn new() -> Self {
        Self
    }

    pub(crate) const fn subscribe(&self, _: &TaskId) -> WatchKey {
        WatchKey
    }

    pub(crate) const fn unsubscribe(&self, _: WatchKey, _: &TaskId) {}

    pub(crate) fn sleep_or_notified(&self, _: WatchKey, until: Instant) -> SleepOrNotified<'_> {
        SleepOrNotified { sleep: sleep_until(until), registry: PhantomData }
    }

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

    pub(crate) const fn collect(&self, _: &Waker) -> [(TaskId, Instant); 0] {
        []
    }

    pub(crate) const fn sent(&self, _: &TaskId) {}

    pub(crate) fn close<'a>(&self, _: impl Iterator<Item = &'a TaskId>) {}
}

//! Wakers that are collected under the lock, to be woken or dropped when it is free: either may drop a task, and with it a
//! waiter.

use std::task::Waker;

/// Mostly there is one, which takes no allocation.
#[derive(Clone, Debug, Default)]
pub(super) struct Wakers {
    first: Option<Waker>,
    more: Vec<Waker>,
}

impl Wakers {
    pub(super) fn push(&mut self, waker: Waker) {
        if self.first.is_none() {
            self.first = Some(waker);
        } else {
            self.more.push(waker);
        }
    }

    pub(super) fn wake(self) {
        self.first.into_iter().chain(self.more).for_each(Waker::wake);
    }
}

//! The polls of a `WatchAll` that are in flight.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::stream::{FuturesUnordered, StreamExt};

use super::task_slots::Key;
use crate::client_core::{PollFuture, PollOutcome};

pub(super) struct InFlightPolls {
    polls: FuturesUnordered<InFlightPoll>,
    /// How many of them were aborted: an entry cannot be taken out before its end.
    aborted: usize,
}

struct InFlightPoll {
    key: Key,
    /// None if it was aborted.
    poll: Option<PollFuture>,
}

impl InFlightPolls {
    pub(super) fn new() -> Self {
        Self { polls: FuturesUnordered::new(), aborted: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.polls.len().saturating_sub(self.aborted)
    }

    pub(super) fn push(&mut self, key: Key, poll: PollFuture) {
        self.polls.push(InFlightPoll { key, poll: Some(poll) });
    }

    pub(super) fn abort(&mut self, key: Key) {
        for poll in self.polls.iter_mut().filter(|poll| poll.key == key) {
            poll.poll = None;
            self.aborted = self.aborted.saturating_add(1);
        }
    }

    /// The next outcome that is known by now.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<(Key, PollOutcome)>> {
        if self.aborted.saturating_mul(2) > self.polls.len() {
            let polls = std::mem::take(&mut self.polls).into_iter();
            self.polls = polls.filter(|poll| poll.poll.is_some()).collect();
            self.aborted = 0;
        }
        loop {
            match ready!(self.polls.poll_next_unpin(cx)) {
                Some((key, Some(outcome))) => return Poll::Ready(Some((key, outcome))),
                Some((_, None)) => self.aborted = self.aborted.saturating_sub(1),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl Future for InFlightPoll {
    type Output = (Key, Option<PollOutcome>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = match &mut self.poll {
            Some(poll) => Some(ready!(poll.as_mut().poll(cx))),
            None => None,
        };
        Poll::Ready((self.key, outcome))
    }
}

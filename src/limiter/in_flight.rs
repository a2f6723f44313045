//! The requests in flight. Each counts until it is over, but at most for a lease: its future may not be polled any more,
//! and no other request should wait for that.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct InFlight {
    max: usize,
    lease: Duration,
    count: usize,
    /// When each lease expires, in the order in which they were taken; none for a lease that is over. The first one is not
    /// over.
    expirations: VecDeque<Option<Instant>>,
    /// The number of the first lease.
    first: u64,
}

impl InFlight {
    pub(super) const fn new(max: usize, lease: Duration) -> Self {
        Self { max, lease, count: 0, expirations: VecDeque::new(), first: 0 }
    }

    /// How many more requests may be in flight now.
    pub(super) fn free(&mut self, now: Instant) -> usize {
        if self.count >= self.max {
            self.expire(now);
        }
        self.max.saturating_sub(self.count)
    }

    /// The number of a new lease.
    pub(super) fn take(&mut self, now: Instant) -> u64 {
        // Otherwise one lease that is never released would keep all later ones in the list.
        self.expire(now);
        self.expirations.push_back(Some(now.checked_add(self.lease).unwrap_or(now)));
        self.count = self.count.saturating_add(1);
        self.first.saturating_add(self.expirations.len() as u64).saturating_sub(1)
    }

    /// Does nothing to a lease that has expired.
    pub(super) fn release(&mut self, lease: u64) {
        let index = lease.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        let expiration = index.and_then(|index| self.expirations.get_mut(index)).and_then(Option::take);
        if expiration.is_some() {
            self.count = self.count.saturating_sub(1);
        }
        while let Some(None) = self.expirations.front() {
            self.expirations.pop_front();
            self.first = self.first.saturating_add(1);
        }
    }

    /// When there is room, at the latest, for the request with `ahead` others before it. `None`: that depends on when
    /// other requests end.
    pub(super) fn opens(&mut self, ahead: usize, now: Instant) -> Option<Instant> {
        match ahead.checked_sub(self.free(now)) {
            None => Some(now),
            Some(0) => self.expirations.front().copied().flatten(),
            Some(_) => None,
        }
    }

    fn expire(&mut self, now: Instant) {
        while self.expirations.front().copied().flatten().is_some_and(|expiration| expiration <= now) {
            self.release(self.first);
        }
    }
}

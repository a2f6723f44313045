//! The requests in flight. Each counts until it is over, but at most for a lease: its future may not be polled any more,
//! and no other request should wait for that.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::congestion_window::CongestionWindow;

/// At most this number of leases is cleaned up in one visit, so that no visit is long.
const MAX_CLEANED: usize = 64;

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct InFlight {
    lease: Duration,
    window: CongestionWindow,
    count: usize,
    /// When each lease expires, in the order in which they were taken; none for a lease that is over.
    expirations: VecDeque<Option<Instant>>,
    /// The number of the first lease.
    first: u64,
}

impl InFlight {
    pub(super) fn new(max: usize, lease: Duration) -> Self {
        Self { lease, window: CongestionWindow::new(max), count: 0, expirations: VecDeque::new(), first: 0 }
    }

    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// How many requests may be in flight now.
    pub(super) fn allowed(&mut self, now: Instant) -> usize {
        self.window.size(now, self.count)
    }

    /// How many more requests may be in flight now.
    pub(super) fn free(&mut self, now: Instant) -> usize {
        let allowed = self.allowed(now);
        if self.count >= allowed {
            self.expire(now);
        }
        allowed.saturating_sub(self.count)
    }

    /// The number of a new lease.
    pub(super) fn take(&mut self, now: Instant) -> u64 {
        // Otherwise one lease that is never released would keep all later ones in the list.
        self.expire(now);
        self.window.sent(now, self.count);
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
        self.clean(Option::is_none);
    }

    /// A good answer came, before its lease was released.
    pub(super) fn answered(&mut self) {
        self.window.answered(self.count);
    }

    /// The request that went at `sent` was refused.
    pub(super) fn refused(&mut self, sent: Instant, now: Instant) {
        self.window.refused(sent, now, self.count);
    }

    /// When there is room for one more, if no request ends before.
    pub(super) fn opens(&self, now: Instant) -> Option<Instant> {
        let expires = self.expirations.iter().take(MAX_CLEANED).copied().flatten().next();
        self.window.grows_at(now).into_iter().chain(expires).min()
    }

    fn expire(&mut self, now: Instant) {
        self.clean(|expiration| expiration.is_none_or(|expiration| expiration <= now));
    }

    /// Takes the first leases out of the list, as long as they are over.
    fn clean(&mut self, is_over: impl Fn(&Option<Instant>) -> bool) {
        for _ in 0..MAX_CLEANED {
            let Some(expiration) = self.expirations.front().copied().filter(&is_over) else { break };
            self.expirations.pop_front();
            self.first = self.first.saturating_add(1);
            self.count = self.count.saturating_sub(usize::from(expiration.is_some()));
        }
    }
}

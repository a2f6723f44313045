//! The requests in flight. Each counts until it is over, but not for ever: whoever holds it may not be polled any more,
//! and nobody else should wait for that.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct InFlight {
    most: usize,
    lasts: Duration,
    count: usize,
    /// When each runs out, in the order in which they were taken; none for one that is over. The first is running.
    ends: VecDeque<Option<Instant>>,
    /// The number of the first.
    first: u64,
}

impl InFlight {
    pub(super) const fn new(most: usize, lasts: Duration) -> Self {
        Self { most, lasts, count: 0, ends: VecDeque::new(), first: 0 }
    }

    /// How many more there may be now.
    pub(super) fn free(&mut self, now: Instant) -> usize {
        if self.count >= self.most {
            self.expire(now);
        }
        self.most.saturating_sub(self.count)
    }

    pub(super) fn take(&mut self, now: Instant) -> u64 {
        // Else one that nobody gives back would keep all after it.
        self.expire(now);
        self.ends.push_back(Some(now.checked_add(self.lasts).unwrap_or(now)));
        self.count = self.count.saturating_add(1);
        self.first.saturating_add(self.ends.len() as u64).saturating_sub(1)
    }

    /// Does nothing to one that has run out already.
    pub(super) fn give_back(&mut self, lease: u64) {
        let place = lease.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        let end = place.and_then(|place| self.ends.get_mut(place)).and_then(Option::take);
        if end.is_some() {
            self.count = self.count.saturating_sub(1);
        }
        while let Some(None) = self.ends.front() {
            self.ends.pop_front();
            self.first = self.first.saturating_add(1);
        }
    }

    /// When there is room at the latest for someone before whom `priority` others go.
    pub(super) fn opens(&mut self, priority: usize, now: Instant) -> Option<Instant> {
        match priority.checked_sub(self.free(now)) {
            None => Some(now),
            Some(0) => self.ends.front().copied().flatten(),
            Some(_) => None,
        }
    }

    fn expire(&mut self, now: Instant) {
        while self.ends.front().copied().flatten().is_some_and(|end| end <= now) {
            self.give_back(self.first);
        }
    }
}

//! Places in the order of waiting.

/// Smaller tickets are for waiters in front of all others.
const FIRST_TICKET: u64 = 1 << 62;

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct Tickets {
    next: u64,
    next_front: u64,
}

impl Tickets {
    pub(super) const fn new() -> Self {
        Self { next: FIRST_TICKET, next_front: 0 }
    }

    /// The first of `count` tickets in a row.
    pub(super) fn issue(&mut self, count: usize) -> u64 {
        let first = self.next;
        self.next = first.saturating_add(count as u64);
        first
    }

    /// A ticket in front of those that [`issue`](Self::issue) gives, and behind those of this kind before it.
    pub(super) const fn issue_front(&mut self) -> u64 {
        let ticket = self.next_front;
        self.next_front = ticket.saturating_add(1);
        ticket
    }
}

//! The request budget as a sliding window: when each of the last requests went out.
//!
//! Those who need not wait may go all at once, up to the budget. Those who wait go at an even pace, and not all in the
//! moment in which the last burst is a period old: on their way to the gateway, bursts run into each other.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::RequestBudget;
use super::pacer::Pacer;

#[derive(Debug)]
pub(crate) struct Window {
    budget: RequestBudget,
    /// The oldest first, none older than the period; never more than the budget has.
    sent: VecDeque<Instant>,
    pacer: Option<Pacer>,
}

impl Window {
    pub(crate) const fn new(budget: RequestBudget) -> Self {
        Self { budget, sent: VecDeque::new(), pacer: None }
    }

    fn size(&self) -> usize {
        usize::try_from(self.budget.requests).unwrap_or(usize::MAX)
    }

    /// How many may go out now.
    pub(crate) fn free(&mut self, now: Instant) -> usize {
        // What lies ahead of now was told by another runtime's clock.
        let over = |sent: &Instant| now.saturating_duration_since(*sent) >= self.budget.period || *sent > now;
        while self.sent.front().is_some_and(over) {
            self.sent.pop_front();
        }
        self.size().saturating_sub(self.sent.len())
    }

    /// The same, for those who wait.
    pub(super) fn free_in_queue(&mut self, now: Instant) -> usize {
        let paced = self.pacer.as_ref().map_or(usize::MAX, |pacer| pacer.allows(now));
        self.free(now).min(paced)
    }

    pub(crate) fn take(&mut self, now: Instant) {
        self.sent.push_back(now);
        let gap = self.budget.period.checked_div(self.budget.requests).unwrap_or_default();
        self.pacer.get_or_insert_with(|| Pacer::new(gap, now)).pass(now);
    }

    /// When someone may go out before whom `rank` others go, if all go as soon as they may.
    pub(super) fn opens(&mut self, rank: usize, now: Instant) -> Instant {
        let paced = self.pacer.as_ref().map_or(now, |pacer| pacer.opens(rank));
        let Some(behind) = rank.checked_sub(self.free(now)) else { return paced };
        let size = self.size().max(1);
        let (rounds, place) = (behind.checked_div(size).unwrap_or(0), behind.checked_rem(size).unwrap_or(0));
        let rounds = u32::try_from(rounds).unwrap_or(u32::MAX).saturating_add(1);
        let sent = self.sent.get(place).copied().unwrap_or(now);
        sent.checked_add(self.budget.period.saturating_mul(rounds)).map_or(paced, |free| free.max(paced))
    }
}

//! How many requests may be sent again because their connection ended.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// More connections than this do not break at once.
const MAX_CREDIT: usize = 4096;

/// Each answer adds one repeat, up to the number of requests that can be in flight; each repeat takes one.
///
/// So all kept connections may break at once: each was kept because an answer came over it. A gateway that only closes
/// connections gets no more than this number of extra requests.
pub(super) struct RepeatCredit {
    left: AtomicUsize,
    most: usize,
    /// Whether any was taken.
    is_used: AtomicBool,
}

impl RepeatCredit {
    /// None at the start: no connection is kept.
    pub(super) fn new(max_in_flight: usize) -> Self {
        Self { left: AtomicUsize::new(0), most: max_in_flight.min(MAX_CREDIT), is_used: AtomicBool::new(false) }
    }

    /// An answer came.
    pub(super) fn add(&self) {
        // Mostly it is full, and a load is all that a poll costs. Threads that come at once exceed the bound by one each.
        if self.left.load(Ordering::Relaxed) < self.most {
            self.left.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether there was one left.
    pub(super) fn take(&self) -> bool {
        let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        if taken {
            self.is_used.store(true, Ordering::Relaxed);
        }
        taken
    }

    /// Whether an answer has ever come.
    pub(super) fn is_known(&self) -> bool {
        self.left.load(Ordering::Relaxed) > 0 || self.is_used.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_CREDIT, RepeatCredit};

    fn left_after(answers: usize, max_in_flight: usize) -> usize {
        let credit = RepeatCredit::new(max_in_flight);
        (0..answers).for_each(|_| credit.add());
        std::iter::repeat_with(|| credit.take()).take_while(|took| *took).count()
    }

    #[test]
    fn credit_before_first_answer_is_none() {
        assert_eq!(left_after(0, 256), 0);
    }

    #[test]
    fn credit_is_one_per_answer_up_to_bound() {
        for (answers, max_in_flight, left) in
            [(1, 256, 1), (64, 256, 64), (256, 256, 256), (1_000, 256, 256), (9, 1, 1), (9_999, usize::MAX, MAX_CREDIT)]
        {
            assert_eq!(left_after(answers, max_in_flight), left, "{answers} answers, {max_in_flight} in flight");
        }
    }
}

//! How much a `WatchAll` does before the runtime's other tasks have their turn.

/// What is left of the steps of one turn: of all calls that return an event, up to the first that returns none.
pub(super) struct StepBudget(u32);

/// Measured: a turn takes less than half a millisecond.
pub(super) const STEPS: u32 = 256;

/// A request that is sent, or polled while it is in flight: over HTTP, up to 30 us. Other steps take 1 us or less.
pub(super) const REQUEST_STEPS: u32 = 16;

impl StepBudget {
    pub(super) const fn new() -> Self {
        Self(STEPS)
    }

    pub(super) const fn is_spent(&self) -> bool {
        self.0 == 0
    }

    /// The rest follows in another turn.
    pub(super) const fn end_turn(&mut self) {
        self.0 = 0;
    }

    pub(super) const fn spend(&mut self, steps: u32) {
        self.0 = self.0.saturating_sub(steps);
    }
}

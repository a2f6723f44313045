//! Watches that start together: many of them go apart, a few keep their step.

use std::time::Duration;

use tokio::time::Instant;

/// Started within this of the first is together.
const TOGETHER: Duration = Duration::from_secs(1);
/// So many together are no crowd.
const FEW: u32 = 16;
/// The golden ratio's part of 65536, and odd: its multiples lie evenly, however many they are.
const GOLDEN: u16 = 40_503;

#[derive(Debug)]
pub(super) struct Crowd {
    phase: u16,
    /// The last two groups that started together, the last one first: since when, and how many.
    groups: [Option<(Instant, u32)>; 2],
}

impl Crowd {
    pub(super) const fn new() -> Self {
        Self { phase: 0, groups: [None; 2] }
    }

    /// Which part of its pause, in 1/65536, the watch that starts now goes ahead of the others.
    pub(super) fn enrol(&mut self, now: Instant) -> u16 {
        match &mut self.groups {
            [Some((since, count)), _] if now.saturating_duration_since(*since) < TOGETHER => {
                *count = count.saturating_add(1);
            }
            [last, _] => self.groups = [Some((now, 1)), *last],
        }
        let phase = self.phase;
        self.phase = phase.wrapping_add(GOLDEN);
        phase
    }

    /// Whether many started together with the watch that started then.
    pub(super) fn is_crowded(&self, started: Instant) -> bool {
        let mut groups = self.groups.iter().flatten();
        // If its first answer came after two more groups had started, it is in a crowd for sure.
        groups.find(|(since, _)| *since <= started).is_none_or(|(_, count)| *count > FEW)
    }
}

//! At most one extra poll per second for each task, however often it is notified. Pure: the caller gives the time.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::task::TaskId;

/// Between two extra polls of a task.
pub(super) const MIN_GAP: Duration = Duration::from_secs(1);
/// Up to this number of tasks, expired entries are left in the table.
const MIN_SWEEP: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Debounce {
    /// When each task was last to be polled, or is; some long ago.
    polled: HashMap<TaskId, Instant>,
    /// The number of entries at which the expired ones are removed.
    sweep_at: usize,
}

impl Debounce {
    /// From when on the task may be polled: now, or a second after it was last to be.
    pub(super) fn admit(&mut self, id: &TaskId, now: Instant) -> Instant {
        if let Some(last) = self.polled.get_mut(id) {
            if *last <= now {
                *last = now.max(last.checked_add(MIN_GAP).unwrap_or(now));
            }
            return *last;
        }
        if self.polled.len() >= self.sweep_at {
            self.polled.retain(|_, last| now.saturating_duration_since(*last) < MIN_GAP);
            self.sweep_at = self.polled.len().saturating_mul(2).max(MIN_SWEEP);
        }
        self.polled.insert(id.clone(), now);
        now
    }

    /// An extra poll is sent now, perhaps later than it was to be.
    pub(super) fn sent(&mut self, id: &TaskId, now: Instant) {
        if let Some(last) = self.polled.get_mut(id) {
            *last = now;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)]

    use super::*;

    fn id(number: usize) -> TaskId {
        TaskId::from(number.to_string())
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_one_poll_per_second() {
        let (mut debounce, start) = (Debounce::default(), Instant::now());
        let mut polled: Vec<Instant> = Vec::new();
        for ms in 0..3_500 {
            polled.push(debounce.admit(&id(1), start + Duration::from_millis(ms)));
        }
        polled.dedup();
        assert_eq!(polled, [0, 1, 2, 3, 4].map(|second| start + Duration::from_secs(second)));
        assert_eq!(debounce.admit(&id(2), start), start, "another task's");
        let later = start + Duration::from_secs(60);
        assert_eq!(debounce.admit(&id(1), later), later);
        // It could not be sent before: a second counts from when it was.
        let late = later + Duration::from_millis(1_500);
        debounce.sent(&id(1), late);
        assert_eq!(debounce.admit(&id(1), late), late + MIN_GAP);
    }

    #[tokio::test(start_paused = true)]
    async fn the_table_holds_the_tasks_of_the_last_seconds() {
        let (mut debounce, start) = (Debounce::default(), Instant::now());
        for number in 0..20_000_usize {
            debounce.admit(&id(number), start + Duration::from_millis(number as u64));
        }
        assert!(debounce.polled.len() <= 2_002, "{}", debounce.polled.len());
    }
}

//! Callbacks that came before their watch began. Pure: the caller gives the time.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::task::TaskId;

/// How long a callback is remembered for watches that begin after it.
const TTL: Duration = Duration::from_secs(60);
/// The number of callbacks that are remembered: the last ones.
const MAX_CALLBACKS: usize = 4096;
/// In bytes. A longer id is not the gateway's.
const MAX_ID_LENGTH: usize = 256;
/// A callback for the same task within this time is the same one: repeats must not push out others.
const MIN_GAP: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct RecentCallbacks {
    last: HashMap<TaskId, Instant>,
    /// The oldest first.
    order: VecDeque<(Instant, TaskId)>,
}

impl RecentCallbacks {
    /// A callback for this task came now.
    pub(super) fn remember(&mut self, id: &TaskId, now: Instant) {
        let is_repeat = |last: &Instant| now.saturating_duration_since(*last) < MIN_GAP;
        if id.as_str().len() > MAX_ID_LENGTH || self.last.get(id).is_some_and(is_repeat) {
            return;
        }
        self.last.insert(id.clone(), now);
        self.order.push_back((now, id.clone()));
        let is_expired = |at: Instant| now.saturating_duration_since(at) >= TTL;
        while self.order.front().is_some_and(|(at, _)| self.order.len() > MAX_CALLBACKS || is_expired(*at)) {
            let Some((at, id)) = self.order.pop_front() else { return };
            if self.last.get(&id) == Some(&at) {
                self.last.remove(&id);
            }
        }
    }

    /// Whether a callback for this task came lately.
    pub(super) fn contains(&self, id: &TaskId, now: Instant) -> bool {
        self.last.get(id).is_some_and(|at| now.saturating_duration_since(*at) < TTL)
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
    async fn the_last_callbacks_are_kept_whatever_repeats() {
        let (mut recent, start) = (RecentCallbacks::default(), Instant::now());
        for number in 0..20_000_usize {
            let now = start + Duration::from_millis(number as u64);
            recent.remember(&id(number), now);
            recent.remember(&id(0), now);
        }
        assert!(recent.last.len() <= MAX_CALLBACKS && recent.order.len() <= MAX_CALLBACKS);
        let now = start + Duration::from_secs(20);
        assert!(recent.contains(&id(19_999), now) && recent.contains(&id(0), now) && !recent.contains(&id(1), now));
        assert!(recent.contains(&id(20_000 - 4_000), now), "one that repeats pushes out others");
        let long = TaskId::from("x".repeat(257));
        recent.remember(&long, now);
        assert!(!recent.contains(&long, now));
    }

    #[tokio::test(start_paused = true)]
    async fn a_callback_is_remembered_for_a_minute() {
        let (mut recent, start) = (RecentCallbacks::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        recent.remember(&id(1), start);
        assert!(recent.contains(&id(1), after(59)) && !recent.contains(&id(1), after(60)));
        assert!(!recent.contains(&id(2), start));
        recent.remember(&id(1), after(30));
        recent.remember(&id(2), after(61));
        assert!(recent.contains(&id(1), after(89)) && !recent.contains(&id(1), after(90)));
        recent.remember(&id(2), after(200));
        assert_eq!(recent.last.len(), 1);
    }
}

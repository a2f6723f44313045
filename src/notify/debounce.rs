//! What was rung for lately: so that a flood for one task is one request per second, and a callback that came a little too
//! early is not lost. Pure: it is told the time.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::task::TaskId;

/// Between two requests about a task that were rung for.
const APART: Duration = Duration::from_secs(1);
/// How long a callback is remembered for watches that start after it.
const REMEMBERED: Duration = Duration::from_secs(60);
/// Of so many tasks at most: of more, the last.
const MOST: usize = 4096;
/// A longer id, in bytes, is not the gateway's.
const LONGEST: usize = 256;
/// So few may be out of date without a look.
const FEW: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Debounce {
    /// When each task was last to be asked about, or is; some long ago.
    asked: HashMap<TaskId, Instant>,
    /// So many, and those out of date are taken out.
    swept_at: usize,
    called: HashMap<TaskId, Instant>,
    /// Those that were called, the longest ago first.
    order: VecDeque<(Instant, TaskId)>,
}

impl Debounce {
    /// From when on those who watch the task are to ask: at once, or when a second is over since they were to last.
    pub(super) fn admit(&mut self, id: &TaskId, now: Instant) -> Instant {
        if let Some(last) = self.asked.get_mut(id) {
            if *last <= now {
                *last = now.max(last.checked_add(APART).unwrap_or(now));
            }
            return *last;
        }
        if self.asked.len() >= self.swept_at {
            self.asked.retain(|_, last| now.saturating_duration_since(*last) < APART);
            self.swept_at = self.asked.len().saturating_mul(2).max(FEW);
        }
        self.asked.insert(id.clone(), now);
        now
    }

    /// A request that was rung for goes out now, perhaps later than it was to.
    pub(super) fn asked(&mut self, id: &TaskId, now: Instant) {
        if let Some(last) = self.asked.get_mut(id) {
            *last = now;
        }
    }

    /// A callback for this task came now.
    pub(super) fn remember(&mut self, id: &TaskId, now: Instant) {
        if id.as_str().len() > LONGEST {
            return;
        }
        // Those that come again at once must not push out all others.
        if self.called.get(id).is_some_and(|last| now.saturating_duration_since(*last) < APART) {
            return;
        }
        self.called.insert(id.clone(), now);
        self.order.push_back((now, id.clone()));
        let is_over = |at: Instant| now.saturating_duration_since(at) >= REMEMBERED;
        while self.order.front().is_some_and(|(at, _)| self.order.len() > MOST || is_over(*at)) {
            let Some((at, id)) = self.order.pop_front() else { return };
            if self.called.get(&id) == Some(&at) {
                self.called.remove(&id);
            }
        }
    }

    /// Whether a callback for this task came lately.
    pub(super) fn recalls(&self, id: &TaskId, now: Instant) -> bool {
        self.called.get(id).is_some_and(|at| now.saturating_duration_since(*at) < REMEMBERED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> TaskId {
        TaskId::from(number.to_string())
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_one_request_per_second_and_the_last_ring_is_not_lost() {
        let (mut ledger, start) = (Debounce::default(), Instant::now());
        let mut asked: Vec<Instant> = Vec::new();
        for ms in 0..3_500 {
            asked.push(ledger.admit(&id(1), start + Duration::from_millis(ms)));
        }
        asked.dedup();
        assert_eq!(asked, [0, 1, 2, 3, 4].map(|second| start + Duration::from_secs(second)));
        assert_eq!(ledger.admit(&id(2), start), start, "another task's");
        let add_or_now = start + Duration::from_secs(60);
        assert_eq!(ledger.admit(&id(1), add_or_now), add_or_now);
        // It could not go out before: a second counts from when it did.
        let late = add_or_now + Duration::from_millis(1_500);
        ledger.asked(&id(1), late);
        assert_eq!(ledger.admit(&id(1), late), late + APART);
    }

    #[tokio::test(start_paused = true)]
    async fn what_it_holds_is_bounded() {
        let (mut ledger, start) = (Debounce::default(), Instant::now());
        for number in 0..20_000_usize {
            let now = start + Duration::from_millis(number as u64);
            ledger.admit(&id(number), now);
            ledger.remember(&id(number), now);
            ledger.remember(&id(0), now);
        }
        assert!(ledger.asked.len() <= 2_002, "{}", ledger.asked.len());
        assert!(ledger.called.len() <= MOST && ledger.order.len() <= MOST);
        let now = start + Duration::from_secs(20);
        assert!(ledger.recalls(&id(19_999), now) && ledger.recalls(&id(0), now) && !ledger.recalls(&id(1), now));
        assert!(ledger.recalls(&id(20_000 - 4_000), now), "one that comes again and again pushes out others");
        let long = TaskId::from("x".repeat(257));
        ledger.remember(&long, now);
        assert!(!ledger.recalls(&long, now));
    }

    #[tokio::test(start_paused = true)]
    async fn a_callback_is_remembered_for_a_minute() {
        let (mut ledger, start) = (Debounce::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        ledger.remember(&id(1), start);
        assert!(
            ledger.recalls(&id(1), after(59)) && !ledger.recalls(&id(1), after(60)) && !ledger.recalls(&id(2), start)
        );
        ledger.remember(&id(1), after(30));
        ledger.remember(&id(2), after(61));
        assert!(ledger.recalls(&id(1), after(89)) && !ledger.recalls(&id(1), after(90)));
        ledger.remember(&id(2), after(200));
        assert_eq!(ledger.called.len(), 1);
    }
}

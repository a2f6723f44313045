//! The leader among the waiters: its timer is set to the next moment in which time alone changes something, so that one timer
//! serves all. A permit is free then, or a called waiter is late.
//!
//! The others come seldom, only to show that they are there, and to take over if the leader is away: their heartbeats. The leader
//! is a waiter that has just come, or one that was woken to lead.

use std::time::Duration;

use tokio::time::Instant;

use super::calls::Calls;
use super::limits::Limits;
use super::visit::Visit;
use super::waiter::Class;
use super::waiters::{Key, Waiters};
use crate::clock::{Epoch, nanos};

/// The resolution of tokio's timer.
const TICK: Duration = Duration::from_millis(1);
/// How often the leader comes where only an answer changes something: an answer calls a waiter, which may be away.
const MAX_GAP: Duration = Duration::from_millis(100);
/// When the first heartbeat of some waiters is: all before them, the leader too, may be away. Of waiters that are not urgent, at
/// most one in each gap comes so early.
const EARLY_HEARTBEAT: Duration = Duration::from_millis(500);
const EARLY_GAP: Duration = Duration::from_millis(10);
/// The time between two heartbeats of a waiter is one millisecond for each waiter, so there are 1,000 per second at most.
const MIN_HEARTBEAT: Duration = Duration::from_secs(1);

#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(super) struct Leader {
    /// And when it comes.
    current: Option<(Key, i64)>,
    /// When the last waiter got an early heartbeat.
    last_early: i64,
    epoch: Epoch,
}

impl Leader {
    pub(super) const fn new(epoch: Epoch) -> Self {
        Self { current: None, last_early: i64::MIN, epoch }
    }

    /// Whether another waiter than this one leads.
    pub(super) fn is_other(&self, key: Key) -> bool {
        self.current.is_some_and(|(leader, _)| leader != key)
    }

    /// The leader, if it did not come in time.
    pub(super) fn late(&self, calls: &Calls, visit: &Visit) -> Option<Key> {
        self.current.filter(|(_, at)| calls.is_late(*at, visit.at)).map(|(key, _)| key)
    }

    /// Whether there is a leader that is not late, and comes soon enough.
    pub(super) fn is_there(&self, waiters: &Waiters, calls: &Calls, limits: &mut Limits, visit: &Visit) -> bool {
        let Some((_, at)) = self.current.filter(|(_, at)| !calls.is_late(*at, visit.at)) else { return false };
        let is_calm = visit.steps > 0 && waiters.len_of(Class::Retry) == 0 && !limits.is_timed();
        if is_calm && at <= visit.at.saturating_add(nanos(MAX_GAP)) {
            return true; // nothing changes with time but that a called waiter is late
        }
        let (changes, slack) = self.next_change(waiters, calls, limits, visit);
        at <= changes.saturating_add(nanos(slack))
    }

    /// This waiter, which has come, leads. Returns when it comes again.
    pub(super) fn appoint(
        &mut self,
        key: Key,
        waiters: &Waiters,
        calls: &Calls,
        limits: &mut Limits,
        visit: &Visit,
    ) -> i64 {
        let (changes, _) = self.next_change(waiters, calls, limits, visit);
        self.current = Some((key, changes));
        changes
    }

    /// A waiter is to be woken to lead: the present leader, which comes too late, or another one.
    pub(super) fn choose(&mut self, waiters: &Waiters, calls: &Calls, visit: &Visit) -> Option<Key> {
        let key = self.current.map(|(key, _)| key).or_else(|| waiters.last());
        self.current = key.map(|key| (key, visit.at.saturating_add(calls.claim_time())));
        key
    }

    /// This waiter leaves the queue.
    pub(super) fn dismiss(&mut self, key: Key) {
        self.current.take_if(|(leader, _)| *leader == key);
    }

    /// When a waiter that does not lead shows that it is there.
    pub(super) fn next_heartbeat(
        &mut self,
        key: Key,
        is_new: bool,
        waiters: &Waiters,
        limits: &mut Limits,
        visit: &Visit,
    ) -> i64 {
        let interval = nanos(self.heartbeat(key, is_new, waiters, visit));
        let next = visit.at.saturating_add(interval);
        if !limits.is_timed() {
            return next;
        }
        // Not before the rate limit lets anyone go.
        next.max(self.epoch.nanos(limits.rate_opens(0, visit.now)).saturating_add(interval / 2))
    }

    fn heartbeat(&mut self, key: Key, is_new: bool, waiters: &Waiters, visit: &Visit) -> Duration {
        let count = u64::try_from(waiters.len()).unwrap_or(u64::MAX);
        let interval = MIN_HEARTBEAT.max(Duration::from_millis(count));
        if !is_new {
            return interval;
        }
        let is_urgent = waiters.get(key).is_some_and(|waiter| waiter.class == Class::Urgent);
        if is_urgent || visit.at.saturating_sub(self.last_early) >= nanos(EARLY_GAP) {
            self.last_early = visit.at;
            return EARLY_HEARTBEAT;
        }
        // Those that come together come again at different times.
        interval.mul_f64(0.75 + f64::from(key.scattered()) / 1024.0)
    }

    /// When time alone changes something: a called waiter is late, or there is a permit beside those for which waiters were called.
    /// The second value: how much later is soon enough.
    fn next_change(&self, waiters: &Waiters, calls: &Calls, limits: &mut Limits, visit: &Visit) -> (i64, Duration) {
        let after = |time: Duration| visit.at.saturating_add(nanos(time));
        let (soonest, gap) = (after(TICK), after(MAX_GAP));
        if visit.steps == 0 {
            return (soonest, Duration::ZERO); // there is more to do
        }
        let lapse = calls.next_lapse().map(|at| (at, MAX_GAP));
        let (ahead, repeats) = (calls.all_expected(), calls.expected(Class::Retry));
        let classes = Class::ALL.into_iter().filter(|class| waiters.len_of(*class) > 0);
        let opens = classes.map(|class| {
            let (opens, is_sure): (Instant, bool) = limits.opens(class, ahead, repeats, visit.now);
            match (self.epoch.nanos(opens), is_sure) {
                (at, true) => (at, Duration::ZERO),
                // An answer calls a waiter, which may be away: somebody should look soon.
                (at, false) => (if at > visit.at { at.min(gap) } else { gap }, MAX_GAP),
            }
        });
        let (at, slack) = opens.chain(lapse).min().unwrap_or((gap, MAX_GAP));
        (at.max(soonest), slack)
    }
}

//! The polls of a `WatchAll` that are in flight, and which of them are to be polled on.
//!
//! Each has a waker of its own, as in `FuturesUnordered`. But here a poll is found by its index, so that it is aborted at
//! once, and one call polls no more of them than the budget allows.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures::task::{ArcWake, waker_ref};
use slab::Slab;

use super::step_budget::{REQUEST_STEPS, StepBudget};
use super::task_slots::Key;
use crate::client_core::{PollFuture, PollOutcome};

pub(super) struct InFlightPolls {
    polls: Slab<InFlightPoll>,
    woken: Arc<WokenPolls>,
    /// The signal of a poll that ended as soon as it was sent, for the next one.
    spare: Option<Arc<Signal>>,
}

struct InFlightPoll {
    key: Key,
    poll: PollFuture,
    signal: Arc<Signal>,
}

/// What a poll's waker sets off. It may outlive its poll, and then another poll of that index is woken for nothing.
struct Signal {
    index: u32,
    /// Whether the poll was woken, and has not been polled since.
    is_set: AtomicBool,
    woken: Arc<WokenPolls>,
}

#[derive(Default)]
struct WokenPolls(Mutex<WokenState>);

#[derive(Default)]
struct WokenState {
    indices: VecDeque<u32>,
    /// Of the task that polls the stream, until it is woken.
    waker: Option<Waker>,
}

impl InFlightPolls {
    pub(super) fn new() -> Self {
        Self { polls: Slab::new(), woken: Arc::default(), spare: None }
    }

    pub(super) fn len(&self) -> usize {
        self.polls.len()
    }

    /// Begins a poll, which sends its request. Returns the outcome if it is known at once, or else the index of the poll.
    pub(super) fn begin(&mut self, key: Key, mut poll: PollFuture) -> Result<PollOutcome, u32> {
        let index = u32::try_from(self.polls.vacant_key()).unwrap_or(u32::MAX); // no more than there are slots
        let spare = self.spare.take().filter(|signal| signal.index == index);
        let signal = spare.unwrap_or_else(|| Signal::new(index, &self.woken));
        match signal.poll(&mut poll) {
            Poll::Ready(outcome) => {
                self.spare = Some(signal);
                Ok(outcome)
            }
            Poll::Pending => {
                self.polls.insert(InFlightPoll { key, poll, signal });
                Err(index)
            }
        }
    }

    /// Drops a poll, and with it its request.
    pub(super) fn abort(&mut self, index: u32) {
        drop(self.polls.try_remove(index as usize));
    }

    /// The next outcome. Pending with steps left: the task is woken when there is more to do.
    pub(super) fn poll_next(&mut self, cx: &Context<'_>, budget: &mut StepBudget) -> Poll<(Key, PollOutcome)> {
        while !budget.is_spent() {
            let Some(index) = self.woken.pop_or_register(cx.waker()) else { break };
            let Some(InFlightPoll { key, poll, signal }) = self.polls.get_mut(index as usize) else { continue };
            budget.spend(REQUEST_STEPS);
            if let Poll::Ready(outcome) = signal.poll(poll) {
                let key = *key;
                self.abort(index); // it is over
                return Poll::Ready((key, outcome));
            }
        }
        Poll::Pending
    }
}

impl Signal {
    fn new(index: u32, woken: &Arc<WokenPolls>) -> Arc<Self> {
        Arc::new(Self { index, is_set: AtomicBool::new(false), woken: Arc::clone(woken) })
    }

    fn poll(self: &Arc<Self>, poll: &mut PollFuture) -> Poll<PollOutcome> {
        // Before the poll, which then sees all that came before the wake-up; a later wake-up sets it anew.
        self.is_set.swap(false, Ordering::AcqRel);
        poll.as_mut().poll(&mut Context::from_waker(&waker_ref(self)))
    }
}

impl ArcWake for Signal {
    fn wake_by_ref(signal: &Arc<Self>) {
        if !signal.is_set.swap(true, Ordering::AcqRel) {
            signal.woken.push(signal.index);
        }
    }
}

impl WokenPolls {
    fn push(&self, index: u32) {
        let waker = {
            let mut state = self.locked();
            state.indices.push_back(index);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The index of a poll that was woken. If there is none, the waker is woken when there is one.
    fn pop_or_register(&self, waker: &Waker) -> Option<u32> {
        let mut state = self.locked();
        let index = state.indices.pop_front();
        if index.is_some() || state.waker.as_ref().is_some_and(|before| before.will_wake(waker)) {
            return index;
        }
        let before = state.waker.replace(waker.clone());
        drop(state);
        drop(before); // outside the lock: it may drop a task, and with it a `WatchAll`
        None
    }

    fn locked(&self) -> MutexGuard<'_, WokenState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;

    use futures::task::noop_waker_ref;

    use super::*;

    /// A poll that ends when it is polled after it was said to.
    #[derive(Default)]
    struct Probe {
        polls: AtomicUsize,
        is_over: AtomicBool,
        waker: Mutex<Option<Waker>>,
    }

    impl Probe {
        fn begin(in_flight: &mut InFlightPolls) -> (Arc<Self>, u32) {
            let probe = Arc::<Self>::default();
            let polled = Arc::clone(&probe);
            let poll = poll_fn(move |cx| {
                polled.polls.fetch_add(1, Ordering::Relaxed);
                *polled.waker.lock().unwrap() = Some(cx.waker().clone());
                if polled.is_over.load(Ordering::Relaxed) { Poll::Ready(PollOutcome::NotPolled) } else { Poll::Pending }
            });
            let index = in_flight.begin(Key::NONE, Box::pin(poll)).unwrap_err();
            (probe, index)
        }

        fn wake(&self) {
            self.waker.lock().unwrap().as_ref().unwrap().wake_by_ref();
        }

        fn polls(&self) -> usize {
            self.polls.load(Ordering::Relaxed)
        }
    }

    fn poll_next(in_flight: &mut InFlightPolls) -> bool {
        in_flight.poll_next(&Context::from_waker(noop_waker_ref()), &mut StepBudget::new()).is_ready()
    }

    #[derive(Default)]
    struct CountedWaker(AtomicUsize);

    impl ArcWake for CountedWaker {
        fn wake_by_ref(waker: &Arc<Self>) {
            waker.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn only_woken_polls_are_polled() {
        let mut in_flight = InFlightPolls::new();
        let probes = [0; 3].map(|_| Probe::begin(&mut in_flight).0);
        probes[1].wake();
        probes[1].wake();
        assert!(!poll_next(&mut in_flight) && !poll_next(&mut in_flight));
        assert_eq!(probes.each_ref().map(|probe| probe.polls()), [1, 2, 1]);
        probes[2].is_over.store(true, Ordering::Relaxed);
        probes[2].wake();
        assert!(poll_next(&mut in_flight));
        assert_eq!(in_flight.len(), 2);
    }

    #[test]
    fn stream_is_woken_once_by_many_polls() {
        let mut in_flight = InFlightPolls::new();
        let probes = [0; 3].map(|_| Probe::begin(&mut in_flight).0);
        let count = Arc::<CountedWaker>::default();
        for woken in 1..4 {
            let waker = waker_ref(&count);
            assert!(in_flight.poll_next(&Context::from_waker(&waker), &mut StepBudget::new()).is_pending());
            for probe in &probes {
                probe.wake();
            }
            assert_eq!(count.0.load(Ordering::Relaxed), woken);
        }
    }

    #[test]
    fn budget_bounds_the_polls_of_a_call() {
        let mut in_flight = InFlightPolls::new();
        let probes = [0; 40].map(|_| Probe::begin(&mut in_flight).0);
        for probe in &probes {
            probe.wake();
        }
        for polled in [16, 32, 40, 40] {
            assert!(!poll_next(&mut in_flight));
            assert_eq!(probes.iter().map(|probe| probe.polls() - 1).sum::<usize>(), polled);
        }
    }

    #[test]
    fn aborted_poll_is_dropped_at_once() {
        let mut in_flight = InFlightPolls::new();
        let (aborted, index) = Probe::begin(&mut in_flight);
        assert_eq!(Arc::strong_count(&aborted), 2);
        in_flight.abort(index);
        assert_eq!((Arc::strong_count(&aborted), in_flight.len()), (1, 0));
        // Its waker is still there, and its index is another's.
        let (next, next_index) = Probe::begin(&mut in_flight);
        assert_eq!(next_index, index);
        aborted.wake();
        assert!(!poll_next(&mut in_flight));
        next.is_over.store(true, Ordering::Relaxed);
        next.wake();
        assert!(poll_next(&mut in_flight));
    }

    /// The signal of a poll that was woken and ended at once serves the next one of that index only.
    #[test]
    fn poll_after_one_that_ended_at_once_is_woken() {
        let mut in_flight = InFlightPolls::new();
        let begin_another = |in_flight: &mut InFlightPolls| {
            let at_once = poll_fn(|cx| {
                cx.waker().wake_by_ref();
                Poll::Ready(PollOutcome::NotPolled)
            });
            assert!(in_flight.begin(Key::NONE, Box::pin(at_once)).is_ok());
        };
        begin_another(&mut in_flight);
        let (first, first_index) = Probe::begin(&mut in_flight);
        begin_another(&mut in_flight);
        assert!(!poll_next(&mut in_flight));
        in_flight.abort(first_index);
        let (second, second_index) = Probe::begin(&mut in_flight);
        assert_eq!((first.polls(), second_index), (2, first_index));
        second.is_over.store(true, Ordering::Relaxed);
        second.wake();
        assert!(poll_next(&mut in_flight));
    }
}

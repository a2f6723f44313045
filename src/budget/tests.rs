//! The rules for turns, on a clock that the test moves.

#![allow(clippy::arithmetic_side_effects)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::crowd::Crowd;
use super::gate::Gate;
use super::leases::Leases;
use super::window::Window;
use super::*;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_window_frees_each_request_when_its_period_is_over_and_those_who_wait_go_at_an_even_pace() {
    let start = Instant::now();
    let mut window = Window::new(RequestBudget::per(2, secs(10)));
    assert_eq!(window.free(start), 2);
    window.take(start);
    window.take(start + secs(4));
    for (at, free) in [(4_000, 0), (9_999, 0), (10_000, 1), (13_999, 1), (14_000, 2)] {
        let mut window = Window::new(RequestBudget::per(2, secs(10)));
        window.take(start);
        window.take(start + secs(4));
        assert_eq!(window.free(start + ms(at)), free, "{at}");
    }
    // When each of those who wait may go.
    for (rank, at) in [(0, 10), (1, 15), (2, 20), (3, 25), (4, 30)] {
        assert_eq!(window.opens(rank, start + secs(5)), start + secs(at), "{rank}");
    }
    assert!(window.opens(1_000_000, start + secs(5)) > start + secs(1_000_000));
    // Of another runtime's clock, which is ahead.
    window.take(start + secs(9_999_999));
    assert_eq!(window.free(start + secs(20)), 2);
}

#[test]
fn a_lease_that_runs_out_counts_no_more_and_comes_back_without_harm() {
    let start = Instant::now();
    let mut leases = Leases::new(2, secs(21));
    let first = leases.take(start);
    let second = leases.take(start + secs(1));
    assert_eq!(leases.free(start + secs(20)), 0);
    assert_eq!(leases.next_end(), Some(start + secs(21)));
    assert_eq!(leases.free(start + secs(21)), 1);
    let third = leases.take(start + secs(21));
    leases.give_back(first);
    assert_eq!(leases.free(start + secs(21)), 0);
    leases.give_back(third);
    leases.give_back(third);
    assert_eq!(leases.free(start + secs(21)), 1);
    leases.give_back(second);
    assert_eq!(leases.free(start + secs(21)), 2);
    assert_eq!(leases.next_end(), None);
    let later = leases.take(start + secs(30));
    assert!(later > third);
}

#[test]
fn a_gate_lets_one_probe_through_when_its_time_is_over() {
    let start = Instant::now();
    let mut gate = Gate::Open;
    assert_eq!(gate.allows(start), usize::MAX);
    gate.close(start, secs(30));
    gate.close(start + secs(1), secs(5)); // the shorter one does not open it sooner
    assert_eq!((gate.allows(start + ms(29_999)), gate.allows(start + secs(30))), (0, 1));
    assert_eq!(gate.opens(0, start), (start + secs(30), true));
    assert_eq!(gate.opens(1, start), (start + secs(30), false));
    gate.pass(7, start + secs(30));
    assert_eq!(gate.allows(start + secs(31)), 0);
    // Neither another's good answer nor another's end concerns it.
    gate.answered(6, || start + secs(31), || 3);
    gate.lost(6);
    assert_eq!(gate.allows(start + secs(31)), 0);
    gate.lost(7);
    assert_eq!(gate.allows(start + secs(31)), 1);
    gate.pass(8, start + secs(31));
    gate.close(start + secs(32), secs(10));
    assert_eq!((gate.allows(start + secs(41)), gate.allows(start + secs(42))), (0, 1));
    gate.pass(9, start + secs(42));
    gate.answered(9, || start + secs(43), || 0);
    assert!(matches!(gate, Gate::Open));
}

#[test]
fn after_the_probe_the_rest_go_one_by_one_and_then_the_gate_is_open() {
    let start = Instant::now();
    for (period, waiting, gap) in [
        (secs(30), 1_000, ms(5)),
        (secs(30), 3, ms(100)),
        (secs(4), 100, ms(20)),
        (ms(1), 100, Duration::from_micros(5)),
    ] {
        let mut gate = Gate::Open;
        gate.close(start, period);
        let at = start + period;
        assert_eq!(gate.allows(at), 1);
        gate.pass(1, at);
        gate.answered(1, || at, || waiting);
        assert_eq!((gate.allows(at), gate.allows(at + gap)), (0, 1), "{period:?} {waiting}");
        gate.pass(2, at + gap);
        assert_eq!(gate.allows(at + gap), 0);
        assert_eq!(gate.opens(3, at).0, (at + gap * 5).min(at + period.min(secs(10))));
        // Nobody came for a while: only a little of that is made up for.
        let late = at + period.min(secs(10)) - gap;
        assert!(gate.allows(late) <= 1 + usize::try_from(ms(10).as_nanos() / gap.as_nanos()).unwrap());
        assert_eq!(gate.allows(at + period.min(secs(10))), usize::MAX);
    }
}

#[test]
fn a_closed_gate_has_one_last_look_and_a_new_one_only_when_its_time_was_over() {
    let start = Instant::now();
    let mut gate = Gate::Open;
    assert!(!gate.last_look(start));
    gate.close(start, secs(60));
    assert!(gate.last_look(start + secs(1)) && !gate.last_look(start + secs(2)));
    gate.close(start + secs(2), secs(60)); // so was the last look answered
    assert!(!gate.last_look(start + secs(3)));
    assert_eq!(gate.allows(start + secs(62)), 1);
    gate.pass(1, start + secs(62));
    gate.close(start + secs(63), secs(60));
    assert!(gate.last_look(start + secs(64)));
}

#[test]
fn a_crowd_is_more_than_sixteen_within_a_second() {
    let start = Instant::now();
    let mut crowd = Crowd::new();
    let phases: Vec<_> = (0..16).map(|_| crowd.enrol(start)).collect();
    assert!(!crowd.is_crowded(start));
    crowd.enrol(start + ms(999));
    assert!(crowd.is_crowded(start) && crowd.is_crowded(start + ms(999)));
    crowd.enrol(start + ms(1_000));
    assert!(crowd.is_crowded(start) && !crowd.is_crowded(start + ms(1_000)));
    crowd.enrol(start + secs(10));
    assert!(!crowd.is_crowded(start + ms(1_000)) && !crowd.is_crowded(start + secs(10)));
    // Their phases lie apart: no two closer than half of an even share.
    let mut sorted = phases;
    sorted.sort_unstable();
    let closest = sorted.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap();
    assert!(closest > 2_048, "{closest}");
}

struct Counted(AtomicUsize);

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Someone who waits at the desk, as [`Turn`] does.
struct Waiter {
    ticket: Option<u64>,
    comes: Instant,
    woken: Arc<Counted>,
    gone: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Come,
    Leave(usize),
    Answer(usize, bool),
    Abandon(usize),
    Stay(usize),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Come),
        1 => (0..40_usize).prop_map(Step::Leave),
        5 => (0..40_usize, prop::bool::weighted(0.1)).prop_map(|(which, refused)| Step::Answer(which, refused)),
        1 => (0..40_usize).prop_map(Step::Abandon),
        1 => (0..40_usize).prop_map(Step::Stay),
        4 => (0..4_000_u64).prop_map(Step::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default()
    })]

    /// Whoever comes, leaves, stays away, and whatever the gateway says: the limits hold, and everybody who still waits
    /// gets a turn in the end.
    #[test]
    fn the_limits_hold_and_nobody_waits_for_ever(
        requests in 1..6_u32, period in 1..10_u64, in_flight in 1..6_usize, steps in prop::collection::vec(step(), 1..120),
    ) {
        let period = secs(period);
        let lease = secs(5);
        let mut desk = Desk::new(Limits { budget: Some(RequestBudget::per(requests, period)), in_flight, lease });
        let mut now = Instant::now();
        let (mut waiters, mut sent, mut flying) = (Vec::<Waiter>::new(), Vec::<Instant>::new(), Vec::<(u64, Instant)>::new());

        let visit = |desk: &mut Desk, waiter: &mut Waiter, now: Instant| {
            let waker = Waker::from(Arc::clone(&waiter.woken));
            waiter.woken.0.store(0, Ordering::SeqCst);
            let (come, wakers) = desk.come(&mut waiter.ticket, &waker, 1, false, now);
            wakers.into_iter().for_each(Waker::wake);
            match come {
                Ok(lease) => {
                    waiter.gone = true;
                    Some(lease)
                }
                Err(comes) => {
                    assert!(comes > now, "it would come again at once");
                    waiter.comes = comes;
                    None
                }
            }
        };
        let mut steps: std::collections::VecDeque<_> = steps.into();
        let end = now + secs(100_000);
        loop {
            match steps.pop_front() {
                Some(Step::Come) => waiters.push(Waiter {
                    ticket: None, comes: now, woken: Arc::new(Counted(AtomicUsize::new(1))), gone: false,
                }),
                Some(Step::Leave(which)) if which < waiters.len() => {
                    let waiter = waiters.swap_remove(which);
                    if let Some(ticket) = waiter.ticket {
                        desk.leave(ticket, now).into_iter().for_each(Waker::wake);
                    }
                }
                Some(Step::Answer(which, refused)) if which < flying.len() => {
                    let (lease, _) = flying.swap_remove(which);
                    let back = if refused { Back::Refused(secs(3)) } else { Back::Answered };
                    desk.give_back(lease, back, || now).into_iter().for_each(Waker::wake);
                }
                // Nobody waits for it any more; its lease runs out.
                Some(Step::Abandon(which)) if which < flying.len() => drop(flying.swap_remove(which)),
                // One who does not come when it is called; it will, at the end.
                Some(Step::Stay(which)) if which < waiters.len() => {
                    waiters[which].comes = end;
                    waiters[which].woken = Arc::new(Counted(AtomicUsize::new(0)));
                }
                Some(Step::Pass(millis)) => now += ms(millis),
                Some(_) => {}
                None if waiters.is_empty() => break,
                None => {
                    // From here on each request is answered after a second, and time passes until something happens.
                    let landed: Vec<_> = flying.extract_if(.., |(_, at)| *at + secs(1) <= now).collect();
                    for (lease, _) in landed {
                        desk.give_back(lease, Back::Answered, || now).into_iter().for_each(Waker::wake);
                    }
                    let idle = waiters.iter().all(|waiter| waiter.woken.0.load(Ordering::SeqCst) == 0 && waiter.comes > now);
                    if idle {
                        let next = waiters.iter().map(|waiter| waiter.comes).chain(flying.iter().map(|(_, at)| *at + secs(1)));
                        let next = next.min().unwrap();
                        let all_stay = waiters.iter().all(|waiter| waiter.comes >= end);
                        prop_assert!(next < end || all_stay, "those who came wait for those who stay away");
                        prop_assert!(next <= end + secs(1_000), "someone waits for ever");
                        now = now.max(next);
                    }
                }
            }
            for waiter in &mut waiters {
                if waiter.woken.0.load(Ordering::SeqCst) > 0 || waiter.comes <= now {
                    if let Some(lease) = visit(&mut desk, waiter, now) {
                        sent.push(now);
                        flying.push((lease, now));
                    }
                }
            }
            waiters.retain(|waiter| !waiter.gone);
            let within = sent.iter().filter(|at| **at + period > now).count();
            prop_assert!(within <= requests as usize, "the budget is exceeded");
            let running = flying.iter().filter(|(_, at)| *at + lease > now).count();
            prop_assert!(running <= in_flight, "too many in flight");
        }
    }
}

//! The rules for turns, on a clock that the test moves.

#![allow(clippy::arithmetic_side_effects)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::circuit_breaker::CircuitBreaker;
use super::in_flight::InFlight;
use super::rate_limiter::RateLimiter;
use super::sliding_window::SlidingWindow;
use super::stagger::Stagger;
use super::*;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_window_frees_each_request_when_its_period_is_over() {
    let start = Instant::now();
    let mut window = SlidingWindow::new(RateLimit::per(2, secs(10)));
    assert_eq!(window.free(start), 2);
    window.take(start);
    window.take(start + secs(4));
    for (at, free) in [(4_000, 0), (9_999, 0), (10_000, 1), (13_999, 1), (14_000, 2)] {
        let mut window = SlidingWindow::new(RateLimit::per(2, secs(10)));
        window.take(start);
        window.take(start + secs(4));
        assert_eq!(window.free(start + ms(at)), free, "{at}");
    }
    // When each of those who wait may go.
    for (priority, at) in [(0, 10), (1, 14), (2, 20), (3, 24), (4, 30)] {
        assert_eq!(window.opens(priority, start + secs(5)), start + secs(at), "{priority}");
    }
    assert!(window.opens(1_000_000, start + secs(5)) > start + secs(1_000_000));
    // Of another runtime's clock, which is ahead.
    window.take(start + secs(9_999_999));
    assert_eq!(window.free(start + secs(20)), 2);
}

#[test]
fn a_budget_that_is_used_up_is_given_out_at_an_even_pace() {
    let start = Instant::now();
    let mut rate = RateLimiter::new(RateLimit::per(4, secs(8)));
    for free in [4, 3, 2, 1] {
        assert_eq!(rate.free(start), free);
        rate.take(start);
    }
    for turn in 0..6 {
        let at = start + secs(8 + 2 * turn);
        assert_eq!((rate.free(at - ms(1)), rate.free(at)), (0, 1), "{turn}");
        assert_eq!(rate.opens(1, at), at + secs(2));
        rate.take(at);
    }
    // Half of it was left over: the next ones go as they come.
    assert_eq!((rate.free(start + ms(23_999)), rate.free(start + secs(24))), (1, 3));
}

#[test]
fn a_lease_that_runs_out_counts_no_more_and_comes_back_without_harm() {
    let start = Instant::now();
    let mut in_flight = InFlight::new(2, secs(21));
    let first = in_flight.take(start);
    let second = in_flight.take(start + secs(1));
    assert_eq!(in_flight.free(start + secs(20)), 0);
    assert_eq!(in_flight.free(start + secs(21)), 1);
    let third = in_flight.take(start + secs(21));
    in_flight.give_back(first);
    assert_eq!(in_flight.free(start + secs(21)), 0);
    in_flight.give_back(third);
    in_flight.give_back(third);
    assert_eq!(in_flight.free(start + secs(21)), 1);
    in_flight.give_back(second);
    assert_eq!(in_flight.free(start + secs(21)), 2);
    let add_or_now = in_flight.take(start + secs(30));
    assert!(add_or_now > third);
    // One that nobody gives back keeps no others.
    for second in 31..10_000 {
        let lease = in_flight.take(start + secs(second));
        in_flight.give_back(lease);
    }
    assert!(format!("{in_flight:?}").len() < 2_000);
}

#[test]
fn a_gate_lets_one_probe_through_when_its_time_is_over() {
    let start = Instant::now();
    let mut breaker = CircuitBreaker::Open;
    assert_eq!(breaker.allows(start), usize::MAX);
    breaker.close(start, secs(30));
    breaker.close(start + secs(1), secs(5)); // the shorter one does not open it sooner
    assert_eq!((breaker.allows(start + ms(29_999)), breaker.allows(start + secs(30))), (0, 1));
    assert_eq!(breaker.opens(0, start), (start + secs(30), true));
    assert_eq!(breaker.opens(1, start), (start + secs(30), false));
    breaker.pass(7, start + secs(30), secs(21), 0);
    assert_eq!(breaker.allows(start + secs(31)), 0);
    // Neither another's good answer nor another's end concerns it.
    breaker.with_response(6, || start + secs(31), || 3);
    breaker.lost(6);
    assert_eq!(breaker.allows(start + secs(31)), 0);
    // Who made it may not be polled any more.
    assert_eq!(breaker.opens(0, start + secs(31)), (start + secs(51), true));
    assert_eq!((breaker.allows(start + ms(50_999)), breaker.allows(start + secs(51))), (0, 1));
    breaker.lost(7);
    assert_eq!(breaker.allows(start + secs(31)), 1);
    breaker.pass(8, start + secs(31), secs(21), 0);
    breaker.close(start + secs(32), secs(10));
    assert_eq!((breaker.allows(start + secs(41)), breaker.allows(start + secs(42))), (0, 1));
    breaker.pass(9, start + secs(42), secs(21), 0);
    breaker.with_response(9, || start + secs(43), || 0);
    assert!(matches!(breaker, CircuitBreaker::Open));
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
        let mut breaker = CircuitBreaker::Open;
        breaker.close(start, period);
        let at = start + period;
        assert_eq!(breaker.allows(at), 1);
        breaker.pass(1, at, secs(21), 0);
        breaker.with_response(1, || at, || waiting);
        assert_eq!((breaker.allows(at), breaker.allows(at + gap)), (0, 1), "{period:?} {waiting}");
        breaker.pass(2, at + gap, secs(21), 0);
        assert_eq!(breaker.allows(at + gap), 0);
        assert_eq!(breaker.opens(3, at).0, (at + gap * 5).min(at + period.min(secs(10))));
        // Nobody came for a while: only a little of that is made up for.
        let late = at + period.min(secs(10)) - gap;
        assert!(breaker.allows(late) <= 1 + usize::try_from(ms(10).as_nanos() / gap.as_nanos()).unwrap());
        assert_eq!(breaker.allows(at + period.min(secs(10))), usize::MAX);
    }
}

#[test]
fn a_closed_gate_has_one_last_look_and_a_new_one_only_when_its_time_was_over() {
    let start = Instant::now();
    let mut breaker = CircuitBreaker::Open;
    assert!(!breaker.try_acquire_final(start));
    breaker.close(start, secs(60));
    assert!(breaker.try_acquire_final(start + secs(1)) && !breaker.try_acquire_final(start + secs(2)));
    breaker.close(start + secs(2), secs(60)); // so was the last look answered
    assert!(!breaker.try_acquire_final(start + secs(3)));
    assert_eq!(breaker.allows(start + secs(62)), 1);
    breaker.pass(1, start + secs(62), secs(21), 0);
    breaker.close(start + secs(63), secs(60));
    assert!(breaker.try_acquire_final(start + secs(64)));
}

#[test]
fn a_crowd_is_more_than_sixteen_within_a_second() {
    let start = Instant::now();
    let mut crowd = Stagger::new();
    let phases: Vec<_> = (0..16).map(|_| crowd.register(start)).collect();
    assert!(!crowd.is_staggered(start));
    crowd.register(start + ms(999));
    assert!(crowd.is_staggered(start) && crowd.is_staggered(start + ms(999)));
    crowd.register(start + ms(1_000));
    assert!(crowd.is_staggered(start) && !crowd.is_staggered(start + ms(1_000)));
    // However slow their first answers are, a few are no crowd, and many are one.
    for second in 10..30 {
        crowd.register(start + secs(second));
        assert!(!crowd.is_staggered(start + secs(10)) && crowd.is_staggered(start));
    }
    // Their phases lie apart: no two closer than half of an even share.
    let mut sorted = phases;
    sorted.sort_unstable();
    let closest = sorted.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap();
    assert!(closest > 2_048, "{closest}");
}

struct CountingWaker(AtomicUsize);

impl CountingWaker {
    fn is_woken(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }
}

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Someone who waits at the desk, as [`Acquire`] does.
struct Waiter {
    ticket: u64,
    comes: Instant,
    woken: Arc<CountingWaker>,
    past_breaker: bool,
    priority: Option<Priority>,
    /// Does not come, even if it is called.
    away: bool,
    served: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Come { past_breaker: bool, value: Option<i8> },
    Leave(usize),
    Answer(usize, bool),
    Abandon(usize),
    Stay(usize),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (prop::bool::weighted(0.2), prop::option::of(any::<i8>()))
            .prop_map(|(past_breaker, value)| Step::Come { past_breaker, value }),
        1 => (0..40_usize).prop_map(Step::Leave),
        5 => (0..40_usize, prop::bool::weighted(0.15)).prop_map(|(which, refused)| Step::Answer(which, refused)),
        1 => (0..40_usize).prop_map(Step::Abandon),
        1 => (0..40_usize).prop_map(Step::Stay),
        4 => (0..4_000_u64).prop_map(Step::Pass),
    ]
}

const PERIOD: Duration = secs(3);
const LEASE: Duration = secs(5);

/// A desk, who waits there, and what is in flight.
struct World {
    queue: WaitQueue,
    now: Instant,
    requests: u32,
    in_flight: usize,
    waiters: Vec<Waiter>,
    flying: Vec<(u64, Instant)>,
    sent: Vec<Instant>,
}

impl World {
    fn new(requests: u32, in_flight: usize) -> Self {
        let budget = (requests > 0).then(|| RateLimit::per(requests, PERIOD));
        let queue = WaitQueue::new(Limits { budget, in_flight, lease: LEASE });
        let (waiters, flying, sent) = (Vec::new(), Vec::new(), Vec::new());
        Self { queue, now: Instant::now(), requests, in_flight, waiters, flying, sent }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Come { past_breaker, value } => {
                // What is worth most changes every second, up and down.
                let start = self.now;
                let priority = value.map(f64::from).map(|value| {
                    Priority::new(move |now| {
                        let seconds = now.saturating_duration_since(start).as_secs();
                        if seconds % 2 == 0 { value } else { -value }
                    })
                });
                let (ticket, comes, woken) =
                    (self.queue.issue(1), self.now, Arc::new(CountingWaker(AtomicUsize::new(1))));
                self.waiters.push(Waiter { ticket, comes, woken, past_breaker, priority, away: false, served: false });
            }
            Step::Leave(which) if which < self.waiters.len() => {
                let waiter = self.waiters.swap_remove(which);
                self.queue.cancel(waiter.ticket, self.now);
            }
            Step::Answer(which, refused) if which < self.flying.len() => self.land(which, refused),
            Step::Abandon(which) if which < self.flying.len() => drop(self.flying.swap_remove(which)),
            Step::Stay(which) if which < self.waiters.len() => self.waiters[which].away = true,
            Step::Pass(millis) => self.pass(self.now + ms(millis)),
            _ => {}
        }
        self.settle();
    }

    fn land(&mut self, which: usize, refused: bool) {
        let (lease, _) = self.flying.swap_remove(which);
        let (back, now) = (if refused { Release::Throttled(secs(3)) } else { Release::Completed }, self.now);
        self.queue.give_back(lease, back, || now);
    }

    /// Time passes, and whoever set a timer comes when it goes off.
    fn pass(&mut self, end: Instant) {
        while self.now < end {
            let here = self.waiters.iter().filter(|waiter| !waiter.away);
            self.now = here.map(|waiter| waiter.comes).min().unwrap_or(end).clamp(self.now, end);
            self.settle();
        }
    }

    /// All who were woken, or whose timer went off, come.
    fn settle(&mut self) {
        loop {
            mem::take(&mut self.queue.wake).into_iter().for_each(Waker::wake);
            let now = self.now;
            let comes = |waiter: &&mut Waiter| !waiter.away && (waiter.woken.is_woken() || waiter.comes <= now);
            let Some(waiter) = self.waiters.iter_mut().find(comes) else { break };
            waiter.woken.0.store(0, Ordering::SeqCst);
            match self.queue.poll_acquire(&request(waiter, &Waker::from(Arc::clone(&waiter.woken))), now) {
                Ok(lease) => {
                    waiter.served = true;
                    self.sent.push(now);
                    self.flying.push((lease, now));
                }
                Err(at) => {
                    assert!(at > now, "it would poll_acquire again at once");
                    waiter.comes = at;
                }
            }
            self.waiters.retain(|waiter| !waiter.served);
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let within = self.sent.iter().filter(|at| **at + PERIOD > self.now).count();
        prop_assert!(self.requests == 0 || within <= self.requests as usize, "the budget is exceeded");
        let running = self.flying.iter().filter(|(_, at)| *at + LEASE > self.now).count();
        prop_assert!(running <= self.in_flight, "too many in flight");
        if self.waiters.iter().any(|waiter| waiter.away) {
            return Ok(()); // who stays away may cost the others a little
        }
        for waiter in &self.waiters {
            let poll_acquire = self.queue.clone().poll_acquire(&request(waiter, Waker::noop()), self.now);
            prop_assert!(poll_acquire.is_err(), "ticket {} has its turn, and was not recently_learned", waiter.ticket);
        }
        Ok(())
    }
}

fn request<'a>(waiter: &'a Waiter, waker: &'a Waker) -> AcquireRequest<'a> {
    AcquireRequest {
        ticket: waiter.ticket,
        waker,
        weight: 1,
        past_breaker: waiter.past_breaker,
        priority: waiter.priority.as_ref(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 600, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default()
    })]

    /// Whoever comes, leaves or stays away, and whatever the gateway says: the limits hold, whose turn it is is told so,
    /// and everybody who still waits gets a turn in the end.
    #[test]
    fn the_limits_hold_and_nobody_misses_a_turn(
        requests in 0..6_u32, in_flight in 1..6_usize, steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut world = World::new(requests, in_flight);
        for step in &steps {
            world.take(step);
            world.check()?;
        }
        // From here on each request is answered, and time passes.
        for _ in 0..400 {
            while !world.flying.is_empty() {
                world.land(0, false);
                world.settle();
            }
            world.pass(world.now + secs(1));
            world.check()?;
        }
        prop_assert!(world.waiters.iter().all(|waiter| waiter.away), "someone waits for ever");
    }
}

/// Of 100 who come again and again, one gains nothing by a turn, and one stands in the middle.
#[test]
fn whoever_gains_least_has_a_turn_now_and_then() {
    let mut queue = WaitQueue::new(Limits { budget: Some(RateLimit::per(1, secs(1))), in_flight: 9, lease: secs(20) });
    let mut now = Instant::now();
    let mut turns = [0; 100];
    let ranks: Vec<_> = (0..100).map(|who| Priority::new(move |_| f64::from(who))).collect();
    let mut tickets: Vec<_> = (0..100).map(|_| queue.issue(1)).collect();
    for _ in 0..4_000 {
        now += secs(1);
        for (who, priority) in ranks.iter().enumerate() {
            let waker = Waker::noop();
            let request = AcquireRequest {
                ticket: tickets[who],
                waker,
                weight: 1,
                past_breaker: false,
                priority: Some(priority),
            };
            if let Ok(lease) = queue.poll_acquire(&request, now) {
                turns[who] += 1;
                tickets[who] = queue.issue(1);
                queue.give_back(lease, Release::Completed, || now);
            }
        }
    }
    assert!(turns[0] >= 2 && turns[50] >= 2, "{turns:?}");
    assert!(turns[99] > 200, "{turns:?}");
}

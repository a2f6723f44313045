//! The limits and the queue, on a clock that the test moves.

#![allow(clippy::arithmetic_side_effects)]

mod burst;

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tokio::time::Instant;

use super::circuit_breaker::CircuitBreaker;
use super::in_flight::InFlight;
use super::limits::{LimiterConfig, Release};
use super::priority::Priority;
use super::rate_limit::RateLimit;
use super::rate_limiter::RateLimiter;
use super::sliding_window::SlidingWindow;
use super::state::LimiterState;
use super::waiter::AcquireRequest;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_window_frees_requests_after_their_period() {
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
    // When each waiting request may go.
    for (priority, at) in [(0, 10), (1, 14), (2, 20), (3, 24), (4, 30)] {
        assert_eq!(window.opens(priority, start + secs(5)), start + secs(at), "{priority}");
    }
    assert!(window.opens(1_000_000, start + secs(5)) > start + secs(1_000_000));
    // An instant of another runtime's clock, which is ahead.
    window.take(start + secs(9_999_999));
    assert_eq!(window.free(start + secs(20)), 2);
}

#[test]
fn a_used_up_rate_limit_paces_evenly() {
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
    // No request came for half a period: the next ones go as they come.
    assert_eq!((rate.free(start + ms(23_999)), rate.free(start + secs(24))), (1, 3));
}

#[test]
fn an_expired_lease_counts_no_more() {
    let start = Instant::now();
    let mut in_flight = InFlight::new(2, secs(21));
    let first = in_flight.take(start);
    let second = in_flight.take(start + secs(1));
    assert_eq!(in_flight.free(start + secs(20)), 0);
    assert_eq!(in_flight.free(start + secs(21)), 1);
    let third = in_flight.take(start + secs(21));
    in_flight.release(first);
    assert_eq!(in_flight.free(start + secs(21)), 0);
    in_flight.release(third);
    in_flight.release(third);
    assert_eq!(in_flight.free(start + secs(21)), 1);
    in_flight.release(second);
    assert_eq!(in_flight.free(start + secs(21)), 2);
    let add_or_now = in_flight.take(start + secs(30));
    assert!(add_or_now > third);
    // A lease that is never released keeps no others in the list.
    for second in 31..10_000 {
        let lease = in_flight.take(start + secs(second));
        in_flight.release(lease);
    }
    assert!(format!("{in_flight:?}").len() < 2_000);
}

#[test]
fn an_open_breaker_lets_one_probe_pass_after_its_cooldown() {
    let start = Instant::now();
    let mut breaker = CircuitBreaker::Closed;
    assert_eq!(breaker.allows(start), usize::MAX);
    breaker.trip(start, secs(30));
    breaker.trip(start + secs(1), secs(5)); // the shorter one does not close it sooner
    assert_eq!((breaker.allows(start + ms(29_999)), breaker.allows(start + secs(30))), (0, 1));
    assert_eq!(breaker.opens(0, start), (start + secs(30), true));
    assert_eq!(breaker.opens(1, start), (start + secs(30), false));
    breaker.pass(7, start + secs(30), secs(21), 0);
    assert_eq!(breaker.allows(start + secs(31)), 0);
    // Neither the good answer nor the end of another request concerns it.
    breaker.completed(6, || start + secs(31), || 3);
    breaker.abandoned(6);
    assert_eq!(breaker.allows(start + secs(31)), 0);
    // Its future may not be polled any more.
    assert_eq!(breaker.opens(0, start + secs(31)), (start + secs(51), true));
    assert_eq!((breaker.allows(start + ms(50_999)), breaker.allows(start + secs(51))), (0, 1));
    breaker.abandoned(7);
    assert_eq!(breaker.allows(start + secs(31)), 1);
    breaker.pass(8, start + secs(31), secs(21), 0);
    breaker.trip(start + secs(32), secs(10));
    assert_eq!((breaker.allows(start + secs(41)), breaker.allows(start + secs(42))), (0, 1));
    breaker.pass(9, start + secs(42), secs(21), 0);
    breaker.completed(9, || start + secs(43), || 0);
    assert!(matches!(breaker, CircuitBreaker::Closed));
}

#[test]
fn after_the_probe_requests_pass_one_by_one() {
    let start = Instant::now();
    for (period, waiting, gap) in [
        (secs(30), 1_000, ms(5)),
        (secs(30), 3, ms(100)),
        (secs(4), 100, ms(20)),
        (ms(1), 100, Duration::from_micros(5)),
    ] {
        let mut breaker = CircuitBreaker::Closed;
        breaker.trip(start, period);
        let at = start + period;
        assert_eq!(breaker.allows(at), 1);
        breaker.pass(1, at, secs(21), 0);
        breaker.completed(1, || at, || waiting);
        assert_eq!((breaker.allows(at), breaker.allows(at + gap)), (0, 1), "{period:?} {waiting}");
        breaker.pass(2, at + gap, secs(21), 0);
        assert_eq!(breaker.allows(at + gap), 0);
        assert_eq!(breaker.opens(3, at).0, (at + gap * 5).min(at + period.min(secs(10))));
        // No request came for a while: only a little of that is caught up with.
        let late = at + period.min(secs(10)) - gap;
        assert!(breaker.allows(late) <= 1 + usize::try_from(ms(10).as_nanos() / gap.as_nanos()).unwrap());
        assert_eq!(breaker.allows(at + period.min(secs(10))), usize::MAX);
    }
}

#[test]
fn an_open_breaker_allows_one_final_poll_per_cooldown() {
    let start = Instant::now();
    let mut breaker = CircuitBreaker::Closed;
    assert!(!breaker.allows_final_poll(start));
    breaker.trip(start, secs(60));
    assert!(breaker.allows_final_poll(start + secs(1)) && !breaker.allows_final_poll(start + secs(2)));
    breaker.trip(start + secs(2), secs(60)); // the answer to the final poll
    assert!(!breaker.allows_final_poll(start + secs(3)));
    assert_eq!(breaker.allows(start + secs(62)), 1);
    breaker.pass(1, start + secs(62), secs(21), 0);
    breaker.trip(start + secs(63), secs(60));
    assert!(breaker.allows_final_poll(start + secs(64)));
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

/// A waiter, as [`Acquire`](super::Acquire) is one.
struct Waiter {
    ticket: u64,
    returns_at: Instant,
    woken: Arc<CountingWaker>,
    past_breaker: bool,
    priority: Option<Priority>,
    /// Does not come, even if it is woken.
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

/// A queue with its limits, its waiters, and what is in flight.
struct World {
    limiter: LimiterState,
    now: Instant,
    requests: u32,
    in_flight: usize,
    waiters: Vec<Waiter>,
    flying: Vec<(u64, Instant)>,
    sent: Vec<Instant>,
}

impl World {
    fn new(requests: u32, in_flight: usize) -> Self {
        let rate_limit = (requests > 0).then(|| RateLimit::per(requests, PERIOD));
        let limiter = LimiterState::new(LimiterConfig { rate_limit, max_in_flight: in_flight, lease: LEASE });
        let (waiters, flying, sent) = (Vec::new(), Vec::new(), Vec::new());
        Self { limiter, now: Instant::now(), requests, in_flight, waiters, flying, sent }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Come { past_breaker, value } => {
                // The order of values is reversed every second.
                let start = self.now;
                let priority = value.map(f64::from).map(|value| {
                    Priority::new(move |now| {
                        let seconds = now.saturating_duration_since(start).as_secs();
                        if seconds % 2 == 0 { value } else { -value }
                    })
                });
                let (ticket, returns_at, woken) =
                    (self.limiter.queue.issue(1), self.now, Arc::new(CountingWaker(AtomicUsize::new(1))));
                self.waiters.push(Waiter {
                    ticket,
                    returns_at,
                    woken,
                    past_breaker,
                    priority,
                    away: false,
                    served: false,
                });
            }
            Step::Leave(which) if which < self.waiters.len() => {
                let waiter = self.waiters.swap_remove(which);
                self.limiter.cancel(waiter.ticket, self.now);
            }
            Step::Answer(which, refused) if which < self.flying.len() => self.complete(which, refused),
            Step::Abandon(which) if which < self.flying.len() => drop(self.flying.swap_remove(which)),
            Step::Stay(which) if which < self.waiters.len() => self.waiters[which].away = true,
            Step::Pass(millis) => self.pass(self.now + ms(millis)),
            _ => {}
        }
        self.settle();
    }

    fn complete(&mut self, which: usize, refused: bool) {
        let (lease, _) = self.flying.swap_remove(which);
        let (back, now) = (if refused { Release::Throttled(secs(3)) } else { Release::Completed }, self.now);
        self.limiter.release(lease, back, || now);
    }

    /// Time passes, and each waiter comes when its timer fires.
    fn pass(&mut self, end: Instant) {
        while self.now < end {
            let here = self.waiters.iter().filter(|waiter| !waiter.away);
            self.now = here.map(|waiter| waiter.returns_at).min().unwrap_or(end).clamp(self.now, end);
            self.settle();
        }
    }

    /// All waiters come that were woken, or whose timer has fired.
    fn settle(&mut self) {
        loop {
            mem::take(&mut self.limiter.queue.wake).into_iter().for_each(Waker::wake);
            let now = self.now;
            let comes = |waiter: &&mut Waiter| !waiter.away && (waiter.woken.is_woken() || waiter.returns_at <= now);
            let Some(waiter) = self.waiters.iter_mut().find(comes) else { break };
            waiter.woken.0.store(0, Ordering::SeqCst);
            match self.limiter.poll_acquire(&request(waiter, &Waker::from(Arc::clone(&waiter.woken))), now) {
                Ok(lease) => {
                    waiter.served = true;
                    self.sent.push(now);
                    self.flying.push((lease, now));
                }
                Err(at) => {
                    assert!(at > now, "it would come again at once");
                    waiter.returns_at = at;
                }
            }
            self.waiters.retain(|waiter| !waiter.served);
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let within = self.sent.iter().filter(|at| **at + PERIOD > self.now).count();
        prop_assert!(self.requests == 0 || within <= self.requests as usize, "the rate limit is exceeded");
        let running = self.flying.iter().filter(|(_, at)| *at + LEASE > self.now).count();
        prop_assert!(running <= self.in_flight, "too many in flight");
        if self.waiters.iter().any(|waiter| waiter.away) {
            return Ok(()); // a waiter that stays away may cost the others a little
        }
        for waiter in &self.waiters {
            let acquired = self.limiter.clone().poll_acquire(&request(waiter, Waker::noop()), self.now);
            prop_assert!(acquired.is_err(), "there is a permit for ticket {}, and it was not woken", waiter.ticket);
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

    /// Whichever waiters come, leave or stay away, and whatever the gateway answers: the limits hold, a waiter with a permit
    /// is woken, and each waiter that is not away gets a permit in the end.
    #[test]
    fn limits_hold_and_no_waiter_misses_its_permit(
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
                world.complete(0, false);
                world.settle();
            }
            world.pass(world.now + secs(1));
            world.check()?;
        }
        prop_assert!(world.waiters.iter().all(|waiter| waiter.away), "a waiter waits for ever");
    }
}

/// 100 waiters come again and again; the first one's permits are worth nothing.
#[test]
fn the_waiter_of_least_value_is_not_starved() {
    let rate_limit = Some(RateLimit::per(1, secs(1)));
    let mut limiter = LimiterState::new(LimiterConfig { rate_limit, max_in_flight: 9, lease: secs(20) });
    let mut now = Instant::now();
    let mut permits = [0; 100];
    let priorities: Vec<_> = (0..100).map(|waiter| Priority::new(move |_| f64::from(waiter))).collect();
    let mut tickets: Vec<_> = (0..100).map(|_| limiter.queue.issue(1)).collect();
    for _ in 0..4_000 {
        now += secs(1);
        for (waiter, priority) in priorities.iter().enumerate() {
            let waker = Waker::noop();
            let request = AcquireRequest {
                ticket: tickets[waiter],
                waker,
                weight: 1,
                past_breaker: false,
                priority: Some(priority),
            };
            if let Ok(lease) = limiter.poll_acquire(&request, now) {
                permits[waiter] += 1;
                tickets[waiter] = limiter.queue.issue(1);
                limiter.release(lease, Release::Completed, || now);
            }
        }
    }
    assert!(permits[0] >= 2 && permits[50] >= 2, "{permits:?}");
    assert!(permits[99] > 200, "{permits:?}");
}

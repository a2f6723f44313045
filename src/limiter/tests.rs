//! The limits and the queue, on a clock that the test moves.

#![allow(clippy::arithmetic_side_effects)]

mod burst;
mod model;

use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::breaker_state::BreakerState;
use super::circuit_breaker::CircuitBreaker;
use super::in_flight::InFlight;
use super::limits::{LimiterConfig, Release, Sent};
use super::priority::Priority;
use super::rate_limit::RateLimit;
use super::rate_limiter::RateLimiter;
use super::refusal::Refusal;
use super::sliding_window::SlidingWindow;
use super::state::LimiterState;
use super::wait_queue::Grant;
use super::waiter::{AcquireRequest, Class};
use crate::error::{Error, ErrorKind};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn refusal(_: Instant) -> Arc<Refusal> {
    let error = Error::new(ErrorKind::RateLimited, "slow down");
    Arc::new(Refusal { error, answered_at: SystemTime::UNIX_EPOCH })
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

/// A bound that is open: answers came for as many requests as there may be.
fn open_in_flight(max: usize) -> InFlight {
    let start = Instant::now();
    let mut in_flight = InFlight::new(max, secs(21));
    for _ in 0..8 {
        let leases: Vec<_> = (0..in_flight.free(start)).map(|_| in_flight.take(start)).collect();
        for lease in leases {
            in_flight.answered();
            in_flight.release(lease);
        }
    }
    assert_eq!(in_flight.free(start), max);
    in_flight
}

#[test]
fn an_expired_lease_counts_no_more() {
    let mut in_flight = open_in_flight(2);
    let start = Instant::now();
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
    let later = in_flight.take(start + secs(30));
    assert!(later > third);
    // A lease that is never released keeps no others in the list.
    for second in 31..10_000 {
        let lease = in_flight.take(start + secs(second));
        in_flight.release(lease);
    }
    assert!(format!("{in_flight:?}").len() < 2_000);
}

#[test]
fn in_flight_doubles_per_round_trip_and_halves_once() {
    let start = Instant::now();
    let mut in_flight = InFlight::new(100, secs(21));
    let mut rounds = Vec::new();
    for round in 0..8 {
        let now = start + ms(200) * round;
        let leases: Vec<_> = (0..in_flight.free(now)).map(|_| in_flight.take(now)).collect();
        rounds.push(leases.len());
        for lease in leases {
            in_flight.answered();
            in_flight.release(lease);
        }
    }
    assert_eq!(rounds, [1, 2, 4, 8, 16, 32, 64, 100]);
    // All requests of one burst are refused: that is one refusal. Then one more per round trip.
    let now = start + secs(3);
    (0..5).for_each(|_| in_flight.refused(now, now + ms(20)));
    assert_eq!(in_flight.free(now), 50);
    let now = start + secs(4);
    let leases: Vec<_> = (0..50).map(|_| in_flight.take(now)).collect();
    for lease in leases {
        in_flight.answered();
        in_flight.release(lease);
    }
    assert!((50..=51).contains(&in_flight.free(now)), "{}", in_flight.free(now));
    in_flight.refused(now, now + ms(20));
    assert_eq!(in_flight.free(now), 25);
    // A lone request says nothing of what the gateway could bear.
    for _ in 0..100 {
        let lease = in_flight.take(now);
        in_flight.answered();
        in_flight.release(lease);
    }
    assert_eq!(in_flight.free(now), 25);
    // When there was no request for long, the connections are closed.
    let lease = in_flight.take(now + secs(91));
    assert_eq!(in_flight.free(now + secs(91)), 0);
    in_flight.answered();
    in_flight.release(lease);
    assert_eq!(in_flight.free(now + secs(91)), 2);
}

#[test]
fn unanswered_first_request_delays_others_few_seconds() {
    let start = Instant::now();
    let mut in_flight = InFlight::new(256, secs(21));
    in_flight.take(start);
    let free = |millis| in_flight.clone().free(start + ms(millis));
    assert_eq!([0, 999, 1_000, 2_000, 5_000, 8_000, 20_000].map(free), [0, 0, 1, 3, 31, 255, 255]);
}

#[test]
fn an_open_breaker_lets_one_probe_pass_after_its_cooldown() {
    let start = Instant::now();
    let mut breaker = CircuitBreaker::new();
    assert_eq!(breaker.allows(start), usize::MAX);
    assert!(breaker.trip(start, secs(30), refusal(start)));
    assert!(!breaker.trip(start + secs(1), secs(5), refusal(start)), "the shorter one does not close it sooner");
    assert_eq!((breaker.allows(start + ms(29_999)), breaker.allows(start + secs(30))), (0, 1));
    assert_eq!(breaker.opens(0, start), (start + secs(30), true));
    breaker.pass(7, start + secs(30), secs(21), 0);
    assert_eq!((breaker.allows(start + secs(31)), breaker.opens(0, start + secs(31))), (0, (start + secs(51), false)));
    // Neither the end of another request concerns it, nor the good answer to one that went before the refusal.
    breaker.answered(6, start + secs(2), false, || start + secs(31), || 3);
    breaker.answered(6, start, true, || start + secs(31), || 3);
    breaker.abandoned(6);
    assert_eq!(breaker.allows(start + secs(31)), 0);
    // Its future may not be polled any more.
    assert_eq!((breaker.allows(start + ms(50_999)), breaker.allows(start + secs(51))), (0, 1));
    breaker.abandoned(7);
    assert_eq!(breaker.allows(start + secs(31)), 1);
    breaker.pass(8, start + secs(31), secs(21), 0);
    assert!(breaker.trip(start + secs(32), secs(10), refusal(start)));
    assert_eq!((breaker.allows(start + secs(41)), breaker.allows(start + secs(42))), (0, 1));
    breaker.pass(9, start + secs(42), secs(21), 0);
    breaker.answered(9, start + secs(42), false, || start + secs(43), || 0);
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn good_answer_after_the_refusal_ends_the_cooldown() {
    let start = Instant::now();
    let mut breaker = CircuitBreaker::new();
    breaker.trip(start, secs(120), refusal(start));
    breaker.answered(1, start + secs(5), false, || start + secs(6), || 10);
    assert_eq!(breaker.state(), BreakerState::Open);
    breaker.answered(1, start + secs(5), true, || start + secs(6), || 10);
    assert_eq!((breaker.state(), breaker.allows(start + secs(6))), (BreakerState::Recovering, 0));
    assert_eq!(breaker.allows(start + ms(6_100)), 1);
    assert!(breaker.cooldown(start + secs(7)).is_none());
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
        let mut breaker = CircuitBreaker::new();
        breaker.trip(start, period, refusal(start));
        let at = start + period;
        assert_eq!(breaker.allows(at), 1);
        breaker.pass(1, at, secs(21), 0);
        breaker.answered(1, at, true, || at, || waiting);
        assert_eq!((breaker.allows(at), breaker.allows(at + gap)), (0, 1), "{period:?} {waiting}");
        breaker.pass(2, at + gap, secs(21), 0);
        assert_eq!(breaker.allows(at + gap), 0);
        assert_eq!(breaker.opens(0, at), (at + gap * 2, true));
        // No request came for a while: only a little of that is caught up with.
        let late = at + period.min(secs(10)) - gap;
        assert!(breaker.allows(late) <= 1 + usize::try_from(ms(10).as_nanos() / gap.as_nanos()).unwrap());
        assert_eq!(breaker.allows(at + period.min(secs(10))), usize::MAX);
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
    let mut places = vec![None; 100];
    for _ in 0..4_000 {
        now += secs(1);
        // The waiter that is called comes in the second round.
        for (waiter, priority) in priorities.iter().enumerate().chain(priorities.iter().enumerate()) {
            let request = AcquireRequest {
                ticket: None,
                waker: Waker::noop(),
                weight: 1,
                class: Class::Normal,
                priority: Some(priority),
            };
            if let Ok(Grant { lease, .. }) = limiter.poll_acquire(&mut places[waiter], &request, now) {
                permits[waiter] += 1;
                limiter.release(Sent { lease, at: now }, &Release::Answered, || now);
            }
        }
    }
    assert!(permits[0] >= 2 && permits[50] >= 2, "{permits:?}");
    assert!(permits[99] > 200, "{permits:?}");
}

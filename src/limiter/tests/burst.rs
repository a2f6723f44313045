//! A rate limit with a burst.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::limiter::quota::Quota;
use crate::limiter::token_bucket::TokenBucket;

#[test]
fn a_token_bucket_refills_at_an_even_rate() {
    let start = Instant::now();
    let mut bucket = TokenBucket::new(3, secs(2));
    for free in [3, 2, 1] {
        assert_eq!(bucket.free(start), free);
        bucket.take(start);
    }
    for (at, free) in [(0, 0), (1_999, 0), (2_000, 1), (3_999, 1), (4_000, 2), (6_000, 3), (99_000, 3)] {
        assert_eq!(bucket.free(start + ms(at)), free, "{at}");
    }
    for (ahead, at) in [(0, 2), (1, 4), (2, 6), (10, 22)] {
        assert_eq!(bucket.opens(ahead, start), start + secs(at), "{ahead}");
        assert_eq!(bucket.opens(ahead, start + secs(1)), start + secs(at), "{ahead}");
    }
    // Two of three are there: the third follows a second later.
    assert_eq!(bucket.opens(1, start + secs(5)), start + secs(5));
    assert_eq!(bucket.opens(2, start + secs(5)), start + secs(6));
    // An instant of another runtime's clock, which is ahead.
    bucket.take(start + secs(9_999_999));
    assert_eq!((bucket.free(start), bucket.opens(2, start)), (3, start));
}

#[test]
fn a_burst_is_whole_again_after_a_rest() {
    let start = Instant::now();
    let mut rate = RateLimiter::new(RateLimit::per(4, secs(8)).burst(2));
    let mut sent = Vec::new();
    for at in [0, 2, 4, 6, 8, 10, 30].map(|second| start + secs(second)) {
        let free = rate.free(at);
        (0..free).for_each(|_| rate.take(at));
        sent.push(free);
    }
    // Four in the first period use up the limit. The next ones go one each 2 s from its end on.
    assert_eq!(sent, [2, 1, 1, 0, 1, 1, 2]);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 600, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default()
    })]

    /// A request may go exactly when no stretch of time that ends with it holds more than it may.
    #[test]
    fn bursts_are_neither_larger_nor_later_than_allowed(
        requests in 1..9_u32,
        burst in 1..9_u32,
        steps in prop::collection::vec((0..400_u64, 0..4_u32), 1..80),
    ) {
        const GAP: Duration = ms(100);
        let burst = burst.min(requests);
        let mut quota = Quota::new(RateLimit::per(requests, GAP * requests).burst(burst));
        let mut sent: Vec<Instant> = Vec::new();
        let mut now = Instant::now();
        let fits = |sent: &[Instant], at: Instant| {
            let stretches = sent.iter().enumerate().map(|(first, since)| (at - *since, sent.len() - first + 1));
            stretches.clone().all(|(time, count)| time >= GAP * requests || count <= requests as usize)
                && stretches.clone().all(|(time, count)| {
                    burst == requests || count as u128 <= u128::from(burst) + time.as_nanos() / GAP.as_nanos()
                })
        };
        for (pause, wanted) in steps {
            now += ms(pause);
            for _ in 0..wanted {
                prop_assert_eq!(quota.free(now) > 0, fits(&sent, now));
                let opens = quota.opens(0, now).max(now);
                prop_assert!(fits(&sent, opens), "opens too soon");
                prop_assert!(opens == now || !fits(&sent, opens - ms(1)), "opens too late");
                if quota.free(now) > 0 {
                    quota.take(now);
                    sent.push(now);
                }
            }
        }
    }
}

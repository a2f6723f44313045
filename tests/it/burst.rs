//! A rate limit with a small burst, for gateways that refuse what comes at once.

use futures::future::join_all;
use luma_watch::RateLimit;
use luma_watch::simulator::Simulator;
use tokio::time::Instant;

use crate::support::driver::Driver;
use crate::support::in_memory::{asked_at, builder, endless, ms, secs, slow_simulator};

/// As nginx's `limit_req` with `rate=20r/s burst=5`: six at once, then one each 50 ms.
#[tokio::test(start_paused = true)]
async fn small_burst_suits_a_leaky_bucket() {
    let second = RateLimit::per(20, secs(1));
    for (limit, is_refused) in [(second.burst(5), false), (RateLimit::per(15, secs(1)), true)] {
        for driver in Driver::BOTH {
            let simulator = slow_simulator(ms(30));
            // The bucket alone: the window is never full.
            simulator.rate_limit(RateLimit::per(20_000, secs(1_000)).burst(6));
            let ids = endless(&simulator, 149);
            let client = builder(&simulator).rate_limit(limit).build().unwrap();
            driver.watch_until(Instant::now() + secs(100), &client, &ids).await;
            let requests = simulator.requests();
            let refused = requests.iter().filter(|request| request.status != Some(200)).count();
            assert_eq!(refused > 0, is_refused, "{driver:?} {limit:?}: {refused} of {}", requests.len());
            assert!(is_refused || requests.len() >= 3 * 149, "{}", requests.len());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn burst_goes_at_once_then_evenly() {
    let simulator = Simulator::new();
    let ids = endless(&simulator, 12);
    let client = builder(&simulator).rate_limit(RateLimit::per(10, secs(10)).burst(3)).build().unwrap();
    join_all(ids.iter().map(|id| client.status(id))).await;
    // The tenth request uses up the limit: the next one waits for the window.
    let expected = [0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 10, 11];
    assert_eq!(asked_at(&simulator), expected.map(secs));
}

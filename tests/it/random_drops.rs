//! Watches that are dropped at random times leave no permit behind.

use std::time::Duration;

use fastrand::Rng;
use futures::future::join_all;
use futures::{FutureExt, StreamExt};
use luma_watch::simulator::{Fault, Simulator};
use luma_watch::{RateLimit, Schedule};
use tokio::time::{Instant, sleep, timeout};

use crate::support::in_memory::{builder, endless, ms, secs};

fn random_ms(random: &mut Rng, range: std::ops::Range<u64>) -> Duration {
    ms(random.u64(range))
}

#[tokio::test(start_paused = true)]
async fn random_drops_leave_every_permit_free() {
    for seed in 0..40 {
        let mut random = Rng::with_seed(seed);
        let simulator = Simulator::new();
        simulator.latency(ms(900));
        simulator.inject(Fault::status(429).retry_after("3").after(random.u32(5..60)));
        simulator.inject(Fault::stall().times(3).after(random.u32(0..40)));
        let ids = endless(&simulator, 30);
        let schedule = Schedule::every(secs(5)).max_wait(secs(60));
        let limit = RateLimit::per(6, secs(2));
        let client = builder(&simulator).schedule(schedule).rate_limit(limit).max_in_flight(4).request_timeout(secs(4));
        let client = client.build().unwrap();
        let watches = ids.iter().enumerate().map(|(index, id)| {
            let (client, id) = (client.clone(), id.clone());
            let (start, lives) = (random_ms(&mut random, 0..8_000), random_ms(&mut random, 0..20_000));
            async move {
                sleep(start).await;
                if index % 3 == 0 {
                    let others = client.watch_all([&id]);
                    drop(timeout(lives, others.for_each(|_| std::future::ready(()))).await);
                } else {
                    drop(timeout(lives, client.watch(&id).for_each(|_| std::future::ready(()))).await);
                }
            }
        });
        join_all(watches).await;
        // The faults that are left happen to these.
        for _ in 0..70 {
            drop(client.status(&ids[0]).await);
        }
        // Longer than any cooldown and any lease.
        sleep(secs(30)).await;
        // The refusal has halved what may be in flight: it grows again with each round.
        let mut rounds = 0..12;
        let full = loop {
            let start = Instant::now();
            let checks = join_all(ids.iter().take(4).map(|id| client.status(id))).await;
            assert!(checks.iter().all(Result::is_ok), "seed {seed}: {checks:?}");
            sleep(secs(4)).await;
            if start.elapsed() == secs(4) + ms(900) || rounds.next().is_none() {
                break start.elapsed();
            }
        };
        assert_eq!(full, secs(4) + ms(900), "seed {seed}: a permit was missing");
        assert_eq!((client.limits().in_flight, client.limits().waiting), (0, 0), "seed {seed}");
        assert!(client.watch(&ids[0]).next().now_or_never().is_none());
    }
}

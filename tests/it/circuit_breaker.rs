//! One refusal opens the circuit breaker for all watches of a client.

use futures::StreamExt;
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{BreakerState, ErrorKind, RateLimit, Schedule, StatusEvent};
use tokio::time::{Instant, sleep, timeout};

use crate::support::driver::Driver;
use crate::support::in_memory::{
    asked_at, builder, endless, failure, gave_up, held_back, most_within, ms, next_answer, progress, secs,
    slow_simulator,
};

#[tokio::test(start_paused = true)]
async fn refusal_holds_all_until_one_probe_succeeds() {
    for driver in Driver::BOTH {
        for (fault, period) in [
            (Fault::status(429).retry_after("40"), 40),
            (Fault::code(429, "slow down"), 30),
            (Fault::code(455, "maintenance").retry_after("7"), 7),
            (Fault::status(503), 30),
        ] {
            let simulator = slow_simulator(ms(200));
            let ids = endless(&simulator, 200);
            let client = builder(&simulator).max_in_flight(1).build().unwrap();
            simulator.inject(fault.times(3));
            driver.watch_until(Instant::now() + secs(4 * period), &client, &ids).await;
            let times = asked_at(&simulator);
            // Three refusals, one per period. The fourth request is a probe that succeeds.
            for refused in 1..4 {
                let gap = times[refused] - times[refused - 1];
                assert!(
                    gap >= secs(period) + ms(200) && gap <= secs(period) + ms(205),
                    "{driver:?} {period}: {times:?}"
                );
            }
            let after: Vec<_> = times[4..].iter().map(|at| *at - times[3]).collect();
            assert!(after.len() > 10, "{driver:?} {period}: {after:?}");
            assert!(most_within(&times[4..], ms(190)) <= 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn held_requests_follow_probe_over_some_seconds() {
    for driver in Driver::BOTH {
        let simulator = slow_simulator(ms(50));
        let ids = endless(&simulator, 1_000);
        let client = builder(&simulator).build().unwrap();
        client.status(&ids[0]).await.unwrap();
        simulator.inject(Fault::status(429).retry_after("20"));
        assert_eq!(client.status(&ids[0]).await.unwrap_err().kind(), ErrorKind::RateLimited);
        let before = simulator.requests().len();
        driver.watch_until(Instant::now() + secs(32), &client, &ids).await;
        let times = asked_at(&simulator).split_off(before);
        let start = times[0];
        assert!(start >= secs(20) && times[1] > start + ms(50), "{driver:?}: {times:?}");
        // All follow within 10 s, evenly, at twice the rate that they need: the other half is for later requests.
        let firsts: Vec<_> = times.iter().take(1_000).map(|at| *at - start).collect();
        assert!(*firsts.last().unwrap() <= secs(10), "{:?}", firsts.last());
        assert!(most_within(&firsts, secs(1)) <= 215, "{driver:?}: {}", most_within(&firsts, secs(1)));
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_probe_is_replaced_by_another() {
    let simulator = slow_simulator(secs(1));
    let ids = endless(&simulator, 2);
    let client = builder(&simulator).build().unwrap();
    simulator.inject(Fault::status(429).retry_after("10"));
    let mut first = client.watch(&ids[0]);
    failure(first.next().await);
    let mut second = client.watch(&ids[1]);
    let both = async { tokio::join!(first.next(), next_answer(&mut second)) };
    assert!(timeout(ms(10_500), both).await.is_err());
    assert_eq!(simulator.requests().len(), 2, "the probe is in flight");
    assert_eq!(simulator.requests()[1].task_id, ids[1], "of the watch that came first");
    let (first, mut second) = (second, first);
    let start = Instant::now();
    drop(first);
    progress(second.next().await);
    assert_eq!((start.elapsed(), simulator.requests().len()), (secs(1), 3));
}

#[tokio::test(start_paused = true)]
async fn status_passes_an_open_breaker_and_closes_it() {
    let simulator = Simulator::new();
    let ids = endless(&simulator, 3);
    let client = builder(&simulator).rate_limit(RateLimit::per(2, secs(5))).build().unwrap();
    simulator.inject(Fault::status(429).retry_after("60"));
    let mut watch = client.watch(&ids[0]);
    failure(watch.next().await);
    let mut waiting = client.watch(&ids[1]);
    held_back(&mut waiting).await;
    assert!(timeout(secs(3), waiting.next()).await.is_err());
    // Its good answer says that the gateway answers again.
    client.status(&ids[0]).await.unwrap();
    let start = Instant::now();
    // It keeps the rate limit, though.
    let (event, task) = tokio::join!(waiting.next(), client.status(&ids[2]));
    progress(event);
    task.unwrap();
    assert!(start.elapsed() >= secs(2) && start.elapsed() <= secs(8), "{:?}", start.elapsed());
    // The watch that was refused keeps its own Retry-After.
    assert!(timeout(secs(40), watch.next()).await.is_err());
    progress(watch.next().await);
    assert_eq!(*asked_at(&simulator).last().unwrap(), secs(60));
}

#[tokio::test(start_paused = true)]
async fn every_watch_makes_its_final_poll_when_held_back() {
    for driver in Driver::BOTH {
        let simulator = Simulator::new();
        let ids = endless(&simulator, 5);
        let client = builder(&simulator)
            .schedule(Schedule::default().max_wait(secs(100)))
            .retry_after_cap(secs(3600))
            .max_in_flight(1)
            .build()
            .unwrap();
        simulator.inject(Fault::status(429).retry_after("3600").times(3));
        let start = Instant::now();
        let events: Vec<_> = driver.events(&client, &ids).collect().await;
        let ends: Vec<_> = events.iter().filter(|event| event.is_terminal()).collect();
        assert!(ends.iter().all(|event| gave_up(event) == Some(ErrorKind::Deadline)), "{ends:?}");
        let held_back = events.iter().filter(|event| matches!(event, StatusEvent::HeldBack(_))).count();
        // All but the one that was refused say so; at the end, the refused final poll of one is news to the others.
        assert_eq!((ends.len(), held_back), (5, 4), "{driver:?} {events:#?}");
        assert_eq!(asked_at(&simulator), [0, 100, 100, 100, 100, 100].map(secs), "{driver:?}");
        assert_eq!(start.elapsed(), secs(100));
    }
}

#[tokio::test(start_paused = true)]
async fn held_back_watch_says_why_and_for_how_long() {
    for driver in Driver::BOTH {
        let simulator = Simulator::new();
        let ids = endless(&simulator, 3);
        let client = builder(&simulator).build().unwrap();
        simulator.inject(Fault::code(455, "closed").retry_after("50"));
        assert!(client.status(&ids[0]).await.is_err());
        sleep(secs(10)).await;
        let mut events = driver.events(&client, &ids[1..]);
        for _ in 0..2 {
            let Some(StatusEvent::HeldBack(hold)) = events.next().await else { panic!("it is not held back") };
            assert_eq!((hold.error.kind(), hold.error.task_id()), (ErrorKind::Maintenance, Some(&ids[0])));
            assert_eq!((hold.next_poll_in, hold.error.retry_after()), (secs(40), Some(secs(50))));
            assert_eq!((hold.polls, hold.elapsed), (0, secs(0)));
            let said = format!("task {}: the gateway is under maintenance: closed", ids[0]);
            assert!(hold.error.to_string().starts_with(&said), "{}", hold.error);
        }
        // Another refusal makes the time longer, and that is news.
        simulator.inject(Fault::status(503).retry_after("100"));
        assert!(client.status(&ids[0]).await.is_err());
        for _ in 0..2 {
            let Some(StatusEvent::HeldBack(hold)) = events.next().await else { panic!("it is no news") };
            assert!(hold.next_poll_in > secs(98) && hold.elapsed <= secs(1), "{hold:?}");
        }
        progress(events.next().await);
        assert_eq!(*asked_at(&simulator).last().unwrap(), secs(110), "{driver:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn resume_now_lets_all_go_on() {
    for driver in Driver::BOTH {
        let simulator = Simulator::new();
        let ids = endless(&simulator, 4);
        let client = builder(&simulator).build().unwrap();
        simulator.inject(Fault::status(503).retry_after("100"));
        assert!(client.status(&ids[0]).await.is_err());
        let mut events = driver.events(&client, &ids[1..]);
        assert!(timeout(secs(5), events.by_ref().skip(3).next()).await.is_err());
        let limits = client.limits();
        assert_eq!((limits.breaker, limits.waiting), (BreakerState::Open, 3));
        assert_eq!(limits.cooldown.unwrap().remaining, secs(95));
        assert!(client.resume_now() && !client.resume_now());
        for _ in 0..3 {
            progress(events.next().await);
        }
        assert!(*asked_at(&simulator).last().unwrap() <= secs(6), "{driver:?}");
        assert_eq!(client.limits().waiting, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn abandoned_probe_holds_others_one_request_timeout() {
    let simulator = slow_simulator(secs(1));
    let ids = endless(&simulator, 2);
    let client = builder(&simulator).build().unwrap();
    simulator.inject(Fault::status(429).retry_after("10"));
    let mut away = client.watch(&ids[0]);
    failure(away.next().await);
    assert!(timeout(ms(10_500), away.next()).await.is_err());
    assert_eq!(simulator.requests().len(), 2, "its probe is in flight");
    let start = Instant::now();
    progress(client.watch(&ids[1]).next().await);
    assert!(start.elapsed() <= secs(23), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn late_consumer_gets_final_poll_with_full_timeout() {
    for driver in Driver::BOTH {
        let simulator = slow_simulator(ms(100));
        let id = simulator.add(SimulatedTask::new().generates_for(secs(60)));
        let client = builder(&simulator).schedule(Schedule::default().max_wait(secs(100))).build().unwrap();
        let (mut alone, mut all) = (client.watch(&id), client.watch_all([&id]));
        let mut next = async || match driver {
            Driver::Watch => alone.next().await.unwrap(),
            Driver::WatchAll => all.next().await.unwrap().1,
        };
        progress(Some(next().await));
        sleep(secs(200)).await;
        assert!(matches!(next().await, StatusEvent::Done(_)), "{driver:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn held_requests_are_spread_at_any_latency() {
    for (driver, latency) in Driver::BOTH.into_iter().flat_map(|driver| [(driver, ms(0)), (driver, ms(1))]) {
        let simulator = slow_simulator(latency);
        let ids = endless(&simulator, 200);
        let client = builder(&simulator).build().unwrap();
        simulator.inject(Fault::status(429).retry_after("10"));
        assert!(client.status(&ids[0]).await.is_err());
        driver.watch_until(Instant::now() + secs(25), &client, &ids).await;
        let times = asked_at(&simulator).split_off(1);
        assert!(
            times.len() > 200 && most_within(&times[..200], secs(1)) <= 42,
            "{driver:?} {latency:?} {}",
            times.len()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_zero_holds_all_like_none() {
    for driver in Driver::BOTH {
        for refusal in [Fault::status(429), Fault::status(503), Fault::code(430, ""), Fault::code(455, "")] {
            let requests = |refusal: Fault| async move {
                fastrand::seed(7); // the jitter of retries
                let simulator = slow_simulator(ms(10));
                let ids = endless(&simulator, 3);
                let client = builder(&simulator).max_in_flight(1).build().unwrap();
                simulator.inject(refusal.times(2));
                driver.watch_until(Instant::now() + secs(100), &client, &ids).await;
                asked_at(&simulator)
            };
            let zero = requests(refusal.clone().retry_after("0")).await;
            assert_eq!(zero[..2], [ms(0), ms(30_010)], "{driver:?} {refusal:?}");
            assert_eq!(zero, requests(refusal.clone()).await, "{driver:?} {refusal:?}");
        }
    }
}

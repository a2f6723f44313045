//! Consumers that go away, come late, or are held back in each state of a watch.

use std::collections::HashMap;

use futures::future::join_all;
use futures::{FutureExt, StreamExt};
use luma_watch::simulator::{Fault, Simulator};
use luma_watch::{RateLimit, Schedule, StatusEvent};
use tokio::time::{Instant, advance, sleep, timeout};

use crate::support::driver::Driver;
use crate::support::in_memory::{asked_at, builder, endless, ms, open_window, progress, secs, slow_simulator};

/// Refusals that come every half second each make the time longer by half a second, which is never news.
#[tokio::test(start_paused = true)]
async fn creeping_cooldown_is_said_again() {
    let simulator = Simulator::new();
    let ids = endless(&simulator, 2);
    let client = builder(&simulator).schedule(Schedule::default().no_max_wait()).build().unwrap();
    simulator.inject(Fault::status(429).retry_after("30").only(&ids[1]).always());
    client.status(&ids[1]).await.unwrap_err();
    let mut watch = client.watch(&ids[0]);
    let Some(StatusEvent::HeldBack(mut hold)) = watch.next().await else { panic!() };
    let (mut said_at, start) = (Instant::now(), Instant::now());
    while start.elapsed() < secs(300) {
        client.status(&ids[1]).await.unwrap_err();
        if let Ok(Some(event)) = timeout(ms(500), watch.next()).await {
            let StatusEvent::HeldBack(later) = event else { panic!("{event:?}") };
            (hold, said_at) = (later, Instant::now());
        }
        let silence = said_at.elapsed();
        assert!(silence <= hold.next_poll_in + secs(1), "said {:?}, silent for {silence:?}", hold.next_poll_in);
    }
}

/// Two refusals, a consumer that takes events late: one event for each refusal at most, and each with a time.
#[tokio::test(start_paused = true)]
async fn held_back_once_per_refusal_in_watch_all() {
    let simulator = Simulator::new();
    let ids = endless(&simulator, 51);
    let client = builder(&simulator).schedule(Schedule::default().no_max_wait()).build().unwrap();
    simulator.inject(Fault::status(429).retry_after("10").only(&ids[50]));
    simulator.inject(Fault::status(429).retry_after("60").only(&ids[50]));
    client.status(&ids[50]).await.unwrap_err();
    let mut all = client.watch_all(&ids[..50]);
    let first = all.next().await;
    client.status(&ids[50]).await.unwrap_err();
    sleep(ms(1_500)).await;
    let mut said: HashMap<_, Vec<_>> = HashMap::new();
    let mut note = |event| {
        if let Some((id, StatusEvent::HeldBack(hold))) = event {
            said.entry(id).or_default().push(hold.next_poll_in);
        }
    };
    note(first);
    while let Ok(event) = timeout(secs(5), all.next()).await {
        note(event);
    }
    let twice = said.values().filter(|times| times.windows(2).any(|pair| pair[1] <= pair[0])).count();
    assert_eq!(twice, 0, "{:?}", said.values().collect::<Vec<_>>());
}

/// The consumer comes back when the cooldown is over.
#[tokio::test(start_paused = true)]
async fn late_consumer_of_watch_all_hears_of_no_old_cooldown() {
    let simulator = slow_simulator(ms(100));
    let ids = endless(&simulator, 21);
    let client = builder(&simulator).schedule(Schedule::default().no_max_wait()).build().unwrap();
    simulator.inject(Fault::status(429).retry_after("10").only(&ids[20]));
    client.status(&ids[20]).await.unwrap_err();
    let mut all = client.watch_all(&ids[..20]);
    all.next().await;
    sleep(secs(60)).await;
    for _ in 0..19 {
        if let Ok(Some((_, StatusEvent::HeldBack(hold)))) = timeout(secs(20), all.next()).await {
            assert!(!hold.next_poll_in.is_zero(), "{hold:?}");
        }
    }
}

/// Waiters are served in the order in which they came, also after a refusal.
#[tokio::test(start_paused = true)]
async fn refusal_keeps_order_of_waiters() {
    for driver in Driver::BOTH {
        let simulator = slow_simulator(ms(10));
        let ids = endless(&simulator, 62);
        let limit = RateLimit::per(1, secs(2));
        let client = builder(&simulator).schedule(Schedule::every(secs(3_000)).no_max_wait()).rate_limit(limit);
        let client = client.build().unwrap();
        simulator.inject(Fault::status(503).retry_after("20").only(&ids[0]).after(1));
        client.status(&ids[0]).await.unwrap();
        let tasks: Vec<_> = (1..61)
            .map(|index| {
                let (client, id) = (client.clone(), ids[index].clone());
                tokio::spawn(async move {
                    sleep(ms(7) * u32::try_from(index).unwrap()).await;
                    let mut events = driver.events(&client, &[id]);
                    while !matches!(events.next().await, Some(StatusEvent::Generating(_))) {}
                })
            })
            .collect();
        sleep(ms(3)).await;
        // Waits behind none of them, and is refused while they wait.
        client.status(&ids[0]).await.unwrap_err();
        join_all(tasks).await;
        let order: Vec<_> =
            simulator.requests().iter().skip(2).map(|asked| ids.iter().position(|id| *id == asked.task_id)).collect();
        let expected: Vec<_> = (1..61).map(Some).collect();
        assert_eq!(order, expected, "{driver:?}");
    }
}

/// A failed extra poll waits for a token; an extra poll that is due a moment later needs none.
#[cfg(feature = "callback")]
#[tokio::test(start_paused = true)]
async fn notification_within_a_second_releases_held_repeat() {
    for driver in Driver::BOTH {
        let simulator = Simulator::new();
        let ids = endless(&simulator, 20);
        let client = builder(&simulator).schedule(Schedule::every(secs(300)).no_max_wait()).build().unwrap();
        simulator.inject(Fault::status(500).always());
        // No tokens are left.
        let others = driver.spawn(&client, &ids[1..]);
        let _watch = driver.spawn(&client, &ids[..1]);
        sleep(secs(6)).await;
        others.abort();
        let of_first = || {
            let requests = simulator.requests();
            requests.iter().filter(|asked| asked.task_id == ids[0]).map(|asked| asked.at).collect::<Vec<_>>()
        };
        let before = of_first().len();
        client.poll_now(&ids[0]);
        sleep(ms(20)).await;
        assert_eq!(of_first().len(), before + 1, "{driver:?}");
        // Its repeat is due after half a second to a few seconds.
        let at = *of_first().last().unwrap();
        for _ in 0..19 {
            sleep(ms(50)).await;
            client.poll_now(&ids[0]);
        }
        sleep(secs(60)).await;
        let next = of_first().get(before + 1).copied();
        assert!(next.is_some_and(|next| next <= at + ms(1_300)), "{driver:?} {at:?} {next:?} {:?}", of_first());
    }
}

/// The consumer goes away while the final poll waits for its permit.
#[tokio::test(start_paused = true)]
async fn consumer_away_in_queue_of_final_poll_gets_it() {
    for driver in Driver::BOTH {
        for left_at in [99, 101] {
            let simulator = slow_simulator(secs(15));
            let ids = endless(&simulator, 2);
            let client = builder(&simulator).schedule(Schedule::every(secs(50)).max_wait(secs(100))).max_in_flight(1);
            let client = client.build().unwrap();
            let mut events = driver.events(&client, &ids[..1]);
            let start = Instant::now();
            progress(events.next().await); // at 15 s
            progress(events.next().await); // at 80 s
            sleep(secs(17)).await;
            let other = tokio::spawn({
                let (client, id) = (client.clone(), ids[1].clone());
                async move {
                    for _ in 0..2 {
                        drop(client.status(&id).await);
                    }
                }
            });
            sleep(ms(1)).await;
            assert!(timeout(secs(left_at) - start.elapsed(), events.next()).await.is_err());
            other.await.unwrap();
            sleep(secs(200)).await;
            let rest: Vec<_> = events.collect().await;
            let Some(StatusEvent::GaveUp(error)) = rest.last() else { panic!("{rest:?}") };
            let last = simulator.requests().iter().filter(|asked| asked.task_id == ids[0]).map(|asked| asked.at).max();
            assert!(last > Some(secs(100)), "{driver:?} left at {left_at}: {last:?} {error}");
        }
    }
}

/// A client that was used on another clock.
#[test]
fn pace_of_another_clock_holds_no_request() {
    let simulator = Simulator::new();
    let ids = endless(&simulator, 1);
    let client = builder(&simulator).rate_limit(RateLimit::per(2, ms(100))).build().unwrap();
    let paused = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    paused.block_on(async {
        advance(secs(3_600)).await;
        for _ in 0..5 {
            client.status(&ids[0]).await.unwrap();
        }
    });
    let real = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = real.block_on(async { timeout(ms(1_500), client.status(&ids[0])).await });
    assert!(answer.is_ok());
}

/// A repeat that waits for a token is not due when the cooldown is over.
#[tokio::test(start_paused = true)]
async fn held_back_repeat_says_when_it_is_due() {
    for driver in Driver::BOTH {
        let simulator = Simulator::new();
        let ids = endless(&simulator, 32);
        let client = builder(&simulator).schedule(Schedule::every(secs(300)).no_max_wait()).build().unwrap();
        simulator.inject(Fault::status(429).retry_after("3").only(&ids[31]).always());
        simulator.inject(Fault::status(500).always());
        let mut others = driver.events(&client, &ids[1..31]);
        drop(timeout(secs(3), async { while others.next().await.is_some() {} }).await);
        assert_eq!(client.limits().retries_left, 0);
        let mut events = driver.events(&client, &ids[..1]);
        let Some(StatusEvent::PollFailed(failure)) = events.next().await else { panic!() };
        assert_eq!(failure.next_poll_in, secs(300));
        client.status(&ids[31]).await.unwrap_err();
        let Some(StatusEvent::HeldBack(hold)) = events.next().await else { panic!() };
        let said = Instant::now() + hold.next_poll_in;
        events.next().await;
        drop(others);
        let late = Instant::now().saturating_duration_since(said);
        assert!(late <= secs(2), "{driver:?}: said {:?}, and came {late:?} later", hold.next_poll_in);
    }
}

/// Absent consumers with requests in flight right after the start.
#[tokio::test(start_paused = true)]
async fn two_absent_requests_hold_no_present_one() {
    let simulator = slow_simulator(ms(100));
    let ids = endless(&simulator, 4);
    let client = builder(&simulator).build().unwrap();
    client.status(&ids[0]).await.unwrap();
    let mut left: Vec<_> = ids[1..3].iter().map(|id| client.watch(id)).collect();
    for watch in &mut left {
        assert!(watch.next().now_or_never().is_none());
    }
    let start = Instant::now();
    client.status(&ids[3]).await.unwrap();
    assert!(start.elapsed() <= secs(2), "{:?} {:?}", start.elapsed(), asked_at(&simulator));
    open_window(&simulator, &client, 4, ms(100)).await;
}

/// In the pause before the repeat, which needs a token. The gateway answers again.
#[cfg(feature = "callback")]
#[tokio::test(start_paused = true)]
async fn notification_before_held_repeat_is_kept() {
    for driver in Driver::BOTH {
        for after in [100, 300, 480] {
            let simulator = Simulator::new();
            let ids = endless(&simulator, 200);
            let client = builder(&simulator).schedule(Schedule::every(secs(300)).no_max_wait()).build().unwrap();
            simulator.inject(Fault::status(500).always());
            let _others = driver.spawn(&client, &ids[1..]);
            let _watch = driver.spawn(&client, &ids[..1]);
            sleep(secs(60)).await;
            let of_first = || {
                let requests = simulator.requests();
                requests.iter().filter(|asked| asked.task_id == ids[0]).map(|asked| asked.at).collect::<Vec<_>>()
            };
            client.poll_now(&ids[0]);
            sleep(ms(20)).await;
            let (before, at) = (of_first().len(), *of_first().last().unwrap());
            assert!(at >= secs(60));
            sleep(ms(after)).await;
            client.poll_now(&ids[0]);
            sleep(secs(100)).await;
            let next = of_first().get(before).copied();
            assert!(next.is_some_and(|next| next <= at + secs(3)), "{driver:?} {after} {at:?} {next:?}");
        }
    }
}

//! The limits of a client: requests per period, and requests in flight.

use std::collections::HashMap;
use std::time::Duration;

use futures::future::join_all;
use futures::stream::select_all;
use futures::{FutureExt, StreamExt};
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{ErrorKind, RateLimit, Schedule, StatusEvent, TaskId};
use tokio::time::{Instant, sleep, timeout};

use crate::support::driver::Driver;
use crate::support::in_memory::{asked_at, builder, endless, gave_up, most_within, ms, progress, secs, slow_simulator};

#[tokio::test(start_paused = true)]
async fn rate_limit_holds_in_every_window() {
    let simulator = slow_simulator(ms(130));
    let ids = endless(&simulator, 100);
    let client = builder(&simulator).rate_limit(RateLimit::per(20, secs(10))).build().unwrap();
    // A `WatchAll`, watches of a clone and single polls share one limit.
    let mut all = client.watch_all(&ids[..40]);
    let other = client.with_schedule(Schedule::every(secs(3))).unwrap();
    let mut alone = select_all(ids[40..80].iter().map(|id| other.watch(id)));
    let checks = join_all(ids[80..].iter().map(|id| client.status(id)));
    let counting = async {
        tokio::join!(all.by_ref().count(), alone.by_ref().count(), checks.map(|all| assert_eq!(all.len(), 20)))
    };
    assert!(timeout(secs(300), counting).await.is_err());
    let times = asked_at(&simulator);
    assert_eq!(most_within(&times, secs(10)), 20);
    assert!(times.len() >= 29 * 20, "the limit is not used: {}", times.len());
}

#[tokio::test(start_paused = true)]
async fn no_watch_starves_under_a_short_rate_limit() {
    let simulator = Simulator::new();
    let ids = endless(&simulator, 60);
    let client = builder(&simulator).rate_limit(RateLimit::per(2, secs(1))).build().unwrap();
    let mut all = select_all(ids.iter().map(|id| client.watch(id)));
    assert!(timeout(secs(600), all.by_ref().count()).await.is_err());
    let mut last: HashMap<TaskId, Duration> = HashMap::new();
    let mut longest = Duration::ZERO;
    for request in simulator.requests() {
        if let Some(before) = last.insert(request.task_id, request.at) {
            longest = longest.max(request.at - before);
        }
    }
    // 60 watches at 30 s need 2 requests per second, which is the limit.
    assert_eq!(last.len(), 60);
    assert!(longest <= secs(62), "{longest:?}");
    let counts = ids.iter().map(|id| simulator.requests().iter().filter(|request| request.task_id == *id).count());
    let counts: Vec<_> = counts.collect();
    let spread = counts.iter().max().unwrap() - counts.iter().min().unwrap();
    assert!(spread <= 6, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn waiters_are_served_in_order() {
    let simulator = Simulator::new();
    let ids = endless(&simulator, 30);
    let client = builder(&simulator).rate_limit(RateLimit::per(1, secs(1))).build().unwrap();
    let order = join_all(ids.iter().map(|id| client.status(id)));
    order.await.into_iter().for_each(|task| assert!(task.is_ok()));
    let requests = simulator.requests();
    let asked: Vec<_> = requests.iter().map(|request| request.task_id.clone()).collect();
    assert_eq!(asked, ids);
    assert_eq!(asked_at(&simulator), (0..30).map(secs).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn dropped_waiter_gives_its_place_to_the_next() {
    let simulator = Simulator::new();
    let ids = endless(&simulator, 12);
    let client = builder(&simulator).rate_limit(RateLimit::per(1, secs(10))).build().unwrap();
    client.status(&ids[0]).await.unwrap();
    let mut waiting: Vec<_> = ids[1..].iter().map(|id| Some(Box::pin(client.status(id)))).collect();
    for check in waiting.iter_mut().flatten() {
        assert!(check.as_mut().now_or_never().is_none());
    }
    // The first waiter, some in the middle, and the last.
    for dropped in [0, 3, 4, 5, 10] {
        waiting[dropped] = None;
    }
    join_all(waiting.into_iter().flatten()).await.into_iter().for_each(|task| assert!(task.is_ok()));
    assert_eq!(asked_at(&simulator), (0..7).map(|number| secs(10 * number)).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn max_in_flight_bounds_all_requests_together() {
    for (most, unset) in [(3, false), (256, true)] {
        let simulator = slow_simulator(secs(1));
        let ids = endless(&simulator, 700);
        let builder = builder(&simulator);
        let client = if unset { builder } else { builder.max_in_flight(most) }.build().unwrap();
        let mut all = client.watch_all(&ids[..350]);
        let mut alone = select_all(ids[350..].iter().map(|id| client.watch(id)));
        let counting = async { tokio::join!(all.by_ref().count(), alone.by_ref().count()) };
        assert!(timeout(secs(20), counting).await.is_err());
        // Each is in flight for a second.
        let times = asked_at(&simulator);
        let reached = most_within(&times, secs(1));
        assert!((most * 9 / 10..=most).contains(&reached), "{reached} of {most}");
        assert!(times.len() >= (most * 19).min(700), "{}", times.len());
    }
}

#[tokio::test(start_paused = true)]
async fn unpolled_watch_holds_others_one_request_timeout() {
    let simulator = slow_simulator(ms(100));
    let ids = endless(&simulator, 4);
    let client = builder(&simulator).max_in_flight(1).request_timeout(secs(5)).build().unwrap();
    let mut left_in_flight = client.watch(&ids[0]);
    assert!(left_in_flight.next().now_or_never().is_none());
    let mut left_in_queue = client.watch(&ids[1]);
    assert!(left_in_queue.next().now_or_never().is_none());
    let start = Instant::now();
    let mut polled = client.watch(&ids[2]);
    progress(polled.next().await);
    let waited = start.elapsed();
    assert!(waited >= secs(5) && waited <= secs(13), "{waited:?}");
    // A waiter that comes back late still gets a permit.
    progress(left_in_queue.next().await);
    assert_eq!(simulator.requests().len(), 3);
    drop(left_in_flight);
    client.status(&ids[3]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn dropped_watch_frees_its_permit_or_queue_place() {
    let simulator = slow_simulator(secs(3));
    let ids = endless(&simulator, 4);
    let client = builder(&simulator).max_in_flight(1).build().unwrap();
    let mut watches: Vec<_> = ids.iter().map(|id| client.watch(id)).collect();
    for watch in &mut watches {
        assert!(watch.next().now_or_never().is_none());
    }
    let mut last = watches.pop().unwrap();
    drop(watches); // one in flight, two in the queue
    let start = Instant::now();
    progress(last.next().await);
    assert_eq!((start.elapsed(), simulator.requests().len()), (secs(3), 2));
}

#[tokio::test(start_paused = true)]
async fn watch_all_with_nothing_to_poll_leaves_queue() {
    for drained in [false, true] {
        let simulator = slow_simulator(secs(3));
        let ids = endless(&simulator, 3);
        let client = builder(&simulator).max_in_flight(1).build().unwrap();
        let mut first = client.watch(&ids[0]);
        assert!(first.next().now_or_never().is_none());
        let mut all = client.watch_all([&ids[1]]);
        assert!(all.next().now_or_never().is_none());
        let mut last = client.watch(&ids[2]);
        assert!(last.next().now_or_never().is_none());
        if drained {
            all.drain();
        } else {
            assert!(all.remove(&ids[1]) && all.push(&ids[1]) && all.remove(&ids[1]));
        }
        assert!(all.next().now_or_never().flatten().is_none());
        let start = Instant::now();
        tokio::join!(first.next(), last.next());
        assert_eq!(start.elapsed(), secs(6), "{drained}");
        assert!(simulator.requests().iter().all(|request| request.task_id != ids[1]));
    }
}

#[tokio::test(start_paused = true)]
async fn late_permit_leaves_only_the_remaining_timeout() {
    for driver in Driver::BOTH {
        let simulator = Simulator::new();
        let ids = endless(&simulator, 2);
        let client = builder(&simulator)
            .rate_limit(RateLimit::per(1, secs(12)))
            .schedule(Schedule::default().max_wait(secs(5)))
            .build()
            .unwrap();
        simulator.inject(Fault::stall().only(&ids[1]));
        client.status(&ids[0]).await.unwrap();
        let start = Instant::now();
        let events: Vec<_> = driver.events(&client, &ids[1..]).collect().await;
        // The deadline is at 5 s, the permit comes at 12 s, and no request outlives the deadline by more than 20 s.
        assert_eq!(events.iter().filter_map(gave_up).collect::<Vec<_>>(), [ErrorKind::Deadline]);
        assert_eq!((start.elapsed(), simulator.requests().len()), (secs(25), 2));
    }
}

#[test]
fn bad_limits_are_refused_with_the_reason() {
    let client = || builder(&Simulator::new());
    let build = |limit| client().rate_limit(limit).build().map(drop);
    for (result, said) in [
        (build(RateLimit::per(0, secs(10))), "0 requests"),
        (build(RateLimit::per(20, Duration::ZERO)), "period is zero"),
        (build(RateLimit::per(20, Duration::MAX)), "31 days"),
        (build(RateLimit::per(20, secs(1)).burst(0)), "burst is 0"),
        (build(RateLimit::per(20, secs(1)).burst(21)), "burst (21) is more than its requests per period (20)"),
        (client().max_in_flight(0).build().map(drop), "max_in_flight is 0"),
    ] {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(said), "{error}");
    }
    build(RateLimit::per(1, Duration::from_nanos(1))).unwrap();
    build(RateLimit::per(u32::MAX, secs(3600))).unwrap();
    build(RateLimit::per(20, secs(1)).burst(20)).unwrap();
}

#[tokio::test(start_paused = true)]
async fn client_within_gateway_limit_is_never_refused() {
    let limit = RateLimit::per(20, secs(10));
    let simulator = Simulator::new();
    simulator.rate_limit(limit);
    let ids: Vec<_> = (0..100).map(|n| simulator.add(SimulatedTask::new().generates_for(secs(100 + n)))).collect();
    let client = builder(&simulator).rate_limit(limit).build().unwrap();
    let ends = client.watch_all(&ids).filter(|(_, event)| std::future::ready(matches!(event, StatusEvent::Done(_))));
    assert_eq!(ends.count().await, 100);
    assert!(simulator.requests().iter().all(|request| request.status == Some(200)));
    // A client without the limit is refused.
    let careless = builder(&simulator).build().unwrap();
    sleep(secs(10)).await;
    let answers = join_all(ids.iter().map(|id| careless.status(id))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 20);
}

#[tokio::test(start_paused = true)]
async fn free_rate_limit_delays_no_waiter() {
    let simulator = slow_simulator(ms(10));
    let ids = endless(&simulator, 100);
    let limit = RateLimit::per(1_000, secs(3_600));
    let client = builder(&simulator).rate_limit(limit).max_in_flight(50).build().unwrap();
    assert!(timeout(secs(20), client.watch_all(&ids).count()).await.is_err());
    // The number in flight doubles with each round trip.
    assert!(asked_at(&simulator)[99] <= ms(80), "{:?}", asked_at(&simulator)[99]);
}

#[tokio::test(start_paused = true)]
async fn watch_all_with_slow_consumer_keeps_rate_limit() {
    for latency in [ms(0), ms(200)] {
        let simulator = slow_simulator(latency);
        let ids = endless(&simulator, 60);
        let client = builder(&simulator).rate_limit(RateLimit::per(20, secs(10))).build().unwrap();
        let mut all = client.watch_all(&ids);
        for _ in 0..100 {
            all.next().await.unwrap();
            sleep(ms(700)).await;
        }
        assert!(most_within(&asked_at(&simulator), secs(10)) <= 20);
    }
}

#[tokio::test(start_paused = true)]
async fn task_gets_equal_share_with_either_driver() {
    let simulator = Simulator::new();
    let ids = endless(&simulator, 140);
    let client = builder(&simulator).rate_limit(RateLimit::per(2, secs(1))).build().unwrap();
    let (mut big, mut small) = (client.watch_all(&ids[..100]), client.watch_all(&ids[100..110]));
    let mut alone = select_all(ids[110..].iter().map(|id| client.watch(id)));
    let all = async { tokio::join!(big.by_ref().count(), small.by_ref().count(), alone.by_ref().count()) };
    assert!(timeout(secs(850), all).await.is_err());
    let requests = simulator.requests();
    let each = |ids: &[TaskId]| {
        let polls = requests.iter().filter(|request| ids.contains(&request.task_id)).count();
        polls / ids.len()
    };
    let shares = [each(&ids[..100]), each(&ids[100..110]), each(&ids[110..])];
    assert!(shares.iter().all(|share| (11..=13).contains(share)), "{shares:?}");
}

#[tokio::test(start_paused = true)]
async fn absent_waiter_holds_the_next_for_one_second() {
    let simulator = slow_simulator(secs(1));
    let ids = endless(&simulator, 3);
    let client = builder(&simulator).max_in_flight(1).build().unwrap();
    let [mut first, mut away, mut last] = [0, 1, 2].map(|which| client.watch(&ids[which]));
    for watch in [&mut first, &mut away, &mut last] {
        assert!(watch.next().now_or_never().is_none());
    }
    let start = Instant::now();
    tokio::join!(first.next(), last.next());
    assert!(start.elapsed() <= secs(3) + ms(10), "{:?}", start.elapsed());
    // The absent waiter still gets a permit when it comes back.
    progress(away.next().await);
}

#[tokio::test(start_paused = true)]
async fn empty_id_takes_no_permit() {
    let simulator = Simulator::new();
    let id = simulator.add(SimulatedTask::new().never_ends());
    let client = builder(&simulator).rate_limit(RateLimit::per(1, secs(60))).build().unwrap();
    let start = Instant::now();
    assert_eq!(client.status("").await.unwrap_err().kind(), ErrorKind::InvalidRequest);
    client.status(&id).await.unwrap();
    assert_eq!(gave_up(&client.watch(" ").next().await.unwrap()), Some(ErrorKind::InvalidRequest));
    assert_eq!(gave_up(&client.watch_all([""]).next().await.unwrap().1), Some(ErrorKind::InvalidRequest));
    assert_eq!(start.elapsed(), secs(0));
}

#[tokio::test(start_paused = true)]
async fn limit_that_starts_used_up_waits_for_a_period() {
    let simulator = Simulator::new();
    let limit = RateLimit::per(4, secs(8)).starting_used_up();
    let client = builder(&simulator).rate_limit(limit).build().unwrap();
    let ids = endless(&simulator, 6);
    join_all(ids.iter().map(|id| client.status(id))).await;
    let asked: Vec<_> = asked_at(&simulator).iter().map(Duration::as_secs).collect();
    assert_eq!(asked, [8, 10, 12, 14, 16, 18]);
}

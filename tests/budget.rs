//! Who may ask when: the request budget, the bound on requests in flight, and the gate that one refusal closes for all.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::unchecked_time_subtraction)]

mod memory;

use std::collections::HashMap;
use std::time::Duration;

use futures::future::join_all;
use futures::stream::select_all;
use futures::{FutureExt, StreamExt};
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{Client, ClientBuilder, ErrorKind, RequestBudget, Schedule, StatusEvent, TaskId};
use memory::{asked_at, failure, gave_up, ms, progress, secs};
use tokio::time::{Instant, sleep, timeout};

fn builder(simulator: &Simulator) -> ClientBuilder {
    Client::builder("test-key").simulator(simulator)
}

fn endless(simulator: &Simulator, count: usize) -> Vec<TaskId> {
    (0..count).map(|_| simulator.add(SimulatedTask::new().never_ends())).collect()
}

/// The most requests that came within any stretch of this length.
fn most_within(times: &[Duration], period: Duration) -> usize {
    let within = |start: &Duration| times.iter().filter(|at| *at >= start && **at < *start + period).count();
    times.iter().map(within).max().unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn the_budget_holds_in_every_window_and_is_used_up() {
    let simulator = Simulator::new().latency(ms(130));
    let ids = endless(&simulator, 100);
    let client = builder(&simulator).request_budget(RequestBudget::per(20, secs(10))).build().unwrap();
    // A fleet, single watches, a clone's and single checks, all within one budget.
    let mut fleet = client.watch_all(&ids[..40]);
    let other = client.with_schedule(Schedule::every(secs(3))).unwrap();
    let mut alone = select_all(ids[40..80].iter().map(|id| other.watch(id)));
    let checks = join_all(ids[80..].iter().map(|id| client.status(id)));
    let all = async {
        tokio::join!(fleet.by_ref().count(), alone.by_ref().count(), checks.map(|all| assert_eq!(all.len(), 20)))
    };
    assert!(timeout(secs(300), all).await.is_err());
    let times = asked_at(&simulator);
    assert_eq!(most_within(&times, secs(10)), 20);
    assert!(times.len() >= 29 * 20, "the budget is not used: {}", times.len());
}

#[tokio::test(start_paused = true)]
async fn nobody_starves_and_turns_go_round() {
    let simulator = Simulator::new();
    let ids = endless(&simulator, 60);
    let client = builder(&simulator).request_budget(RequestBudget::per(2, secs(1))).build().unwrap();
    let mut all = select_all(ids.iter().map(|id| client.watch(id)));
    assert!(timeout(secs(600), all.by_ref().count()).await.is_err());
    let mut last: HashMap<TaskId, Duration> = HashMap::new();
    let mut longest = Duration::ZERO;
    for request in simulator.requests() {
        if let Some(before) = last.insert(request.task_id, request.at) {
            longest = longest.max(request.at - before);
        }
    }
    // 60 watches at 2 per second are asked about each 30 s: there is just enough for all.
    assert_eq!(last.len(), 60);
    assert!(longest <= secs(62), "{longest:?}");
    let counts = ids.iter().map(|id| simulator.requests().iter().filter(|request| request.task_id == *id).count());
    let counts: Vec<_> = counts.collect();
    let spread = counts.iter().max().unwrap() - counts.iter().min().unwrap();
    assert!(spread <= 6, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn first_come_first_served() {
    let simulator = Simulator::new();
    let ids = endless(&simulator, 30);
    let client = builder(&simulator).request_budget(RequestBudget::per(1, secs(1))).build().unwrap();
    let order = join_all(ids.iter().map(|id| client.status(id)));
    order.await.into_iter().for_each(|task| assert!(task.is_ok()));
    let requests = simulator.requests();
    let asked: Vec<_> = requests.iter().map(|request| request.task_id.clone()).collect();
    assert_eq!(asked, ids);
    assert_eq!(asked_at(&simulator), (0..30).map(secs).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_is_dropped_gives_its_turn_to_the_next() {
    let simulator = Simulator::new();
    let ids = endless(&simulator, 12);
    let client = builder(&simulator).request_budget(RequestBudget::per(1, secs(10))).build().unwrap();
    client.status(&ids[0]).await.unwrap();
    let mut waiting: Vec<_> = ids[1..].iter().map(|id| Some(Box::pin(client.status(id)))).collect();
    for check in waiting.iter_mut().flatten() {
        assert!(check.as_mut().now_or_never().is_none());
    }
    // The first, some in the middle, and the last.
    for dropped in [0, 3, 4, 5, 10] {
        waiting[dropped] = None;
    }
    join_all(waiting.into_iter().flatten()).await.into_iter().for_each(|task| assert!(task.is_ok()));
    assert_eq!(asked_at(&simulator), (0..7).map(|turn| secs(10 * turn)).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn requests_in_flight_are_bounded_for_all_together() {
    for (most, unset) in [(3, false), (256, true)] {
        let simulator = Simulator::new().latency(secs(1));
        let ids = endless(&simulator, 700);
        let builder = builder(&simulator);
        let client = if unset { builder } else { builder.max_in_flight(most) }.build().unwrap();
        let mut fleet = client.watch_all(&ids[..350]);
        let mut alone = select_all(ids[350..].iter().map(|id| client.watch(id)));
        let all = async { tokio::join!(fleet.by_ref().count(), alone.by_ref().count()) };
        assert!(timeout(secs(20), all).await.is_err());
        // Each is in flight for a second.
        let times = asked_at(&simulator);
        assert_eq!(most_within(&times, secs(1)), most);
        assert!(times.len() >= (most * 19).min(700), "{}", times.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_nobody_polls_holds_up_the_others_for_one_request_timeout_at_most() {
    let simulator = Simulator::new().latency(ms(100));
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
    // Those who come back late find their place again.
    progress(left_in_queue.next().await);
    assert_eq!(simulator.requests().len(), 3);
    drop(left_in_flight);
    client.status(&ids[3]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_watch_dropped_in_flight_or_in_the_queue_makes_room() {
    let simulator = Simulator::new().latency(secs(3));
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
async fn a_fleet_that_needs_no_turn_any_more_leaves_the_queue() {
    for drained in [false, true] {
        let simulator = Simulator::new().latency(secs(3));
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
async fn one_refusal_closes_the_gate_for_all_then_one_probes_and_the_rest_follow_apart() {
    for fleet in [false, true] {
        for (fault, period) in [
            (Fault::status(429).retry_after("40"), 40),
            (Fault::code(429, "slow down"), 30),
            (Fault::code(455, "maintenance").retry_after("7"), 7),
            (Fault::status(503), 30),
        ] {
            let simulator = Simulator::new().latency(ms(200));
            let ids = endless(&simulator, 200);
            let client = builder(&simulator).max_in_flight(1).build().unwrap();
            simulator.inject(fault.times(3));
            let mut alone = select_all(ids.iter().map(|id| client.watch(id)));
            let mut all = client.watch_all(&ids);
            let events = if fleet {
                timeout(secs(4 * period), all.by_ref().count()).await
            } else {
                timeout(secs(4 * period), alone.by_ref().count()).await
            };
            assert!(events.is_err());
            let times = asked_at(&simulator);
            // Three refusals, one for each period, the fourth request a probe that is answered.
            for refused in 1..4 {
                let gap = times[refused] - times[refused - 1];
                assert!(gap >= secs(period) + ms(200) && gap <= secs(period) + ms(205), "{fleet} {period}: {times:?}");
            }
            let after: Vec<_> = times[4..].iter().map(|at| *at - times[3]).collect();
            assert!(after.len() > 10, "{fleet} {period}: {after:?}");
            assert!(most_within(&times[4..], ms(190)) <= 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_waited_at_the_gate_follow_over_some_seconds() {
    for fleet in [false, true] {
        let simulator = Simulator::new().latency(ms(50));
        let ids = endless(&simulator, 1_000);
        let client = builder(&simulator).build().unwrap();
        client.status(&ids[0]).await.unwrap();
        simulator.inject(Fault::status(429).retry_after("20"));
        assert_eq!(client.status(&ids[0]).await.unwrap_err().kind(), ErrorKind::RateLimited);
        let before = simulator.requests().len();
        let mut alone = select_all(ids.iter().map(|id| client.watch(id)));
        let mut all = client.watch_all(&ids);
        let until = Instant::now() + secs(32);
        if fleet {
            assert!(tokio::time::timeout_at(until, all.by_ref().count()).await.is_err());
        } else {
            assert!(tokio::time::timeout_at(until, alone.by_ref().count()).await.is_err());
        }
        let times = asked_at(&simulator).split_off(before);
        let start = times[0];
        assert!(start >= secs(20) && times[1] > start + ms(50), "{fleet}: {times:?}");
        // All of them within 10 s, and in each second about as many: half of the time is for those who come later.
        let firsts: Vec<_> = times.iter().take(1_000).map(|at| *at - start).collect();
        assert!(*firsts.last().unwrap() <= secs(10), "{:?}", firsts.last());
        assert!(most_within(&firsts, secs(1)) <= 215, "{fleet}: {}", most_within(&firsts, secs(1)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_dropped_makes_room_for_another() {
    let simulator = Simulator::new().latency(secs(1));
    let ids = endless(&simulator, 2);
    let client = builder(&simulator).build().unwrap();
    simulator.inject(Fault::status(429).retry_after("10"));
    let mut first = client.watch(&ids[0]);
    failure(first.next().await);
    let mut second = client.watch(&ids[1]);
    let both = async { tokio::join!(first.next(), second.next()) };
    assert!(timeout(ms(10_500), both).await.is_err());
    assert_eq!(simulator.requests().len(), 2, "the probe is in flight");
    assert_eq!(simulator.requests()[1].task_id, ids[1], "of the one who came first");
    let (first, mut second) = (second, first);
    let start = Instant::now();
    drop(first);
    progress(second.next().await);
    assert_eq!((start.elapsed(), simulator.requests().len()), (secs(1), 3));
}

#[tokio::test(start_paused = true)]
async fn a_single_check_is_asked_at_a_closed_gate_too() {
    let simulator = Simulator::new();
    let ids = endless(&simulator, 2);
    let client = builder(&simulator).request_budget(RequestBudget::per(2, secs(5))).build().unwrap();
    simulator.inject(Fault::status(429).retry_after("60"));
    let mut watch = client.watch(&ids[0]);
    failure(watch.next().await);
    let mut held_up = client.watch(&ids[1]);
    assert!(held_up.next().now_or_never().is_none());
    client.status(&ids[0]).await.unwrap();
    // Within the budget, though.
    let start = Instant::now();
    client.status(&ids[0]).await.unwrap();
    assert_eq!(start.elapsed(), secs(5));
    // Its answer does not open the gate before the time.
    assert!(timeout(secs(50), held_up.next()).await.is_err());
    progress(held_up.next().await);
    assert_eq!(asked_at(&simulator), [0, 0, 5, 60].map(secs));
}

#[tokio::test(start_paused = true)]
async fn at_a_closed_gate_one_last_look_is_let_through_and_the_others_say_why_there_was_none() {
    for fleet in [false, true] {
        let simulator = Simulator::new();
        let ids = endless(&simulator, 5);
        let client =
            builder(&simulator).schedule(Schedule::default().max_wait(secs(100))).max_in_flight(1).build().unwrap();
        simulator.inject(Fault::status(429).retry_after("3600").times(2));
        let start = Instant::now();
        let ends: Vec<_> = if fleet {
            client.watch_all(&ids).map(|(_, event)| event).collect().await
        } else {
            select_all(ids.iter().map(|id| client.watch(id))).collect().await
        };
        let ends: Vec<_> = ends.into_iter().filter(StatusEvent::is_terminal).collect();
        assert!(ends.iter().all(|event| gave_up(event) == Some(ErrorKind::Deadline)), "{ends:?}");
        let texts: Vec<_> =
            ends.iter().map(|end| serde_json::to_value(end).unwrap()["error"]["message"].clone()).collect();
        let unasked = texts.iter().filter(|text| text.as_str().unwrap().contains("no last look")).count();
        assert_eq!((ends.len(), unasked), (5, 4), "{texts:?}");
        assert_eq!(asked_at(&simulator), [0, 100].map(secs));
        assert_eq!(start.elapsed(), secs(120), "they wait for a turn no longer than for an answer");
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_comes_late_leaves_the_request_only_the_rest_of_its_time() {
    for fleet in [false, true] {
        let simulator = Simulator::new();
        let ids = endless(&simulator, 2);
        let client = builder(&simulator)
            .request_budget(RequestBudget::per(1, secs(12)))
            .schedule(Schedule::default().max_wait(secs(5)))
            .build()
            .unwrap();
        simulator.inject(Fault::stall().only(&ids[1]));
        client.status(&ids[0]).await.unwrap();
        let start = Instant::now();
        let events: Vec<_> = if fleet {
            client.watch_all([&ids[1]]).map(|(_, event)| event).collect().await
        } else {
            client.watch(&ids[1]).collect().await
        };
        // The deadline is at 5 s, its turn at 12 s, and no request outlives the deadline by more than 20 s.
        assert_eq!(events.iter().filter_map(gave_up).collect::<Vec<_>>(), [ErrorKind::Deadline]);
        assert_eq!((start.elapsed(), simulator.requests().len()), (secs(25), 2));
    }
}

#[test]
fn limits_that_make_no_sense_are_refused_with_the_reason() {
    let build = |budget| Client::builder("key").request_budget(budget).build().map(drop);
    for (result, said) in [
        (build(RequestBudget::per(0, secs(10))), "0 requests"),
        (build(RequestBudget::per(20, Duration::ZERO)), "period is zero"),
        (build(RequestBudget::per(20, Duration::MAX)), "over a month"),
        (Client::builder("key").max_in_flight(0).build().map(drop), "max_in_flight is 0"),
    ] {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(said), "{error}");
    }
    build(RequestBudget::per(1, Duration::from_nanos(1))).unwrap();
    build(RequestBudget::per(u32::MAX, secs(3600))).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_rate_limited_gateway_refuses_nobody_who_keeps_the_budget() {
    let limit = RequestBudget::per(20, secs(10));
    let simulator = Simulator::new().rate_limit(limit);
    let ids: Vec<_> = (0..100).map(|n| simulator.add(SimulatedTask::new().generates_for(secs(100 + n)))).collect();
    let client = builder(&simulator).request_budget(limit).build().unwrap();
    let ends = client.watch_all(&ids).filter(|(_, event)| std::future::ready(matches!(event, StatusEvent::Done(_))));
    assert_eq!(ends.count().await, 100);
    assert!(simulator.requests().iter().all(|request| request.status == Some(200)));
    // And one that does not is refused.
    let careless = builder(&simulator).build().unwrap();
    sleep(secs(10)).await;
    let answers = join_all(ids.iter().map(|id| careless.status(id))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 20);
}

//! A callback, or whoever knows something, lets the running watches of a task poll at once; and that is all it can do.

use futures::stream::{BoxStream, FuturesUnordered, select_all};
use futures::{FutureExt, StreamExt};
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{Callback, Client, ErrorKind, RateLimit, Schedule, StatusEvent, TaskId};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use crate::support::in_memory::{asked_at, builder, endless, gateway, most_within, ms, progress, secs};

fn callback(id: &TaskId) -> Callback {
    Callback::parse(format!(r#"{{"code":200,"data":{{"taskId":"{id}"}}}}"#).as_bytes()).unwrap()
}

/// Watches in the background, in a fleet or each task alone, and gives the events when all have ended.
fn watch(client: &Client, ids: &[TaskId], fleet: bool) -> JoinHandle<Vec<StatusEvent>> {
    let events: BoxStream<'static, StatusEvent> = if fleet {
        client.watch_all(ids).map(|(_, event)| event).boxed()
    } else {
        select_all(ids.iter().map(|id| client.watch(id))).boxed()
    };
    tokio::spawn(events.collect())
}

/// Runs a scenario with either driver.
async fn both<F: Future<Output = ()>>(scenario: impl Fn(bool) -> F) {
    for fleet in [false, true] {
        scenario(fleet).await;
    }
}

/// In seconds from the first request.
fn seconds(simulator: &Simulator) -> Vec<f64> {
    let asked = asked_at(simulator);
    asked.iter().map(|at| (*at - asked[0]).as_secs_f64()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_callback_ends_the_pause_and_the_watch_ends_with_the_record() {
    both(|fleet| async move {
        let task = SimulatedTask::new().generates_for(secs(40));
        let (simulator, client, id) = gateway(task, Schedule::every(secs(120)));
        let events = watch(&client, std::slice::from_ref(&id), fleet);
        sleep(secs(41)).await;
        assert_eq!(client.notify(&callback(&id)), 1);
        let events = events.await.unwrap();
        assert!(matches!(events.as_slice(), [StatusEvent::Generating(_), StatusEvent::Done(_)]), "{events:?}");
        assert_eq!(seconds(&simulator), [0.0, 41.0]);
        assert_eq!(client.notify(&callback(&id)), 0, "after the end");
        sleep(secs(300)).await;
        assert_eq!(simulator.requests().len(), 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_it_says_is_not_believed_and_the_schedule_goes_on_as_if_it_had_not_been() {
    both(|fleet| async move {
        for (schedule, planned) in [
            (Schedule::every(secs(30)), [0.0, 30.0, 60.0, 90.0, 100.0]),
            (Schedule::exponential(secs(10), secs(60)).multiplier(2.0), [0.0, 10.0, 30.0, 70.0, 100.0]),
        ] {
            let task = SimulatedTask::new().never_ends();
            let (simulator, client, id) = gateway(task, schedule.max_wait(secs(100)));
            let start = Instant::now();
            let events = watch(&client, std::slice::from_ref(&id), fleet);
            for at in [3, 33, 44, 72] {
                sleep_until(start + secs(at)).await;
                assert_eq!(client.notify(&callback(&id)), 1);
            }
            let events = events.await.unwrap();
            let told = events.iter().filter(|event| matches!(event, StatusEvent::Generating(_))).count();
            assert_eq!(told, events.len() - 1, "{events:?}");
            let mut all = [planned.as_slice(), &[3.0, 33.0, 44.0, 72.0]].concat();
            all.sort_by(f64::total_cmp);
            assert_eq!(seconds(&simulator), all);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_pause_to_the_planned_poll_is_told() {
    let (_simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::default());
    let mut watch = client.watch(&id);
    assert_eq!(progress(watch.next().await).next_poll_in, secs(30));
    assert!(watch.next().now_or_never().is_none());
    sleep(secs(10)).await;
    client.poll_now(&id);
    let extra = progress(watch.next().await);
    assert_eq!((extra.polls, extra.elapsed, extra.next_poll_in), (2, secs(10), secs(20)));
    assert_eq!(progress(watch.next().await).elapsed, secs(30));
}

#[tokio::test(start_paused = true)]
async fn none_one_and_many_are_counted_wherever_they_run() {
    let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::every(secs(3600)));
    let other = simulator.add(SimulatedTask::new().never_ends());
    let clone = client.with_schedule(Schedule::every(secs(1800)).no_max_wait()).unwrap();
    assert_eq!(client.poll_now(&id), 0, "none runs");
    let unpolled = client.watch(&id);
    let mut running: FuturesUnordered<_> =
        [&client, &clone].map(|client| watch(client, std::slice::from_ref(&id), false)).into_iter().collect();
    let fleet = watch(&client, &[id.clone(), other.clone()], true);
    let shared = client.watch(&id).shared();
    let readers = [shared.clone(), shared].map(|reader| tokio::spawn(reader.count()));
    sleep(secs(1)).await;
    let before = simulator.requests().len();
    assert_eq!(before, 5, "two watches, a fleet of two tasks, one shared watch");
    assert_eq!((client.poll_now(&id), clone.poll_now(&other)), (4, 1));
    sleep(secs(1)).await;
    assert_eq!(simulator.requests().len(), before + 5);
    let elsewhere = Client::builder("test-key").simulator(&simulator).build().unwrap();
    assert_eq!((elsewhere.poll_now(&id), client.poll_now(&TaskId::from("unknown"))), (0, 0));
    drop(unpolled);
    running.iter().for_each(JoinHandle::abort);
    while running.next().await.is_some() {}
    assert_eq!(client.poll_now(&id), 2);
    fleet.abort();
    assert!(fleet.await.is_err());
    assert_eq!((client.poll_now(&id), client.poll_now(&other)), (1, 0));
    for reader in readers {
        reader.abort();
        assert!(reader.await.is_err());
    }
    assert_eq!(client.poll_now(&id), 0);
}

#[tokio::test(start_paused = true)]
async fn a_ring_while_a_request_is_in_flight_is_answered_by_another_request() {
    both(|fleet| async move {
        let task = SimulatedTask::new().generates_for(ms(200));
        let (simulator, client, id) = gateway(task, Schedule::every(secs(120)));
        simulator.latency(ms(400)); // of the record as it was when the request came
        let events = watch(&client, std::slice::from_ref(&id), fleet);
        sleep(ms(300)).await;
        assert_eq!(client.notify(&callback(&id)), 1);
        assert_eq!(events.await.unwrap().len(), 2);
        assert_eq!(seconds(&simulator), [0.0, 0.4]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_ring_before_the_request_goes_out_needs_no_other() {
    both(|fleet| async move {
        let simulator = Simulator::new();
        let client = builder(&simulator).rate_limit(RateLimit::per(1, secs(10))).build().unwrap();
        let ids = endless(&simulator, 2);
        let _events = watch(&client, &ids, fleet);
        sleep(secs(5)).await;
        // The second waits for its turn.
        assert_eq!(simulator.requests().len(), 1);
        assert_eq!(client.poll_now(&ids[1]), 1);
        sleep(secs(24)).await;
        assert_eq!(seconds(&simulator), [0.0, 10.0]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_flood_makes_one_request_per_second() {
    both(|fleet| async move {
        let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::every(secs(600)));
        let _events = watch(&client, std::slice::from_ref(&id), fleet);
        sleep(secs(60)).await;
        for _ in 0..1_000 {
            assert_eq!(client.notify(&callback(&id)), 1);
            sleep(ms(10)).await;
        }
        sleep(secs(60)).await;
        let flood = &asked_at(&simulator)[1..];
        assert_eq!(flood.len(), 11, "the first ring at once, the last not lost");
        assert_eq!(most_within(flood, secs(1)), 1, "{flood:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_comes_too_early_is_remembered_for_a_minute() {
    both(|fleet| async move {
        for (before, expected) in [(59, [0.0, 120.0]), (61, [120.0, 240.0])] {
            let schedule = Schedule::every(secs(120)).first_poll_after(secs(120));
            let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), schedule);
            let other = simulator.add(SimulatedTask::new().never_ends());
            assert_eq!(client.notify(&callback(&id)), 0);
            assert_eq!(client.poll_now(&other), 0);
            sleep(secs(before)).await;
            let start = Instant::now();
            let events = watch(&client, &[id.clone(), other], fleet);
            sleep(secs(250)).await;
            events.abort();
            let mine = simulator.requests().into_iter().filter(|request| request.task_id == id);
            let asked: Vec<_> = mine.map(|request| (request.at - secs(before)).as_secs_f64()).collect();
            assert_eq!(asked[..2], expected, "{before} s before {start:?}");
            assert!(
                simulator
                    .requests()
                    .iter()
                    .filter(|request| request.task_id != id)
                    .all(|request| request.at >= secs(120))
            );
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_budget_holds() {
    both(|fleet| async move {
        let simulator = Simulator::new();
        let budget = RateLimit::per(4, secs(10));
        let client = builder(&simulator).schedule(Schedule::every(secs(600))).rate_limit(budget).build().unwrap();
        let ids = endless(&simulator, 12);
        let _events = watch(&client, &ids, fleet);
        sleep(secs(100)).await;
        let reached: usize = ids.iter().map(|id| client.notify(&callback(id))).sum();
        assert_eq!((reached, simulator.requests().len()), (12, 12));
        sleep(secs(100)).await;
        assert_eq!(simulator.requests().len(), 24);
        assert_eq!(most_within(&asked_at(&simulator), secs(10)), 4);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_closed_gate_and_a_retry_after_hold() {
    both(|fleet| async move {
        for fault in [Fault::status(429), Fault::status(500)] {
            let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::every(secs(600)));
            simulator.inject(fault.retry_after("40"));
            let _events = watch(&client, std::slice::from_ref(&id), fleet);
            for _ in 0..30 {
                sleep(secs(1)).await;
                assert_eq!(client.poll_now(&id), 1);
            }
            sleep(secs(60)).await;
            assert_eq!(seconds(&simulator), [0.0, 40.0]);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_pause_after_a_failed_poll_is_cut_too_and_a_failed_extra_poll_is_repeated() {
    both(|fleet| async move {
        let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::every(secs(600)));
        simulator.inject(Fault::status(500).times(8));
        let _events = watch(&client, std::slice::from_ref(&id), fleet);
        sleep(secs(100)).await; // seven or so, the next pause is over half a minute
        let before = simulator.requests().len();
        client.poll_now(&id);
        sleep(ms(1)).await;
        assert_eq!(simulator.requests().len(), before + 1);

        let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::every(secs(600)));
        simulator.inject(Fault::status(500).after(1));
        let _events = watch(&client, std::slice::from_ref(&id), fleet);
        sleep(secs(100)).await;
        client.poll_now(&id);
        sleep(secs(2)).await;
        assert_eq!(simulator.requests().len(), 3);
    })
    .await;
}

/// A forged one comes just before the deadline, and is answered after it.
#[tokio::test(start_paused = true)]
async fn the_last_look_is_not_lost_to_a_poll_beside_the_schedule() {
    both(|fleet| async move {
        for (rung_at, latency) in [(99_900, ms(400)), (92_000, secs(9))] {
            let task = SimulatedTask::new().generates_for(ms(99_950));
            let (simulator, client, id) = gateway(task, Schedule::every(secs(30)).max_wait(secs(100)));
            let events = watch(&client, std::slice::from_ref(&id), fleet);
            sleep(ms(rung_at)).await;
            simulator.latency(latency);
            client.notify(&callback(&id));
            let events = events.await.unwrap();
            assert!(matches!(events.last(), Some(StatusEvent::Done(_))), "{events:?}");
            assert!(*asked_at(&simulator).last().unwrap() >= secs(100));
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn polls_beside_the_schedule_that_fail_leave_it_as_it_was() {
    both(|fleet| async move {
        // One, on a growing schedule: repeated once, and no step further.
        let schedule = Schedule::exponential(secs(10), secs(600)).multiplier(2.0).max_wait(secs(200));
        let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), schedule);
        simulator.inject(Fault::status(500).after(1));
        let events = watch(&client, std::slice::from_ref(&id), fleet);
        sleep(secs(3)).await;
        client.notify(&callback(&id));
        events.await.unwrap();
        let asked = seconds(&simulator);
        assert!((3.4..4.1).contains(&asked[2]), "{asked:?}");
        assert_eq!([&asked[..2], &asked[3..]].concat(), [0.0, 3.0, 10.0, 30.0, 70.0, 150.0, 200.0]);

        // A dozen, while the gateway is down: the planned poll comes.
        let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::every(secs(180)));
        simulator.inject(Fault::status(500).times(12).after(1));
        let events = watch(&client, std::slice::from_ref(&id), fleet);
        sleep(secs(167)).await;
        for _ in 0..12 {
            client.notify(&callback(&id));
            sleep(secs(1)).await;
        }
        sleep(secs(400)).await;
        events.abort();
        let asked = seconds(&simulator);
        assert_eq!(asked[asked.len() - 3..], [180.0, 360.0, 540.0], "{asked:?}");
    })
    .await;
}

#[cfg(feature = "backoff")]
#[tokio::test(start_paused = true)]
async fn polls_beside_the_schedule_use_up_no_policy() {
    #[derive(Clone)]
    struct Five(u32);
    impl backoff::backoff::Backoff for Five {
        fn next_backoff(&mut self) -> Option<std::time::Duration> {
            self.0 += 1;
            (self.0 <= 5).then_some(secs(100))
        }
    }
    both(|fleet| async move {
        let task = SimulatedTask::new().generates_for(secs(90));
        let (simulator, client, id) = gateway(task, Schedule::from_backoff(Five(0)));
        let events = watch(&client, std::slice::from_ref(&id), fleet);
        sleep(secs(10)).await;
        simulator.inject(Fault::status(500).times(5));
        for _ in 0..5 {
            client.notify(&callback(&id));
            sleep(secs(1)).await;
        }
        let events = events.await.unwrap();
        assert!(matches!(events.last(), Some(StatusEvent::Done(_))), "{events:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_burst_that_the_gateway_refuses_is_repeated_within_half_a_minute() {
    both(|fleet| async move {
        let limit = RateLimit::per(10, secs(1));
        let simulator = Simulator::new();
        let ids: Vec<_> = (0..15).map(|_| simulator.add(SimulatedTask::new().generates_for(secs(100)))).collect();
        let client = builder(&simulator).schedule(Schedule::expecting_callback()).build().unwrap();
        let start = Instant::now();
        let events = watch(&client, &ids, fleet);
        sleep(secs(101)).await;
        simulator.rate_limit(limit);
        for id in &ids {
            client.notify(&callback(id));
        }
        events.await.unwrap();
        assert!(start.elapsed() < secs(101 + 35), "{:?}", start.elapsed());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn it_is_rung_for_from_the_first_poll_of_its_stream_on() {
    both(|fleet| async move {
        let schedule = Schedule::every(secs(100)).first_poll_after(secs(100));
        let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), schedule);
        let events = watch(&client, std::slice::from_ref(&id), fleet);
        tokio::task::yield_now().await;
        for at in [5, 20] {
            sleep_until(Instant::now() + secs(at)).await;
            assert_eq!(client.poll_now(&id), 1);
        }
        sleep(secs(200)).await;
        events.abort();
        assert_eq!(asked_at(&simulator), [5, 25, 100, 200].map(secs));
    })
    .await;
}

/// Rings within a second are one, and do not put off a poll that is planned before that one.
#[tokio::test(start_paused = true)]
async fn a_merged_ring_does_not_put_off_the_planned_poll() {
    both(|fleet| async move {
        let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::every(secs(30)));
        let _events = watch(&client, std::slice::from_ref(&id), fleet);
        sleep(ms(29_500)).await;
        client.poll_now(&id);
        sleep(ms(100)).await;
        client.poll_now(&id);
        sleep(secs(29)).await;
        assert_eq!(seconds(&simulator), [0.0, 29.5, 30.0]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_fleet_that_moves_to_another_task_is_woken_there() {
    let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::every(secs(600)));
    let mut all = client.watch_all([&id]);
    all.next().await;
    let mut all = tokio::spawn(async move {
        assert!(tokio::time::timeout(secs(1), all.next()).await.is_err());
        all
    })
    .await
    .unwrap();
    let moved = tokio::spawn(async move { all.next().await });
    sleep(secs(1)).await;
    client.poll_now(&id);
    sleep(ms(10)).await;
    assert!(moved.is_finished());
    assert_eq!(simulator.requests().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_of_zero_holds_nothing_up() {
    both(|fleet| async move {
        let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::every(secs(600)));
        simulator.inject(Fault::status(500).retry_after("0").times(6));
        let _events = watch(&client, std::slice::from_ref(&id), fleet);
        sleep(secs(25)).await;
        let before = simulator.requests().len();
        client.poll_now(&id);
        sleep(ms(1)).await;
        assert_eq!(simulator.requests().len(), before + 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_fleet_that_lets_a_task_go_is_not_rung_for_it() {
    let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::every(secs(600)));
    let other = simulator.add(SimulatedTask::new().never_ends());
    let mut all = client.watch_all([&id, &other]);
    assert_eq!(client.poll_now(&id), 0, "it does not run yet");
    for _ in 0..2 {
        all.next().await;
    }
    assert_eq!(client.poll_now(&id), 1);
    assert!(all.remove(&id));
    assert_eq!((client.poll_now(&id), client.poll_now(&other)), (0, 1));
    assert!(all.push(&id));
    assert!(all.next().now_or_never().flatten().is_some(), "rung for, or new");
    assert_eq!(client.poll_now(&id), 1);
    all.drain();
    assert_eq!((client.poll_now(&id), client.poll_now(&other)), (0, 0));
    let mut again = client.watch_all(all.stop());
    assert!(again.next().await.is_some());
    assert_eq!((client.poll_now(&id), client.poll_now(&other)), (1, 1));
    drop(again);
    assert_eq!((client.poll_now(&id), client.poll_now(&other)), (0, 0));
}

/// A consumer that is away while it rings.
#[tokio::test(start_paused = true)]
async fn a_ring_waits_for_a_consumer_that_is_away() {
    let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::every(secs(600)));
    let (mut watch, mut all) = (client.watch(&id), client.watch_all([&id]));
    assert!(watch.next().await.is_some() && all.next().await.is_some());
    assert_eq!(client.poll_now(&id), 2);
    sleep(secs(100)).await;
    assert_eq!(simulator.requests().len(), 2);
    assert_eq!(progress(watch.next().now_or_never().flatten()).polls, 2);
    assert!(all.next().now_or_never().is_some());
    assert_eq!(simulator.requests().len(), 4);
}

/// The gateway refuses an extra poll, and names a pause of zero: the extra poll is repeated as if it named none.
#[tokio::test(start_paused = true)]
async fn extra_poll_with_retry_after_zero_is_repeated_normally() {
    both(|fleet| async move {
        for (fault, pause) in [
            (Fault::status(429), secs(30)..=secs(30)),
            (Fault::code(455, ""), secs(30)..=secs(30)),
            (Fault::status(500), ms(500)..=secs(1)),
        ] {
            let pauses = |fault: Fault| async move {
                fastrand::seed(7); // the jitter of retries
                let schedule = Schedule::every(secs(600)).max_wait(secs(300));
                let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), schedule);
                simulator.inject(fault.after(1).times(2));
                let events = watch(&client, std::slice::from_ref(&id), fleet);
                sleep(secs(100)).await;
                client.poll_now(&id);
                let failures = events.await.unwrap().into_iter().filter_map(|event| match event {
                    StatusEvent::PollFailed(failure) => Some(failure.next_poll_in),
                    _ => None,
                });
                (failures.collect::<Vec<_>>(), asked_at(&simulator))
            };
            let zero = pauses(fault.clone().retry_after("0")).await;
            assert!(zero.0.len() == 2 && pause.contains(&zero.0[0]), "{zero:?}");
            assert_eq!(zero, pauses(fault).await);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn not_found_grace_counts_through_extra_polls() {
    both(|fleet| async move {
        let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::every(secs(600)));
        simulator.inject(Fault::status(404).after(1).always());
        let events = watch(&client, std::slice::from_ref(&id), fleet);
        // The first extra poll starts the grace of 60 s. The second, 35 s later, does not start it anew.
        for at in [100, 35] {
            sleep(secs(at)).await;
            assert_eq!(client.poll_now(&id), 1);
        }
        let events = events.await.unwrap();
        let Some(StatusEvent::GaveUp(error)) = events.last() else { panic!("{events:?}") };
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.elapsed() >= secs(160) && error.elapsed() <= secs(161), "{:?}", error.elapsed());
    })
    .await;
}

#[test]
fn blank_id_or_url_in_callback_counts_as_absent() {
    let parse = |data: &str| Callback::parse(format!(r#"{{"code":200,"data":{{{data}}}}}"#).as_bytes());
    for id in [r#""""#, r#"" ""#, r#""\t\n""#, r#""\u3000""#, "null"] {
        let error = parse(&format!(r#""taskId":{id}"#)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode, "{id}");
        assert!(error.to_string().contains("data.taskId is missing"), "{error}");
        // The other spelling counts then.
        assert_eq!(parse(&format!(r#""taskId":{id},"task_id":"x""#)).unwrap().task_id(), "x");
    }
    let urls = |urls: &str| parse(&format!(r#""taskId":"x",{urls}"#)).unwrap().result_urls().to_vec();
    assert_eq!(urls(r#""resultUrls":[""," ","https://a/v","\n\t",null]"#), ["https://a/v"]);
    assert_eq!(urls(r#""resultUrls":" ""#), [""; 0]);
    assert_eq!(urls(r#""resultUrls":[" "],"result_urls":["https://a/v"]"#), [""; 0]);
}

//! A callback, or a call of `poll_now`, lets the running watches of a task poll at once. It does nothing else.

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{Callback, Client, ErrorKind, RateLimit, Schedule, StatusEvent};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use crate::support::driver::{Driver, with_each_driver};
use crate::support::in_memory::{
    asked_at, builder, callback, endless, gateway, most_within, ms, progress, seconds, secs,
};

#[tokio::test(start_paused = true)]
async fn callback_ends_pause_and_record_ends_watch() {
    with_each_driver(|driver| async move {
        let task = SimulatedTask::new().generates_for(secs(40));
        let (simulator, client, id) = gateway(task, Schedule::every(secs(120)));
        let events = driver.spawn(&client, std::slice::from_ref(&id));
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
async fn callback_content_is_ignored_and_schedule_goes_on() {
    with_each_driver(|driver| async move {
        for (schedule, scheduled) in [
            (Schedule::every(secs(30)), [0.0, 30.0, 60.0, 90.0, 100.0]),
            (Schedule::exponential(secs(10), secs(60)).multiplier(2.0), [0.0, 10.0, 30.0, 70.0, 100.0]),
        ] {
            let task = SimulatedTask::new().never_ends();
            let (simulator, client, id) = gateway(task, schedule.max_wait(secs(100)));
            let start = Instant::now();
            let events = driver.spawn(&client, std::slice::from_ref(&id));
            for at in [3, 33, 44, 72] {
                sleep_until(start + secs(at)).await;
                assert_eq!(client.notify(&callback(&id)), 1);
            }
            let events = events.await.unwrap();
            let under_way = events.iter().filter(|event| matches!(event, StatusEvent::Generating(_))).count();
            assert_eq!(under_way, events.len() - 1, "{events:?}");
            let mut all = [scheduled.as_slice(), &[3.0, 33.0, 44.0, 72.0]].concat();
            all.sort_by(f64::total_cmp);
            assert_eq!(seconds(&simulator), all);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn event_of_extra_poll_names_next_scheduled_poll() {
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
async fn poll_now_counts_running_watches() {
    let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::every(secs(3600)));
    let other = simulator.add(SimulatedTask::new().never_ends());
    let clone = client.with_schedule(Schedule::every(secs(1800)).no_max_wait()).unwrap();
    assert_eq!(client.poll_now(&id), 0, "none runs");
    let unpolled = client.watch(&id);
    let mut running: FuturesUnordered<_> =
        [&client, &clone].map(|client| Driver::Watch.spawn(client, std::slice::from_ref(&id))).into_iter().collect();
    let all = Driver::WatchAll.spawn(&client, &[id.clone(), other.clone()]);
    let shared = client.watch(&id).shared();
    let readers = [shared.clone(), shared].map(|reader| tokio::spawn(reader.count()));
    sleep(secs(1)).await;
    let before = simulator.requests().len();
    assert_eq!(before, 5, "two watches, a WatchAll of two tasks, one shared watch");
    assert_eq!((client.poll_now(&id), clone.poll_now(&other)), (4, 1));
    sleep(secs(1)).await;
    assert_eq!(simulator.requests().len(), before + 5);
    let elsewhere = Client::builder("test-key").simulator(&simulator).build().unwrap();
    assert_eq!((elsewhere.poll_now(&id), client.poll_now("unknown")), (0, 0));
    drop(unpolled);
    running.iter().for_each(JoinHandle::abort);
    while running.next().await.is_some() {}
    assert_eq!(client.poll_now(&id), 2);
    all.abort();
    assert!(all.await.is_err());
    assert_eq!((client.poll_now(&id), client.poll_now(&other)), (1, 0));
    for reader in readers {
        reader.abort();
        assert!(reader.await.is_err());
    }
    assert_eq!(client.poll_now(&id), 0);
}

#[tokio::test(start_paused = true)]
async fn notification_during_request_causes_another_request() {
    with_each_driver(|driver| async move {
        let task = SimulatedTask::new().generates_for(ms(200));
        let (simulator, client, id) = gateway(task, Schedule::every(secs(120)));
        simulator.latency(ms(400)); // the answer holds the record as it was when the request came
        let events = driver.spawn(&client, std::slice::from_ref(&id));
        sleep(ms(300)).await;
        assert_eq!(client.notify(&callback(&id)), 1);
        assert_eq!(events.await.unwrap().len(), 2);
        assert_eq!(seconds(&simulator), [0.0, 0.4]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn notification_before_queued_request_causes_no_other() {
    with_each_driver(|driver| async move {
        let simulator = Simulator::new();
        let client = builder(&simulator).rate_limit(RateLimit::per(1, secs(10))).build().unwrap();
        let ids = endless(&simulator, 2);
        let _events = driver.spawn(&client, &ids);
        sleep(secs(5)).await;
        // The second task waits for a permit.
        assert_eq!(simulator.requests().len(), 1);
        assert_eq!(client.poll_now(&ids[1]), 1);
        sleep(secs(24)).await;
        assert_eq!(seconds(&simulator), [0.0, 10.0]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn notification_flood_makes_one_request_per_second() {
    with_each_driver(|driver| async move {
        let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::every(secs(600)));
        let _events = driver.spawn(&client, std::slice::from_ref(&id));
        sleep(secs(60)).await;
        for _ in 0..1_000 {
            assert_eq!(client.notify(&callback(&id)), 1);
            sleep(ms(10)).await;
        }
        sleep(secs(60)).await;
        let flood = &asked_at(&simulator)[1..];
        assert_eq!(flood.len(), 11, "the first notification at once, the last not lost");
        assert_eq!(most_within(flood, secs(1)), 1, "{flood:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn early_callback_is_remembered_for_a_minute() {
    with_each_driver(|driver| async move {
        for (before, expected) in [(59, [0.0, 120.0]), (61, [120.0, 240.0])] {
            let schedule = Schedule::every(secs(120)).first_poll_after(secs(120));
            let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), schedule);
            let other = simulator.add(SimulatedTask::new().never_ends());
            assert_eq!(client.notify(&callback(&id)), 0);
            assert_eq!(client.poll_now(&other), 0);
            sleep(secs(before)).await;
            let start = Instant::now();
            let events = driver.spawn(&client, &[id.clone(), other]);
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
async fn watch_is_notified_from_first_stream_poll_on() {
    with_each_driver(|driver| async move {
        let schedule = Schedule::every(secs(100)).first_poll_after(secs(100));
        let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), schedule);
        let events = driver.spawn(&client, std::slice::from_ref(&id));
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

#[tokio::test(start_paused = true)]
async fn watch_all_moved_to_another_task_is_woken() {
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
async fn removed_task_is_not_notified() {
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
    assert!(all.next().now_or_never().flatten().is_some(), "notified, or new");
    assert_eq!(client.poll_now(&id), 1);
    all.drain();
    assert_eq!((client.poll_now(&id), client.poll_now(&other)), (0, 0));
    let mut again = client.watch_all(all.stop());
    assert!(again.next().await.is_some());
    assert_eq!((client.poll_now(&id), client.poll_now(&other)), (1, 1));
    drop(again);
    assert_eq!((client.poll_now(&id), client.poll_now(&other)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn notification_waits_for_an_absent_consumer() {
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

#[test]
fn blank_callback_id_or_url_counts_as_absent() {
    let parse = |data: &str| Callback::parse(format!(r#"{{"code":200,"data":{{{data}}}}}"#).as_bytes());
    for id in [r#""""#, r#"" ""#, r#""\t\n""#, r#""\u3000""#, "null"] {
        let error = parse(&format!(r#""taskId":{id}"#)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode, "{id}");
        assert!(error.to_string().contains("data.taskId is missing"), "{error}");
        // Then the other spelling counts.
        assert_eq!(parse(&format!(r#""taskId":{id},"task_id":"x""#)).unwrap().task_id(), "x");
    }
    let urls = |urls: &str| parse(&format!(r#""taskId":"x",{urls}"#)).unwrap().result_urls().to_vec();
    assert_eq!(urls(r#""resultUrls":[""," ","https://a/v","\n\t",null]"#), ["https://a/v"]);
    assert_eq!(urls(r#""resultUrls":" ""#), [""; 0]);
    assert_eq!(urls(r#""resultUrls":[" "],"result_urls":["https://a/v"]"#), [""; 0]);
}

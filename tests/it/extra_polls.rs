//! An extra poll keeps the limits, and leaves schedule, deadline and grace as they are.

use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{ErrorKind, RateLimit, Schedule, StatusEvent};
use tokio::time::{Instant, sleep};

use crate::support::driver::with_each_driver;
use crate::support::in_memory::{
    asked_at, builder, callback, endless, gateway, gave_up, most_within, ms, seconds, secs,
};

#[tokio::test(start_paused = true)]
async fn extra_polls_keep_the_rate_limit() {
    with_each_driver(|driver| async move {
        let simulator = Simulator::new();
        let limit = RateLimit::per(4, secs(10));
        let client = builder(&simulator).schedule(Schedule::every(secs(600))).rate_limit(limit).build().unwrap();
        let ids = endless(&simulator, 12);
        let _events = driver.spawn(&client, &ids);
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
async fn extra_poll_waits_for_breaker_and_retry_after() {
    with_each_driver(|driver| async move {
        for fault in [Fault::status(429), Fault::status(500)] {
            let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::every(secs(600)));
            simulator.inject(fault.retry_after("40"));
            let _events = driver.spawn(&client, std::slice::from_ref(&id));
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
async fn extra_poll_cuts_retry_pause_and_is_retried() {
    with_each_driver(|driver| async move {
        let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::every(secs(600)));
        simulator.inject(Fault::status(500).times(8));
        let _events = driver.spawn(&client, std::slice::from_ref(&id));
        sleep(secs(100)).await; // about seven failed polls: the next pause is over half a minute
        let before = simulator.requests().len();
        client.poll_now(&id);
        sleep(ms(1)).await;
        assert_eq!(simulator.requests().len(), before + 1);

        let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::every(secs(600)));
        simulator.inject(Fault::status(500).after(1));
        let _events = driver.spawn(&client, std::slice::from_ref(&id));
        sleep(secs(100)).await;
        client.poll_now(&id);
        sleep(secs(2)).await;
        assert_eq!(simulator.requests().len(), 3);
    })
    .await;
}

/// A notification comes just before the deadline, and its poll is answered after it.
#[tokio::test(start_paused = true)]
async fn extra_poll_does_not_replace_final_poll() {
    with_each_driver(|driver| async move {
        for (notified_at, latency) in [(99_900, ms(400)), (92_000, secs(9))] {
            let task = SimulatedTask::new().generates_for(ms(99_950));
            let (simulator, client, id) = gateway(task, Schedule::every(secs(30)).max_wait(secs(100)));
            let events = driver.spawn(&client, std::slice::from_ref(&id));
            sleep(ms(notified_at)).await;
            simulator.latency(latency);
            client.notify(&callback(&id));
            let events = events.await.unwrap();
            assert!(matches!(events.last(), Some(StatusEvent::Done(_))), "{events:?}");
            assert!(*asked_at(&simulator).last().unwrap() >= secs(100));
        }
    })
    .await;
}

/// The answer to an extra poll comes so late that the final poll after it has 3.5 s left.
#[tokio::test(start_paused = true)]
async fn extra_poll_near_deadline_adds_no_time() {
    with_each_driver(|driver| async move {
        let (simulator, client, id) =
            gateway(SimulatedTask::new().never_ends(), Schedule::default().max_wait(secs(100)));
        let start = Instant::now();
        let events = driver.spawn(&client, std::slice::from_ref(&id));
        sleep(ms(97_500)).await;
        simulator.latency(secs(19));
        client.poll_now(&id);
        let events = events.await.unwrap();
        assert_eq!(events.last().and_then(gave_up), Some(ErrorKind::Deadline));
        assert_eq!((start.elapsed(), asked_at(&simulator)[4..].to_vec()), (secs(120), vec![ms(97_500), ms(116_500)]));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn failed_extra_polls_leave_the_schedule_unchanged() {
    with_each_driver(|driver| async move {
        // One failed extra poll on a growing schedule: it is repeated once, and the schedule takes no step.
        let schedule = Schedule::exponential(secs(10), secs(600)).multiplier(2.0).max_wait(secs(200));
        let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), schedule);
        simulator.inject(Fault::status(500).after(1));
        let events = driver.spawn(&client, std::slice::from_ref(&id));
        sleep(secs(3)).await;
        client.notify(&callback(&id));
        events.await.unwrap();
        let asked = seconds(&simulator);
        assert!((3.4..4.1).contains(&asked[2]), "{asked:?}");
        assert_eq!([&asked[..2], &asked[3..]].concat(), [0.0, 3.0, 10.0, 30.0, 70.0, 150.0, 200.0]);

        // Twelve failed extra polls: the scheduled poll comes in time.
        let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::every(secs(180)));
        simulator.inject(Fault::status(500).times(12).after(1));
        let events = driver.spawn(&client, std::slice::from_ref(&id));
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
async fn extra_polls_use_up_no_policy_step() {
    #[derive(Clone)]
    struct Five(u32);
    impl backoff::backoff::Backoff for Five {
        fn next_backoff(&mut self) -> Option<std::time::Duration> {
            self.0 += 1;
            (self.0 <= 5).then_some(secs(100))
        }
    }
    with_each_driver(|driver| async move {
        let task = SimulatedTask::new().generates_for(secs(90));
        let (simulator, client, id) = gateway(task, Schedule::from_backoff(Five(0)));
        let events = driver.spawn(&client, std::slice::from_ref(&id));
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
async fn refused_burst_is_repeated_within_half_a_minute() {
    with_each_driver(|driver| async move {
        let limit = RateLimit::per(10, secs(1));
        let simulator = Simulator::new();
        let ids: Vec<_> = (0..15).map(|_| simulator.add(SimulatedTask::new().generates_for(secs(100)))).collect();
        let client = builder(&simulator).schedule(Schedule::expecting_callback()).build().unwrap();
        let start = Instant::now();
        let events = driver.spawn(&client, &ids);
        sleep(secs(101)).await;
        let _limited = simulator.clone().rate_limit(limit);
        for id in &ids {
            client.notify(&callback(id));
        }
        events.await.unwrap();
        assert!(start.elapsed() < secs(101 + 35), "{:?}", start.elapsed());
    })
    .await;
}

/// Notifications within a second are merged, and do not delay a poll that is scheduled before the merged one.
#[tokio::test(start_paused = true)]
async fn merged_notification_does_not_delay_scheduled_poll() {
    with_each_driver(|driver| async move {
        let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::every(secs(30)));
        let _events = driver.spawn(&client, std::slice::from_ref(&id));
        sleep(ms(29_500)).await;
        client.poll_now(&id);
        sleep(ms(100)).await;
        client.poll_now(&id);
        sleep(secs(29)).await;
        assert_eq!(seconds(&simulator), [0.0, 29.5, 30.0]);
    })
    .await;
}

/// A second is kept between two extra polls as they are sent, not as they were asked for.
#[tokio::test(start_paused = true)]
async fn second_after_a_late_extra_poll_is_kept() {
    with_each_driver(|driver| async move {
        let simulator = Simulator::new();
        let ids = endless(&simulator, 2);
        let client = builder(&simulator).schedule(Schedule::every(secs(600))).max_in_flight(1).build().unwrap();
        let _events = driver.spawn(&client, &ids[..1]);
        sleep(secs(10)).await;
        simulator.latency(secs(5));
        let other = tokio::spawn({
            let (client, id) = (client.clone(), ids[1].clone());
            async move { client.status(&id).await }
        });
        sleep(secs(1)).await;
        simulator.latency(secs(0));
        client.poll_now(&ids[0]); // it waits for the other request's end
        other.await.unwrap().unwrap();
        sleep(ms(200)).await;
        client.poll_now(&ids[0]);
        sleep(secs(10)).await;
        let asked = asked_at(&simulator);
        assert_eq!(asked.len(), 4, "{driver:?}: {asked:?}");
        assert_eq!(asked[..3], [0, 10, 15].map(secs));
        assert!((secs(16)..secs(16) + ms(50)).contains(&asked[3]), "{driver:?}: {asked:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn retry_after_zero_does_not_hold_extra_poll() {
    with_each_driver(|driver| async move {
        let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::every(secs(600)));
        simulator.inject(Fault::status(500).retry_after("0").times(6));
        let _events = driver.spawn(&client, std::slice::from_ref(&id));
        sleep(secs(25)).await;
        let before = simulator.requests().len();
        client.poll_now(&id);
        sleep(ms(1)).await;
        assert_eq!(simulator.requests().len(), before + 1);
    })
    .await;
}

/// The gateway refuses an extra poll, and names a pause of zero: the extra poll is repeated as if it named none.
#[tokio::test(start_paused = true)]
async fn retry_after_zero_repeats_extra_poll_normally() {
    with_each_driver(|driver| async move {
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
                let events = driver.spawn(&client, std::slice::from_ref(&id));
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
    with_each_driver(|driver| async move {
        let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::every(secs(600)));
        simulator.inject(Fault::status(404).after(1).always());
        let events = driver.spawn(&client, std::slice::from_ref(&id));
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

//! Settings that make no sense together are refused, and extreme ones that do are accepted.

use std::time::Duration;

use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{ErrorKind, History, RateLimit, Schedule};

use crate::support::in_memory::{asked_at, builder, gateway, secs};

#[test]
fn first_poll_at_or_beyond_max_wait_is_refused() {
    let schedules = [
        Schedule::every(secs(30)),
        Schedule::exponential(secs(10), secs(60)),
        Schedule::learned(&History::new()),
        #[cfg(feature = "backoff")]
        Schedule::from_backoff(backoff::ExponentialBackoff::default()),
    ];
    let client = builder(&Simulator::new()).build().unwrap();
    for schedule in schedules {
        for (delay, limit) in [(900, 900), (1_000, 900), (1, 0)] {
            let schedule = schedule.clone().first_poll_after(secs(delay)).max_wait(secs(limit));
            let errors = [schedule.validate().unwrap_err(), client.with_schedule(schedule.clone()).unwrap_err()];
            for error in errors {
                assert_eq!(error.kind(), ErrorKind::Config);
                let text = error.to_string();
                let start = format!("first_poll_after ({delay}s) is not below max_wait ({:?})", secs(limit));
                assert!(text.contains(&start) && text.ends_with("the final poll would be the only one"), "{text}");
            }
        }
        schedule.clone().max_wait(Duration::ZERO).validate().unwrap();
        schedule.clone().first_poll_after(secs(899)).validate().unwrap();
        schedule.first_poll_after(secs(1_000)).no_max_wait().validate().unwrap();
    }
}

#[cfg(feature = "backoff")]
#[test]
fn first_poll_beyond_a_policys_elapsed_time_is_refused() {
    let policy = backoff::ExponentialBackoffBuilder::new().with_max_elapsed_time(Some(secs(60))).build();
    let error = Schedule::from_backoff(policy).first_poll_after(secs(60)).validate().unwrap_err();
    assert!(error.to_string().contains("first_poll_after (60s) is not below max_wait (60s)"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn interval_beyond_max_wait_polls_at_start_and_deadline() {
    let history = History::from_iter([secs(300); 50]);
    for schedule in [
        Schedule::every(secs(600)),
        Schedule::exponential(secs(600), secs(900)),
        Schedule::learned(&history).shortest_pause(secs(600)).longest_pause(secs(900)),
    ] {
        let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), schedule.max_wait(secs(100)));
        let error = client.wait_until_done(id).await.unwrap_err();
        assert_eq!((error.kind(), error.polls()), (ErrorKind::Deadline, 2));
        assert_eq!(asked_at(&simulator), [0, 100].map(secs));
    }
}

#[tokio::test(start_paused = true)]
async fn endless_grace_waits_for_the_deadline() {
    for fault in [Fault::page(403), Fault::status(401).after(1), Fault::status(404)] {
        let simulator = Simulator::new();
        let id = simulator.add(SimulatedTask::new());
        simulator.inject(fault.always());
        let client = builder(&simulator).grace(Duration::MAX).build().unwrap();
        let error = client.wait_until_done(id).await.unwrap_err();
        assert_eq!((error.kind(), error.elapsed()), (ErrorKind::Deadline, secs(900)));
    }
}

#[tokio::test(start_paused = true)]
async fn endless_retry_after_cap_obeys_a_day() {
    let simulator = Simulator::new();
    let id = simulator.add(SimulatedTask::new());
    simulator.inject(Fault::status(429).retry_after("100000000000000000000"));
    let schedule = Schedule::default().no_max_wait();
    let client = builder(&simulator).schedule(schedule).retry_after_cap(Duration::MAX).build().unwrap();
    client.wait_until_done(id).await.unwrap();
    assert_eq!(asked_at(&simulator), [0, 24 * 60 * 60].map(secs));
}

#[tokio::test(start_paused = true)]
async fn rate_limit_slower_than_max_wait_is_accepted() {
    let simulator = Simulator::new();
    let id = simulator.add(SimulatedTask::new().never_ends());
    let schedule = Schedule::every(secs(10)).max_wait(secs(60));
    let client = builder(&simulator).schedule(schedule).rate_limit(RateLimit::per(1, secs(600))).build().unwrap();
    let error = client.wait_until_done(&id).await.unwrap_err();
    assert_eq!((error.kind(), error.polls()), (ErrorKind::Deadline, 1));
    assert_eq!(asked_at(&simulator), [secs(0)]);
}

#[tokio::test(start_paused = true)]
async fn request_timeout_is_bounded_by_ten_years() {
    const TEN_YEARS: Duration = secs(10 * 366 * 24 * 60 * 60);
    let simulator = Simulator::new();
    for timeout in [Duration::MAX, TEN_YEARS + secs(1)] {
        let error = builder(&simulator).request_timeout(timeout).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("the request timeout is over ten years"), "{error}");
    }
    let id = simulator.add(SimulatedTask::new());
    let client = builder(&simulator).request_timeout(TEN_YEARS).build().unwrap();
    client.wait_until_done(id).await.unwrap();
}

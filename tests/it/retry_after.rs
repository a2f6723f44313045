//! A `Retry-After` puts off the next poll, whatever the answer was, up to its cap and to the deadline.

use std::time::Duration;

use futures::StreamExt;
use luma_watch::Schedule;
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use tokio::time::{Instant, timeout_at};

use crate::support::driver::Driver;
use crate::support::in_memory::{asked_at, builder, endless, failure, gateway, secs};

/// An answer that the task is not finished, which asks to wait.
fn generating(retry_after: &str) -> Fault {
    Fault::body(r#"{"code":200,"msg":"success","data":{"successFlag":0}}"#).retry_after(retry_after)
}

/// When a task is polled in 700 s whose first answer is this one.
async fn polled_at(driver: Driver, cap: Option<Duration>, schedule: &Schedule, first: Fault) -> Vec<Duration> {
    fastrand::seed(7); // the jitter of retries
    let simulator = Simulator::new();
    let ids = endless(&simulator, 1);
    let builder = builder(&simulator).schedule(schedule.clone());
    let builder = if let Some(cap) = cap { builder.retry_after_cap(cap) } else { builder };
    let client = builder.build().unwrap();
    simulator.inject(first);
    drop(timeout_at(Instant::now() + secs(700), driver.events(&client, &ids).count()).await);
    asked_at(&simulator)
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_never_undercut() {
    let year_1994 = "Sun, 06 Nov 1994 08:49:37 GMT";
    let headers = [
        ("5", 5),
        (" 45 ", 45),
        ("0", 30),
        ("-5", 30),
        ("soon", 30),
        ("", 30),
        ("7.0", 7),
        ("+7", 7),
        ("7s", 7),
        ("NaN", 30),
        ("1e3", 30),
        (year_1994, 30),
        ("99999999", 900),
        ("100000000000000000000", 900),
    ];
    let dates = [(40, 40), (500, 500), (901, 900), (10_000_000, 900)];
    for fault in [Fault::status(429), Fault::code(430, ""), Fault::code(455, ""), Fault::status(503)] {
        let texts = headers.map(|(text, gap)| (fault.clone().retry_after(text), gap));
        let dates = dates.map(|(after, gap)| (fault.clone().retry_after_date(secs(after)), gap));
        for (fault, gap) in texts.into_iter().chain(dates) {
            let simulator = Simulator::new();
            let id = simulator.add(SimulatedTask::new());
            let client = builder(&simulator).retry_after_cap(Duration::MAX).build().unwrap();
            simulator.inject(fault.clone());
            let mut watch = client.watch(id);
            assert_eq!(failure(watch.next().await).next_poll_in, secs(gap), "{fault:?}");
            watch.next().await.unwrap();
            assert_eq!(asked_at(&simulator), [secs(0), secs(gap)], "{fault:?}");
        }
    }
    let simulator = Simulator::new();
    let id = simulator.add(SimulatedTask::new());
    let endless = builder(&simulator).schedule(Schedule::default().no_max_wait());
    let client = endless.retry_after_cap(Duration::MAX).build().unwrap();
    simulator.inject(Fault::status(429).retry_after("100000000000000000000"));
    assert_eq!(failure(client.watch(id).next().await).next_poll_in, secs(24 * 60 * 60), "no mistake is waited out");
    // It is a floor for other failures, too.
    let (simulator, client, id) = gateway(SimulatedTask::new(), Schedule::default());
    simulator.inject(Fault::status(502).retry_after("12"));
    assert_eq!(failure(client.watch(id).next().await).next_poll_in, secs(12));
}

#[tokio::test(start_paused = true)]
async fn good_answers_retry_after_is_respected() {
    for driver in Driver::BOTH {
        for (retry_after, second) in [("60", 60), ("5", 30), ("0", 30), ("soon", 30)] {
            let times = polled_at(driver, None, &Schedule::default(), generating(retry_after)).await;
            assert_eq!(times[..3], [0, second, second + 30].map(secs), "{driver:?} {retry_after}");
        }
        let short = Schedule::default().max_wait(secs(40));
        let times = polled_at(driver, None, &short, generating("60")).await;
        assert_eq!(times, [0, 40].map(secs), "the final poll does not wait");
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_obeyed_up_to_its_cap() {
    for driver in Driver::BOTH {
        for (cap, second) in [(None, 120), (Some(secs(600)), 600), (Some(secs(45)), 45)] {
            for first in [generating("86400"), Fault::status(502).retry_after("86400")] {
                let times = polled_at(driver, cap, &Schedule::default(), first).await;
                assert_eq!(times[1], secs(second), "{driver:?} {cap:?}");
            }
        }
        let schedule = Schedule::default();
        assert_eq!(polled_at(driver, Some(secs(0)), &schedule, generating("86400")).await[1], secs(30));
        let failed = Fault::status(502).retry_after("86400");
        let times = polled_at(driver, Some(secs(0)), &schedule, failed).await;
        assert_eq!(times, polled_at(driver, None, &schedule, Fault::status(502)).await);
    }
}

#[cfg(feature = "callback")]
#[tokio::test(start_paused = true)]
async fn extra_poll_waits_for_good_answers_retry_after() {
    for driver in Driver::BOTH {
        // A notification after 3 s; a second one, after 40 s, where the first poll is over by then.
        for (retry_after, times) in [("60", vec![0, 60]), ("5", vec![0, 5, 40]), ("0", vec![0, 3, 40])] {
            let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::every(secs(300)));
            simulator.inject(generating(retry_after));
            let _events = driver.spawn(&client, std::slice::from_ref(&id));
            for at in [3, 37] {
                tokio::time::sleep(secs(at)).await;
                assert_eq!(client.poll_now(&id), 1);
            }
            tokio::time::sleep(secs(100)).await;
            assert_eq!(asked_at(&simulator), times.into_iter().map(secs).collect::<Vec<_>>(), "{driver:?}");
        }
    }
}

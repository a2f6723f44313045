//! A schedule that learns polls by the age of the task.

use std::time::Duration;

use futures::StreamExt;
use luma_watch::simulator::{Fault, Simulator};
use luma_watch::{History, Schedule, TaskId};
use tokio::time::{Instant, sleep};

use crate::support::driver::Driver;
use crate::support::in_memory::{asked_at, builder, endless, five_minutes, learning_client, most_within, secs};

/// Whether these are the same polls, give or take 2 s: the gateway's `Date` has whole seconds.
fn alike(polls: &[Duration], expected: &[Duration]) -> bool {
    polls.len() == expected.len()
        && polls.iter().zip(expected).all(|(poll, expected)| poll.abs_diff(*expected) < secs(2))
}

#[tokio::test(start_paused = true)]
async fn empty_history_polls_like_default_schedule() {
    for driver in Driver::BOTH {
        for tasks in [1, 40] {
            let polls = |schedule: Schedule| async move {
                let simulator = Simulator::new();
                let ids = endless(&simulator, tasks);
                let client = builder(&simulator).schedule(schedule).build().unwrap();
                driver.events(&client, &ids).count().await;
                asked_at(&simulator)
            };
            let (learned, default) =
                (polls(Schedule::learned(&History::new())).await, polls(Schedule::default()).await);
            if tasks == 1 {
                assert_eq!(learned, default);
            } else {
                // Many watches are staggered, and the two schedules stagger their first pauses a little differently.
                assert!(learned.len().abs_diff(default.len()) <= tasks, "{} {}", learned.len(), default.len());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn task_watched_from_creation_is_polled_as_previewed() {
    for driver in Driver::BOTH {
        let simulator = Simulator::new();
        let ids = endless(&simulator, 1);
        let schedule = Schedule::learned(&five_minutes());
        let expected: Vec<_> = schedule.preview().collect();
        assert!(expected[1] > secs(60), "{expected:?}");
        let client = builder(&simulator).schedule(schedule).build().unwrap();
        driver.events(&client, &ids).count().await;
        // A `Date` that is a second behind makes a poll a little late, and the delays add up.
        let polls = asked_at(&simulator);
        assert!(polls.len().abs_diff(expected.len()) <= 2, "{polls:?} {expected:?}");
        assert!(alike(&polls[..3], &expected[..3]), "{polls:?} {expected:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn late_watch_polls_by_its_task_age() {
    for driver in Driver::BOTH {
        let simulator = Simulator::new();
        let ids = endless(&simulator, 1);
        let history = five_minutes();
        let client = learning_client(&simulator, &history);
        sleep(secs(240)).await;
        driver.watch_until(Instant::now() + secs(100), &client, &ids).await;
        let polls = asked_at(&simulator);
        // A task watched from its creation is polled at 240 s, too.
        let expected: Vec<_> = Schedule::learned(&history).preview().skip_while(|at| *at < secs(240)).take(4).collect();
        assert!(alike(&polls, &expected), "{polls:?} {expected:?}");
    }
}

/// Created at 2026-01-01T00:00:00Z.
fn body(id: &TaskId) -> String {
    format!(r#"{{"code":200,"data":{{"taskId":"{id}","successFlag":0,"createTime":1767225600000}}}}"#)
}

/// The age is taken from the `Date` of the gateway's answers. On paused time, the local clock stands still.
#[tokio::test(start_paused = true)]
async fn wrong_local_clock_does_not_matter() {
    let polls = |date: Option<&'static str>| async move {
        let simulator = Simulator::new();
        let ids = endless(&simulator, 1);
        if let Some(date) = date {
            simulator.inject(Fault::body(body(&ids[0])).header("date", date).always());
        }
        let client = learning_client(&simulator, &five_minutes());
        Driver::Watch.watch_until(Instant::now() + secs(200), &client, &ids).await;
        asked_at(&simulator)
    };
    // The task is 280 s old at each poll, and polled often.
    let old = polls(Some("Thu, 01 Jan 2026 00:04:40 GMT")).await;
    let new = polls(None).await;
    assert!(old.len() > 5 && new.len() == 2, "{old:?} {new:?}");
    // Without a date, a record from another year gives no age: the age counts from the start of the watch.
    let unknown = polls(Some("yesterday")).await;
    assert!(alike(&unknown, &new), "{unknown:?} {new:?}");
}

#[tokio::test(start_paused = true)]
async fn polls_after_failures_follow_the_task_age() {
    let simulator = Simulator::new();
    let ids = endless(&simulator, 1);
    let client = learning_client(&simulator, &five_minutes());
    sleep(secs(290)).await;
    simulator.inject(Fault::status(500).after(1).times(30));
    Driver::Watch.watch_until(Instant::now() + secs(300), &client, &ids).await;
    let polls = asked_at(&simulator);
    assert!(polls.windows(2).all(|pair| pair[1] - pair[0] <= secs(31)), "{polls:?}");
}

#[tokio::test(start_paused = true)]
async fn many_old_tasks_watched_together_are_spread() {
    let simulator = Simulator::new();
    let ids = endless(&simulator, 500);
    let client = learning_client(&simulator, &five_minutes());
    sleep(secs(3 * 3600)).await;
    Driver::WatchAll.watch_until(Instant::now() + secs(200), &client, &ids).await;
    let asked = asked_at(&simulator);
    let later: Vec<_> = asked.into_iter().filter(|at| *at > secs(3 * 3600 + 60)).collect();
    assert!(later.len() > 2_000 && most_within(&later, secs(1)) < 60, "{}", most_within(&later, secs(1)));
}

#[tokio::test(start_paused = true)]
async fn learned_watches_that_start_together_are_spread() {
    let simulator = Simulator::new();
    let ids = endless(&simulator, 1_000);
    let client = learning_client(&simulator, &five_minutes());
    Driver::WatchAll.watch_until(Instant::now() + secs(600), &client, &ids).await;
    let mut per_second = vec![0; 600];
    for at in asked_at(&simulator).iter().filter(|at| **at >= secs(1)) {
        per_second[usize::try_from(at.as_secs()).unwrap()] += 1;
    }
    // Each task is polled about every 15 s when it is likely to end. All at once, that would be 1,000 in one second.
    let busiest = per_second.iter().max().unwrap();
    assert!(*busiest < 200, "{per_second:?}");
}

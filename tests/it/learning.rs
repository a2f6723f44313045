//! What a schedule learns from the watches that follow it, and what it does not.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::select_all;
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{History, Schedule, Status};
use tokio::time::{Instant, sleep};

use crate::support::driver::Driver;
use crate::support::in_memory::{endless, five_minutes, gateway, learning_client, secs};

#[tokio::test(start_paused = true)]
async fn task_that_ends_while_watched_is_learned() {
    for driver in Driver::BOTH {
        let (simulator, history) = (Simulator::new(), History::new());
        let client = learning_client(&simulator, &history);
        let mut ids: Vec<_> =
            (0..30).map(|task| simulator.add(SimulatedTask::new().generates_for(secs(280 + task)))).collect();
        ids.push(simulator.add(SimulatedTask::new().generates_for(secs(20)).ends_with(Status::GenerateFailed)));
        ids.push(simulator.add(SimulatedTask::new().ends_with(Status::CallbackFailed)));
        driver.events(&client, &ids).count().await;
        assert_eq!(history.recorded(), 32);
        let before = simulator.requests().len();
        let polls: Vec<_> = Schedule::learned(&history).preview().collect();
        assert!(polls[1] > secs(60), "{polls:?}");

        // They have ended: another watch of them teaches nothing.
        driver.events(&client, &ids).count().await;
        assert_eq!((history.recorded(), simulator.requests().len()), (32, before + ids.len()));
        assert!(Schedule::learned(&history).preview().eq(polls));
    }
}

#[tokio::test(start_paused = true)]
async fn deadline_is_learned_and_drop_is_not() {
    for driver in Driver::BOTH {
        let (simulator, history) = (Simulator::new(), five_minutes());
        let ids = endless(&simulator, 1);
        let (client, before) = (learning_client(&simulator, &history), history.recorded());
        driver.events(&client, &ids).count().await;
        assert_eq!(history.recorded(), before + 1);
        driver.watch_until(Instant::now() + secs(100), &client, &ids).await;
        assert_eq!(history.recorded(), before + 1);
        // A final poll that fails says nothing about the task.
        simulator.inject(Fault::status(500).always());
        driver.events(&client, &ids).count().await;
        assert_eq!(history.recorded(), before + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn end_without_time_counts_halfway_between_polls() {
    let (simulator, history) = (Simulator::new(), History::new());
    let id = simulator.add(SimulatedTask::new().never_ends());
    let failed = format!(r#"{{"code":200,"data":{{"taskId":"{id}","successFlag":2,"createTime":1767225600000}}}}"#);
    let date = "Thu, 01 Jan 2026 00:02:00 GMT";
    simulator.inject(Fault::body(failed).header("date", date).after(4).always());
    let client = learning_client(&simulator, &history);
    client.wait_until_done(&id).await.unwrap_err();
    assert_eq!(history.recorded(), 1);
    // The fourth poll, at 90 s, found it unfinished.
    let other: History = [secs(105)].into_iter().collect();
    assert!(Schedule::learned(&history).preview().eq(Schedule::learned(&other).preview()));
    // Found ended by its first poll: it may have ended at any time before.
    client.wait_until_done(&id).await.unwrap_err();
    assert_eq!(history.recorded(), 1);
}

#[tokio::test(start_paused = true)]
async fn impossible_completion_time_is_not_learned() {
    // Created at 2026-01-01T00:00:00Z, found ended at 00:02:00.
    for (completed, counts) in [(1_767_225_700_000_u64, 1), (1_767_225_600_000 + 10_800_000, 0), (1_767_225_500_000, 0)]
    {
        let (simulator, history) = (Simulator::new(), History::new());
        let id = simulator.add(SimulatedTask::new().never_ends());
        let ended = format!(
            r#"{{"code":200,"data":{{"taskId":"{id}","successFlag":2,"createTime":1767225600000,"completeTime":{completed}}}}}"#
        );
        simulator.inject(Fault::body(ended).header("date", "Thu, 01 Jan 2026 00:02:00 GMT").after(4).always());
        learning_client(&simulator, &history).wait_until_done(&id).await.unwrap_err();
        // An impossible time counts like none: halfway between two polls.
        assert_eq!(history.recorded(), if completed < 1_767_225_600_000 { 1 } else { counts }, "{completed}");
    }
}

#[tokio::test(start_paused = true)]
async fn task_watched_several_times_is_learned_once() {
    let (simulator, history) = (Simulator::new(), History::new());
    let client = learning_client(&simulator, &history);
    let id = simulator.add(SimulatedTask::new());
    select_all((0..10).map(|_| client.watch(&id))).count().await;
    assert_eq!(history.recorded(), 1);

    let one_poll = client.with_schedule(Schedule::learned(&history).max_wait(Duration::ZERO)).unwrap();
    let id = simulator.add(SimulatedTask::new().never_ends());
    sleep(secs(200)).await;
    for _ in 0..10 {
        one_poll.wait_until_done(&id).await.unwrap_err();
        sleep(secs(10)).await;
    }
    assert_eq!(history.recorded(), 1, "it was not watched from its creation");
}

#[tokio::test(start_paused = true)]
async fn schedule_that_does_not_learn_records_nothing() {
    let history = five_minutes();
    let (simulator, client, id) = gateway(SimulatedTask::new(), Schedule::default());
    let learning = client.with_schedule(Schedule::learned(&history)).unwrap();
    client.wait_until_done(&id).await.unwrap();
    assert_eq!(history.recorded(), 40);
    let id = simulator.add(SimulatedTask::new());
    learning.wait_until_done(&id).await.unwrap();
    assert_eq!(history.recorded(), 41);
}

#[tokio::test(start_paused = true)]
async fn task_that_ended_long_before_teaches_nothing() {
    for driver in Driver::BOTH {
        let (simulator, history) = (Simulator::new(), History::new());
        let client = learning_client(&simulator, &history);
        let ids: Vec<_> =
            (0..3).map(|task| simulator.add(SimulatedTask::new().generates_for(secs(100 + task)))).collect();
        sleep(secs(1_000)).await;
        driver.events(&client, &ids).count().await;
        assert_eq!((history.recorded(), simulator.requests().len()), (0, 3), "{driver:?}");
        // A task that ends while it is watched is learned.
        driver.events(&client, &[simulator.add(SimulatedTask::new().generates_for(secs(100)))]).count().await;
        assert_eq!(history.recorded(), 1, "{driver:?}");
    }
}

//! A watch that lives as data between its polls decides as any other.

use std::time::Duration;

use futures::StreamExt;
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{Client, ErrorKind, RateLimit, Schedule, Status, StatusEvent, TaskId};
use serde_json::{from_str, to_string};
use tokio::time::sleep;

use crate::support::in_memory::{asked_at, gateway, secs};

/// The events of a task, one step after the other. Each checkpoint is stored in between.
async fn steps(client: &Client, id: &TaskId) -> Vec<StatusEvent> {
    let mut checkpoint = client.watch(id).checkpoint();
    let mut events = Vec::new();
    loop {
        let step = client.poll_once(&from_str(&to_string(&checkpoint).unwrap()).unwrap()).await;
        events.extend(step.event);
        let Some(next) = step.next else { return events };
        sleep(next.after).await;
        checkpoint = next.checkpoint;
    }
}

/// What does not depend on fractions of a second.
fn outline(events: &[StatusEvent]) -> Vec<String> {
    let first_failure = events.iter().position(|event| matches!(event, StatusEvent::PollFailed(_)));
    let events = events.iter().enumerate().map(|(index, event)| match event {
        StatusEvent::Generating(now) if first_failure.is_none_or(|first| index < first) => {
            format!("{} {} in {:?}", now.task.status(), now.polls, now.next_poll_in)
        }
        StatusEvent::Generating(now) => format!("{} {}", now.task.status(), now.polls),
        StatusEvent::PollFailed(now) => {
            format!("{} {} {} {}", now.error.kind(), now.polls, now.consecutive, now.error.is_transient())
        }
        StatusEvent::HeldBack(_) => String::new(),
        StatusEvent::Done(end) => format!("{} {}", end.task.status(), end.polls),
        StatusEvent::GaveUp(error) => format!("gave up {} {}", error.kind(), error.polls()),
        _ => unreachable!(),
    });
    events.filter(|line| !line.is_empty()).collect()
}

#[tokio::test(start_paused = true)]
async fn steps_make_the_events_of_a_watch() {
    type Story = fn(&Simulator);
    let minutes = |minutes: u64| SimulatedTask::new().generates_for(secs(60 * minutes));
    // Between two polls, wherever jitter puts the repeats of failed ones.
    let around_200 = SimulatedTask::new().generates_for(secs(200));
    let stories: [(SimulatedTask, Story); 9] = [
        (minutes(3), |_| {}),
        (minutes(3).ends_with(Status::GenerateFailed), |_| {}),
        (around_200.clone().ends_with(Status::CallbackFailed), |simulator| {
            simulator.inject(Fault::status(502).after(2).times(4));
        }),
        (SimulatedTask::new().never_ends(), |simulator| simulator.inject(Fault::reset().after(20))),
        (minutes(3).unknown_for(secs(45)), |_| {}),
        (minutes(9).unknown_for(secs(500)), |_| {}),
        (minutes(9), |simulator| simulator.inject(Fault::status(401).after(2).always())),
        (minutes(9), |simulator| simulator.inject(Fault::status(401).always())),
        (around_200.meanwhile(Status::Unknown(9)), |simulator| simulator.inject(Fault::page(403).after(3).times(2))),
    ];
    for (number, (task, story)) in stories.into_iter().enumerate() {
        for schedule in [Schedule::default(), Schedule::exponential(secs(5), secs(60)).first_poll_after(secs(7))] {
            let mut outlines = Vec::new();
            for stepwise in [false, true] {
                fastrand::seed(7); // the same jitter
                let (simulator, client, id) = gateway(task.clone(), schedule.clone());
                story(&simulator);
                let events = if stepwise { steps(&client, &id).await } else { client.watch(&id).collect().await };
                outlines.push((outline(&events), simulator.requests().len()));
            }
            assert_eq!(outlines[0], outlines[1], "story {number} {schedule:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn step_that_may_not_ask_says_when() {
    let simulator = Simulator::new();
    let limit = RateLimit::per(1, secs(60));
    let client = Client::builder("test-key").rate_limit(limit).simulator(&simulator).build().unwrap();
    let ids = ["a", "b"].map(|id| simulator.add_as(id, SimulatedTask::new().never_ends()));
    assert_eq!(ids.len(), 2);
    let [a, b] = ["a", "b"].map(|id| client.watch(id).checkpoint());
    let first = client.poll_once(&a).await;
    assert!(matches!(first.event, Some(StatusEvent::Generating(_))));
    let refused = client.poll_once(&b).await;
    let next = refused.next.unwrap();
    assert_eq!((refused.event, next.after, next.checkpoint.polls()), (None, secs(60), 0));
    sleep(next.after).await;
    assert!(client.poll_once(&next.checkpoint).await.event.is_some());
    assert_eq!(asked_at(&simulator), [secs(0), secs(60)]);

    // While the client holds back.
    let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), Schedule::default());
    simulator.inject(Fault::status(503).retry_after("90"));
    client.status(&id).await.unwrap_err();
    let step = client.poll_once(&client.watch(&id).checkpoint()).await;
    assert_eq!((step.event, step.next.unwrap().after), (None, secs(90)));
    assert_eq!(simulator.requests().len(), 1);
    // The final poll goes all the same.
    let last = client.watch(&id).checkpoint();
    sleep(secs(900)).await;
    simulator.inject(Fault::status(503).retry_after("90"));
    client.status(&id).await.unwrap_err();
    let step = client.poll_once(&last).await;
    let Some(StatusEvent::GaveUp(error)) = step.event else { panic!("{step:?}") };
    assert_eq!((error.kind(), error.elapsed(), step.next), (ErrorKind::Deadline, secs(900), None));
}

#[tokio::test(start_paused = true)]
async fn step_before_the_first_poll_is_no_poll() {
    let schedule = Schedule::default().first_poll_after(secs(40));
    let (simulator, client, id) = gateway(SimulatedTask::new(), schedule);
    let step = client.poll_once(&client.watch(&id).checkpoint()).await;
    let next = step.next.unwrap();
    assert_eq!((step.event, next.after), (None, secs(40)));
    sleep(secs(15)).await;
    let next = client.poll_once(&next.checkpoint).await.next.unwrap();
    assert_eq!(next.after, secs(25));
    sleep(next.after).await;
    let step = client.poll_once(&next.checkpoint).await;
    assert!(step.event.is_some(), "{step:?}");
    assert_eq!(asked_at(&simulator), [secs(40)]);
}

#[tokio::test(start_paused = true)]
async fn step_of_an_invalid_id_is_its_end() {
    let (simulator, client, _) = gateway(SimulatedTask::new(), Schedule::default());
    let step = client.poll_once(&client.watch("").checkpoint()).await;
    assert_eq!(step.event.unwrap().outcome().unwrap().unwrap_err().kind(), ErrorKind::InvalidRequest);
    assert!(step.next.is_none() && simulator.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn dropped_step_aborts_its_request_and_can_be_made_again() {
    let (simulator, client, id) = gateway(SimulatedTask::new().generates_for(Duration::ZERO), Schedule::default());
    simulator.latency(secs(3));
    let checkpoint = client.watch(&id).checkpoint();
    assert!(tokio::time::timeout(secs(1), client.poll_once(&checkpoint)).await.is_err());
    assert_eq!(client.limits().in_flight, 0);
    assert!(client.poll_once(&checkpoint).await.event.unwrap().is_terminal());
}

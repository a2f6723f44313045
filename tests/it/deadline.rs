//! A wait ends at the schedule's `max_wait`, with a final poll, and the error says what to do then.

use futures::StreamExt;
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{Client, Error, ErrorKind, Schedule, Status, StatusEvent, Task, TaskId};
use tokio::time::{Instant, sleep, timeout};

use crate::support::driver::Driver;
use crate::support::in_memory::{asked_at, builder, gateway, gave_up, ms, progress, secs, slow_simulator};

fn endless() -> SimulatedTask {
    SimulatedTask::new().never_ends()
}

fn ends_after(millis: u64) -> SimulatedTask {
    SimulatedTask::new().generates_for(ms(millis))
}

/// The end of a wait of at most 100 s, polled each 40 s.
async fn short_wait(task: SimulatedTask) -> (Simulator, Result<Task, Error>) {
    let (simulator, client, id) = gateway(task, Schedule::every(secs(40)).max_wait(secs(100)));
    let outcome = client.wait_until_done(id).await;
    (simulator, outcome)
}

#[tokio::test(start_paused = true)]
async fn default_schedule_polls_31_times_in_15_minutes() {
    let (simulator, client, id) = gateway(endless(), Schedule::default());
    let start = Instant::now();
    let events: Vec<_> = client.watch(id).collect().await;
    assert_eq!(start.elapsed(), secs(900));
    assert_eq!(asked_at(&simulator), Schedule::default().preview().collect::<Vec<_>>());
    assert_eq!((simulator.requests().len(), events.len()), (31, 31));
    assert!(events[..30].iter().all(|event| matches!(event, StatusEvent::Generating(_))));
    let StatusEvent::GaveUp(error) = &events[30] else { panic!("{:?}", events[30]) };
    assert_eq!((error.kind(), error.polls(), error.elapsed()), (ErrorKind::Deadline, 31, secs(900)));
    assert_eq!(error.task().map(Task::status), Some(Status::Generating));
    sleep(secs(3600)).await;
    assert_eq!(simulator.requests().len(), 31);
}

#[tokio::test(start_paused = true)]
async fn final_poll_finds_task_ended_after_last_interval() {
    for (end, found) in [(79_999, true), (80_001, true), (99_999, true), (100_000, true), (100_001, false)] {
        let (simulator, outcome) = short_wait(ends_after(end)).await;
        assert_eq!(outcome.is_ok(), found, "{end} ms: {outcome:?}");
        let asked = [0, 40, 80, 100].map(secs);
        assert_eq!(asked_at(&simulator), asked[..simulator.requests().len()]);
        assert_eq!(simulator.requests().len(), if end < 80_000 { 3 } else { 4 });
    }
}

#[tokio::test(start_paused = true)]
async fn deadline_error_says_what_happened_and_what_helps() {
    let (simulator, client, id) = gateway(endless(), Schedule::every(secs(40)).max_wait(secs(100)));
    simulator.inject(Fault::status(502).after(1));
    let error = client.wait_until_done(&id).await.unwrap_err();
    let text = error.to_string();
    let wanted = ["100s", "5 polls", "GENERATING", "1 of 5 polls failed", "3 since", "may still finish", "billed"];
    for part in wanted.iter().chain(&["watch the same id again", "not create it again", id.as_str()]) {
        assert!(text.contains(part), "no {part:?} in {text:?}");
    }
    assert!(error.is_transient() && error.task_id() == Some(&id));

    let (simulator, client, id) = gateway(endless(), Schedule::default().max_wait(secs(0)));
    simulator.inject(Fault::reset());
    let text = client.wait_until_done(id).await.unwrap_err().to_string();
    assert!(text.contains("1 poll;") && text.contains("never seen") && text.contains("connection broke"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn task_watched_again_after_deadline_gives_its_result() {
    let (simulator, client, id) = gateway(ends_after(1_200_000), Schedule::default());
    let error = client.wait_until_done(&id).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deadline);
    let again: TaskId = error.task_id().unwrap().clone();
    assert_eq!(client.wait_until_done(again).await.unwrap().status(), Status::Success);
    assert_eq!(simulator.requests().len(), 31 + 11);
}

#[tokio::test(start_paused = true)]
async fn max_wait_counts_from_first_stream_poll() {
    let (simulator, client, id) = gateway(endless(), Schedule::default());
    let watch = client.watch(id);
    sleep(secs(600)).await;
    let error = watch.await.unwrap_err();
    assert_eq!((error.elapsed(), error.polls()), (secs(900), 31));
    assert_eq!(asked_at(&simulator).last(), Some(&secs(1500)));
}

#[tokio::test(start_paused = true)]
async fn consumer_back_after_deadline_gets_the_final_poll() {
    for (end, kind) in [(1_000_000, None), (2_000_000, Some(ErrorKind::Deadline))] {
        let (simulator, client, id) = gateway(ends_after(end), Schedule::default());
        let mut watch = client.watch(id);
        watch.next().await.unwrap();
        sleep(secs(1200)).await;
        assert_eq!(watch.await.err().map(|error| error.kind()), kind);
        assert_eq!(asked_at(&simulator), [0, 1200].map(secs));
    }
}

#[tokio::test(start_paused = true)]
async fn request_outlives_deadline_by_its_timeout_at_most() {
    // After 3 requests: the fault is in flight at the deadline, and the final poll follows it. After 4: it is the final poll.
    for (passed, stalled, end) in [(3, 1, 110), (3, 2, 120), (4, 1, 120)] {
        for driver in Driver::BOTH {
            let (simulator, client, id) = gateway(endless(), Schedule::every(secs(30)).max_wait(secs(100)));
            simulator.inject(Fault::stall().after(passed).times(stalled));
            let events: Vec<_> = driver.events(&client, &[id]).collect().await;
            let Some(StatusEvent::GaveUp(error)) = events.last() else { panic!("{events:?}") };
            assert_eq!((error.kind(), error.elapsed()), (ErrorKind::Deadline, secs(end)));
            let said = if end == 110 {
                "1 of 5 polls failed, the one since then was answered"
            } else {
                "no complete answer came within"
            };
            assert!(error.to_string().contains(said), "{error}");
            assert_eq!(simulator.requests().len(), 5, "{driver:?} {passed} {stalled}");
        }
    }
    // A slow answer to a request before the deadline still counts.
    let simulator = slow_simulator(secs(15));
    let id = simulator.add(ends_after(90_000));
    let schedule = Schedule::every(secs(30)).max_wait(secs(100));
    let client = Client::builder("test-key").schedule(schedule).simulator(&simulator).build().unwrap();
    let start = Instant::now();
    assert_eq!(client.wait_until_done(id).await.unwrap().status(), Status::Success);
    assert_eq!((asked_at(&simulator), start.elapsed()), ([0, 45, 90].map(secs).to_vec(), secs(105)));
    // The request timeout is a setting.
    let simulator = Simulator::new();
    let client = Client::builder("test-key").request_timeout(secs(3)).simulator(&simulator).build().unwrap();
    simulator.inject(Fault::stall());
    let start = Instant::now();
    assert_eq!(client.status("x").await.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(start.elapsed(), secs(3));
}

/// A request that is in flight at the deadline is not the last, however long it takes.
#[tokio::test(start_paused = true)]
async fn slow_answer_before_deadline_leaves_final_poll() {
    for (latency, asked, end) in [(6, [0, 86, 100], 106), (15, [0, 95, 110], 120), (19, [0, 99, 118], 120)] {
        for driver in Driver::BOTH {
            let simulator = slow_simulator(secs(latency));
            let id = simulator.add(endless());
            let client = builder(&simulator).schedule(Schedule::every(secs(80)).max_wait(secs(100))).build().unwrap();
            let start = Instant::now();
            let events: Vec<_> = driver.events(&client, &[id]).collect().await;
            assert_eq!(events.last().and_then(gave_up), Some(ErrorKind::Deadline));
            assert_eq!((asked_at(&simulator), start.elapsed()), (asked.map(secs).to_vec(), secs(end)), "{driver:?}");
        }
    }
}

/// A consumer that takes 2 s for each event takes most of them after the deadline.
#[tokio::test(start_paused = true)]
async fn slow_consumer_misses_no_end_before_deadline() {
    for driver in Driver::BOTH {
        let simulator = slow_simulator(ms(100));
        let ids: Vec<_> = (0..40).map(|_| simulator.add(ends_after(5_000))).collect();
        let client = builder(&simulator).schedule(Schedule::default().max_wait(secs(60))).build().unwrap();
        let mut events = driver.events(&client, &ids);
        let mut done = 0;
        while let Some(event) = events.next().await {
            done += usize::from(matches!(event, StatusEvent::Done(_)));
            sleep(secs(2)).await;
        }
        assert_eq!(done, 40, "{driver:?}");
    }
}

/// The consumer is away, while the last request before the deadline is in flight or after it: the task has ended meanwhile,
/// and the final poll has time to find out.
#[tokio::test(start_paused = true)]
async fn absent_consumer_gets_final_poll_with_full_timeout() {
    for (driver, waits_for_answer) in Driver::BOTH.into_iter().flat_map(|driver| [(driver, false), (driver, true)]) {
        let simulator = slow_simulator(secs(15));
        let id = simulator.add(ends_after(250_000));
        let client = builder(&simulator).schedule(Schedule::every(secs(80)).max_wait(secs(100))).build().unwrap();
        let mut events = driver.events(&client, &[id]);
        progress(events.next().await);
        if waits_for_answer {
            progress(events.next().await); // at 110 s
        } else {
            assert!(timeout(secs(82), events.next()).await.is_err()); // sent at 95 s
        }
        sleep(secs(200)).await;
        let rest: Vec<_> = events.collect().await;
        assert!(matches!(rest.last(), Some(StatusEvent::Done(_))), "{driver:?} {waits_for_answer} {rest:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn max_wait_zero_makes_one_poll() {
    let schedule = || Schedule::default().max_wait(secs(0));
    let (simulator, client, id) = gateway(endless(), schedule());
    let events: Vec<_> = client.watch(id).collect().await;
    assert_eq!((events.len(), gave_up(&events[0])), (1, Some(ErrorKind::Deadline)));
    assert_eq!(asked_at(&simulator), [secs(0)]);
    let (_, client, id) = gateway(ends_after(0), schedule());
    assert_eq!(client.wait_until_done(id).await.unwrap().status(), Status::Success);
}

#[tokio::test(start_paused = true)]
async fn first_poll_delay_counts_towards_max_wait() {
    for (delay, asked) in [(0, vec![0, 40, 80, 100]), (50, vec![50, 90, 100]), (99, vec![99, 100])] {
        let schedule = Schedule::every(secs(40)).max_wait(secs(100)).first_poll_after(secs(delay));
        let (simulator, client, id) = gateway(endless(), schedule);
        let error = client.wait_until_done(id).await.unwrap_err();
        assert_eq!((error.kind(), error.elapsed()), (ErrorKind::Deadline, secs(100)));
        assert_eq!(asked_at(&simulator), asked.into_iter().map(secs).collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn no_max_wait_waits_for_days() {
    let (simulator, client, id) = gateway(ends_after(3 * 86_400_000), Schedule::default().no_max_wait());
    assert_eq!(client.wait_until_done(id).await.unwrap().status(), Status::Success);
    assert_eq!(simulator.requests().len(), 3 * 2880 + 1);
}

#[tokio::test(start_paused = true)]
async fn end_of_final_poll_replaces_deadline() {
    for (fault, kind) in [
        (Fault::code(501, ""), ErrorKind::TaskFailed),
        // It is not confirmed, and the task may still finish.
        (Fault::status(401), ErrorKind::Deadline),
        (Fault::status(429).retry_after("60"), ErrorKind::Deadline),
    ] {
        let (simulator, client, id) = gateway(endless(), Schedule::every(secs(40)).max_wait(secs(100)));
        simulator.inject(fault.after(3));
        let error = client.wait_until_done(id).await.unwrap_err();
        assert_eq!((error.kind(), error.elapsed(), error.polls()), (kind, secs(100), 4));
    }
}

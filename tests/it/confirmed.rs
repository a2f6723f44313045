//! What would end a watch is confirmed first, once the watch has had a good answer; and what is not the gateway's voice never
//! ends one before the grace is over.

use futures::StreamExt;
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{Client, Error, ErrorKind, Schedule, Status, StatusEvent, Task, TaskId};

use crate::support::driver::Driver;
use crate::support::in_memory::{gateway, gave_up, secs};

/// The events of a task of 300 s that meets this fault.
async fn meets(driver: Driver, fault: Fault) -> Vec<StatusEvent> {
    let (simulator, client, id) = gateway(SimulatedTask::new(), Schedule::default());
    simulator.inject(fault);
    driver.events(&client, &[id]).collect().await
}

fn failures(events: &[StatusEvent]) -> Vec<&Error> {
    let failed = events.iter().filter_map(|event| match event {
        StatusEvent::PollFailed(failure) => Some(&failure.error),
        _ => None,
    });
    failed.collect()
}

#[tokio::test(start_paused = true)]
async fn seen_task_survives_pages_for_half_a_minute() {
    for driver in Driver::BOTH {
        // After 4 good answers, each page is asked again: within 1, 2, 4, 8 and 16 s.
        for status in [401, 403, 404, 410, 422, 451] {
            let events = meets(driver, Fault::page(status).after(4).times(5)).await;
            let failures = failures(&events);
            assert_eq!(failures.len(), 5, "{driver:?} {status}: {events:?}");
            assert!(failures.iter().all(|error| error.kind() == ErrorKind::Intermediary && error.is_transient()));
            assert!(matches!(events.last(), Some(StatusEvent::Done(_))), "{driver:?} {status}: {events:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn pages_from_the_start_end_after_the_grace() {
    for driver in Driver::BOTH {
        let challenge = Fault::page(403).header("server", "cloudflare").header("cf-ray", "8f2-AMS");
        let events = meets(driver, challenge.header("cf-mitigated", "challenge").always()).await;
        let Some(StatusEvent::GaveUp(error)) = events.last() else { panic!("{events:?}") };
        assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Intermediary, false));
        assert!(error.elapsed() >= secs(60) && error.elapsed() <= secs(61), "{:?}", error.elapsed());
        let text = error.to_string();
        for part in ["Error 403", "server cloudflare", "cf-ray 8f2-AMS", "cf-mitigated challenge", "HTTP 403"] {
            assert!(text.contains(part), "no {part:?} in {text:?}");
        }
        assert!(!text.contains("API key") && !text.contains("test-key"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_round_of_refusals_ends_no_seen_watch() {
    for driver in Driver::BOTH {
        for fault in [Fault::status(401), Fault::code(401, "no access"), Fault::code(402, ""), Fault::code(422, "bad")]
        {
            let simulator = Simulator::new();
            let ids: Vec<TaskId> = (0..50).map(|_| simulator.add(SimulatedTask::new())).collect();
            let client = Client::builder("test-key").simulator(&simulator).build().unwrap();
            // Each watch has had its first answer, and its second one is a refusal.
            simulator.inject(fault.after(50).times(50));
            let events: Vec<_> = driver.events(&client, &ids).collect().await;
            assert_eq!(failures(&events).len(), 50, "{driver:?}");
            let done = events.iter().filter(|event| matches!(event.outcome(), Some(Ok(_)))).count();
            assert_eq!(done, 50, "{driver:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn refusal_that_lasts_ends_a_seen_watch() {
    for driver in Driver::BOTH {
        let events = meets(driver, Fault::code(401, "no access").after(2).always()).await;
        let Some(StatusEvent::GaveUp(error)) = events.last() else { panic!("{events:?}") };
        assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Unauthorized, false));
        // The second good answer came after 30 s, the first refusal after 60 s.
        assert!(error.elapsed() >= secs(120) && error.elapsed() <= secs(121), "{:?}", error.elapsed());
        assert_eq!(error.task().map(Task::status), Some(Status::Generating));
    }
}

#[tokio::test(start_paused = true)]
async fn refusal_before_any_answer_ends_at_once() {
    for driver in Driver::BOTH {
        for (fault, kind) in [
            (Fault::status(401), ErrorKind::Unauthorized),
            (Fault::code(403, ""), ErrorKind::Unauthorized),
            (Fault::code(402, "no credits"), ErrorKind::OutOfCredit),
            (Fault::code(400, ""), ErrorKind::InvalidRequest),
        ] {
            let events = meets(driver, fault).await;
            assert_eq!(events.iter().map(gave_up).collect::<Vec<_>>(), [Some(kind)], "{driver:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn result_that_comes_late_is_handed_over() {
    for driver in Driver::BOTH {
        for flag in [1, 4] {
            let simulator = Simulator::new();
            let id = simulator.add(SimulatedTask::new().generates_for(secs(0)));
            let client = Client::builder("test-key").simulator(&simulator).build().unwrap();
            let body = format!(r#"{{"code":200,"data":{{"taskId":"{id}","successFlag":{flag},"response":null}}}}"#);
            simulator.inject(Fault::body(body).times(3));
            let events: Vec<_> = driver.events(&client, &[id]).collect().await;
            let failures = failures(&events);
            assert_eq!(failures.len(), 3);
            for error in failures {
                assert_eq!((error.kind(), error.is_transient()), (ErrorKind::MissingResult, true), "{error}");
                assert_eq!(error.task().map(|task| task.status().flag()), Some(flag));
            }
            assert!(matches!(events.last().and_then(StatusEvent::outcome), Some(Ok(_))), "{events:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn result_that_never_comes_is_done_after_the_grace() {
    for driver in Driver::BOTH {
        let task = SimulatedTask::new().generates_for(secs(45)).result_urls([""; 0]);
        let (_, client, id) = gateway(task, Schedule::default());
        let events: Vec<_> = driver.events(&client, &[id]).collect().await;
        let Some(StatusEvent::Done(finished)) = events.last() else { panic!("{events:?}") };
        assert!(finished.elapsed >= secs(120) && finished.elapsed <= secs(121), "{:?}", finished.elapsed);
        let error = events.last().and_then(StatusEvent::outcome).unwrap().unwrap_err();
        assert_eq!((error.kind(), error.is_transient()), (ErrorKind::MissingResult, false));
    }
}

#[tokio::test(start_paused = true)]
async fn watch_gives_up_after_set_number_of_failures() {
    for driver in Driver::BOTH {
        let (simulator, client, id) = gateway(SimulatedTask::new(), Schedule::default().give_up_after(4));
        simulator.inject(Fault::status(502).times(3));
        simulator.inject(Fault::status(502).after(1).always());
        let events: Vec<_> = driver.events(&client, &[id]).collect().await;
        let Some(StatusEvent::GaveUp(error)) = events.last() else { panic!("{events:?}") };
        assert_eq!((error.kind(), error.polls()), (ErrorKind::Server, 8), "3 failed, 1 answered, 4 failed");
        assert!(error.to_string().contains("4 polls in a row have failed"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn refusal_and_missing_result_do_not_confirm_each_other() {
    for driver in Driver::BOTH {
        for result_is_missing_first in [true, false] {
            let simulator = Simulator::new();
            let id = simulator.add(SimulatedTask::new().generates_for(secs(0)));
            let client = Client::builder("test-key").simulator(&simulator).build().unwrap();
            let missing = || Fault::body(format!(r#"{{"code":200,"data":{{"taskId":"{id}","successFlag":1}}}}"#));
            let (before, last) =
                if result_is_missing_first { (missing(), Fault::status(401)) } else { (Fault::status(401), missing()) };
            simulator.inject(Fault::body(r#"{"code":200,"data":{"successFlag":0}}"#));
            simulator.inject(before.always());
            let mut events = driver.events(&client, std::slice::from_ref(&id));
            while let Some(event) = events.next().await {
                // The first one came after 30 s, and the next comes at the end of the grace.
                let StatusEvent::PollFailed(failure) = &event else { continue };
                if failure.elapsed + failure.next_poll_in >= secs(90) {
                    break;
                }
            }
            simulator.clear_faults();
            simulator.inject(last);
            let rest: Vec<_> = events.collect().await;
            assert_eq!(failures(&rest).len(), 1, "{driver:?}: {rest:?}");
            assert!(matches!(rest.last().and_then(StatusEvent::outcome), Some(Ok(_))), "{driver:?}: {rest:?}");
        }
    }
}

//! An error is one sentence on one line, and its cause is not lost.

use std::error::Error as _;
use std::time::Duration;

use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch::{Client, ErrorKind, Schedule, Status};

#[tokio::test(start_paused = true)]
async fn error_text_stays_on_one_short_line() {
    let simulator = Simulator::new();
    let client = Client::builder("test-key").simulator(&simulator).build().unwrap();
    let long = "x".repeat(100_000);
    for message in ["two\nlines\r\n", "\u{1b}[31mred", "\u{7}", &long] {
        let id = simulator.add(
            SimulatedTask::new().generates_for(Duration::ZERO).ends_with(Status::GenerateFailed).error(1, message),
        );
        let failed = client.wait_until_done(&id).await.unwrap_err();
        assert_eq!(failed.task().unwrap().error_message(), Some(message), "whole in the record");
        simulator.inject(Fault::code(400, message));
        let refused = client.wait_until_done("x").await.unwrap_err();
        for error in [failed, refused] {
            let text = error.to_string();
            assert!(text.len() < 2_500 && !text.chars().any(char::is_control), "{text:?}");
        }
    }
}

#[tokio::test]
async fn deadline_error_keeps_cause_of_last_failure() {
    // No server listens on this port.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let schedule = Schedule::every(Duration::from_millis(10)).max_wait(Duration::from_millis(30));
    let client =
        Client::builder("key").base_url(format!("http://127.0.0.1:{port}")).schedule(schedule).build().unwrap();
    let error = client.wait_until_done("x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deadline);
    let causes: Vec<_> =
        std::iter::successors(error.source(), |&cause| cause.source()).map(ToString::to_string).collect();
    assert!(causes.iter().any(|cause| cause.contains("refused")), "{causes:?}");
    assert!(causes.iter().all(|cause| !error.to_string().contains(cause)), "{error} {causes:?}");
}

#[tokio::test(start_paused = true)]
async fn redirect_without_an_address_is_told_as_such() {
    let simulator = Simulator::new();
    simulator.inject(Fault::status(302));
    let client = Client::builder("test-key").simulator(&simulator).build().unwrap();
    let error = client.status("x").await.unwrap_err().to_string();
    assert!(error.contains("it names no address, or leads to another host"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn timeout_is_told_in_whole_milliseconds() {
    let simulator = Simulator::new();
    simulator.inject(Fault::stall());
    let timeout = Duration::from_nanos(397_740_259);
    let builder = Client::builder("test-key").simulator(&simulator).request_timeout(timeout);
    let error = builder.build().unwrap().status("x").await.unwrap_err().to_string();
    assert!(error.ends_with("no complete answer came within 397ms"), "{error}");
}

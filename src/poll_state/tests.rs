//! Each response, at each time, has one consequence.

#![allow(clippy::arithmetic_side_effects)]

mod confirmed;
mod deadline;
mod property;
mod retry_after;

use std::time::Duration;

use super::decision::Decision;
use super::{Next, PollState, Response, ResponseContext, WatchConfig};
use crate::error::{Error, ErrorKind};
use crate::event::StatusEvent;
use crate::millis;
use crate::schedule::Schedule;
use crate::task::{Record, Status, Task, TaskId};

type Answer = Result<Task, Error>;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A watch without clock and network: the test gives the answers and the time.
struct Bench {
    config: WatchConfig,
    state: PollState,
    id: TaskId,
}

impl Bench {
    fn new(schedule: Schedule) -> Self {
        let config = WatchConfig { schedule, grace: secs(60), retry_after_cap: Duration::MAX };
        let mut state = PollState::new(&config);
        state.start(0);
        Self { config, state, id: TaskId::from("t") }
    }

    /// To a request that was sent then.
    fn on_response(&mut self, answer: Answer, sent: Duration, elapsed: Duration, jitter_sample: f64) -> Decision {
        let retry_after = answer.as_ref().err().and_then(Error::retry_after);
        let was_away = elapsed.saturating_sub(sent) > secs(20);
        self.answered(answer, ResponseContext { sent, elapsed, jitter_sample, age: None, retry_after, was_away })
    }

    fn answered(&mut self, answer: Answer, context: ResponseContext) -> Decision {
        self.state.on_response(&self.config, &self.id, Response::Polled(answer), context, || true)
    }

    /// The pause after this answer to a poll of the schedule's own; it must not be the last.
    fn pause(&mut self, answer: Answer, elapsed: Duration, jitter_sample: f64) -> Duration {
        let Decision { event, next } = self.on_response(answer, elapsed, elapsed, jitter_sample);
        let Next::Poll { after } = next else { panic!("it ended: {event:?}") };
        let in_event = match &event {
            StatusEvent::Generating(progress) => progress.next_poll_in,
            StatusEvent::PollFailed(failure) => {
                assert!(failure.error.is_transient(), "the watch goes on");
                failure.next_poll_in
            }
            other => panic!("terminal, yet it goes on: {other:?}"),
        };
        assert_eq!(in_event, millis::whole(after), "the event says another pause than the watch makes");
        after
    }

    /// The pause after this answer to an extra poll.
    fn extra(&mut self, answer: Answer, elapsed: Duration, scheduled_at: Duration) -> Duration {
        self.state.poll_early(scheduled_at);
        match self.on_response(answer, Duration::ZERO, elapsed, 0.0).next {
            Next::Poll { after } => after,
            Next::End => panic!("it ended"),
        }
    }

    /// The error that the watch gives up with after this answer.
    fn end(&mut self, answer: Answer, elapsed: Duration) -> Error {
        let Decision { event, next } = self.on_response(answer, elapsed, elapsed, 0.0);
        let (StatusEvent::GaveUp(error), Next::End) = (event, next) else { panic!("it did not give up") };
        assert!(!self.state.is_running());
        error
    }
}

fn every(seconds: u64) -> Bench {
    Bench::new(Schedule::every(secs(seconds)))
}

#[allow(clippy::unnecessary_wraps)] // an answer, as `bad` makes one
fn good(status: Status) -> Answer {
    Ok(Record::new(TaskId::from("t"), status).into())
}

fn generating() -> Answer {
    good(Status::Generating)
}

fn bad(kind: ErrorKind) -> Answer {
    Err(Error::new(kind, "why"))
}

fn asked_to_wait(kind: ErrorKind, wait: Duration) -> Answer {
    Err(Error::new(kind, "why").with_response(Some(429), None, Some(wait)))
}

#[test]
fn each_kind_of_error_passes_or_ends_the_watch() {
    use ErrorKind as K;
    for kind in [K::Transport, K::Timeout, K::Server, K::Decode, K::NotFound, K::Intermediary] {
        assert_eq!(every(30).pause(bad(kind), secs(0), 0.0), secs(1), "{kind:?}");
        assert_eq!(every(30).pause(bad(kind), secs(0), 1.0), Duration::from_millis(500), "{kind:?}");
    }
    for kind in [K::RateLimited, K::Maintenance] {
        for jitter_sample in [0.0, 0.5, 1.0] {
            let mut jittered = Bench::new(Schedule::every(secs(30)).jitter(0.5));
            assert_eq!(jittered.pause(bad(kind), secs(0), jitter_sample), secs(30), "{kind:?}");
        }
    }
    for kind in [K::Unauthorized, K::InvalidRequest, K::OutOfCredit, K::Config] {
        let error = every(30).end(bad(kind), secs(7));
        assert_eq!((error.kind(), error.polls(), error.elapsed()), (kind, 1, secs(7)));
        assert!(!error.is_transient() && error.task_id().is_some());
    }
    let untrusted = every(30).end(Err(Error::new(K::Transport, "certificate").permanent()), secs(0));
    assert_eq!(untrusted.kind(), K::Transport);
    assert!(!untrusted.is_transient());
}

#[test]
fn a_good_answer_takes_the_schedules_pause_less_jitter() {
    for (jitter_sample, pause) in [(0.0, 30), (0.5, 24), (1.0, 18)] {
        assert_eq!(
            Bench::new(Schedule::every(secs(30)).jitter(0.4)).pause(generating(), secs(0), jitter_sample),
            secs(pause)
        );
        assert_eq!(every(30).pause(generating(), secs(0), jitter_sample), secs(30));
    }
}

#[test]
fn retries_double_up_to_the_schedules_pause() {
    for (jitter_sample, expected) in
        [(0.0, [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]), (1.0, [0.5, 1.0, 2.0, 4.0, 8.0, 30.0, 30.0])]
    {
        let mut bench = every(30);
        for _ in 0..2 {
            for pause in expected {
                assert_eq!(bench.pause(bad(ErrorKind::Server), secs(0), jitter_sample), Duration::from_secs_f64(pause));
            }
            assert_eq!(bench.pause(generating(), secs(0), jitter_sample), secs(30));
        }
    }
    let mut short = Bench::new(Schedule::every(Duration::from_millis(300)));
    assert_eq!(short.pause(bad(ErrorKind::Server), secs(0), 0.0), Duration::from_millis(300));
}

#[test]
fn an_exponential_schedule_grows_with_good_answers_only() {
    let mut bench = Bench::new(Schedule::exponential(secs(10), secs(60)).multiplier(2.0));
    for (failures, pause) in [(2, 10), (3, 20), (0, 40), (1, 60), (0, 60)] {
        for _ in 0..failures {
            assert!(bench.pause(bad(ErrorKind::Timeout), secs(0), 0.0) < secs(10));
        }
        assert_eq!(bench.pause(generating(), secs(0), 0.0), secs(pause));
    }
    // Asked for fewer requests, but not for how long: from the interval, by doubling, to the schedule's cap.
    for (jitter_sample, pauses) in [(0.0, [3, 3, 4, 8, 16, 20, 20]), (1.0, [3, 3, 3, 4, 8, 16, 20])] {
        let mut throttled = Bench::new(Schedule::exponential(secs(3), secs(20)));
        for pause in pauses {
            assert_eq!(throttled.pause(bad(ErrorKind::RateLimited), secs(0), jitter_sample), secs(pause));
        }
    }
}

#[test]
fn not_found_is_believed_after_the_grace() {
    let missing = || bad(ErrorKind::NotFound);
    let mut bench = every(30);
    assert_eq!(bench.pause(missing(), secs(10), 0.0), secs(1));
    for at in [20, 40, 60] {
        assert!(bench.pause(missing(), secs(at), 0.0) <= secs(70 - at));
    }
    // The last look of the grace is at its end.
    assert_eq!(bench.pause(missing(), Duration::from_millis(69_400), 0.0), Duration::from_millis(600));
    let error = bench.end(missing(), secs(70));
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(!error.is_transient());

    for breaks in [generating(), good(Status::Unknown(9)), bad(ErrorKind::Server), bad(ErrorKind::RateLimited)] {
        let mut bench = every(30);
        bench.pause(missing(), secs(0), 0.0);
        bench.pause(breaks, secs(40), 0.0);
        bench.pause(missing(), secs(50), 0.0);
        bench.pause(missing(), secs(109), 0.0);
        bench.end(missing(), secs(110));
    }

    let mut impatient = every(30);
    impatient.config.grace = Duration::ZERO;
    impatient.end(missing(), secs(0));
    let mut patient = every(30);
    patient.config.grace = Duration::MAX;
    patient.pause(missing(), secs(1), 0.0);
    assert_eq!(patient.end(missing(), secs(900)).kind(), ErrorKind::Deadline);
}

#[test]
fn unknown_flags_are_kept_over_failed_polls() {
    let mut bench = every(30);
    let seen =
        |bench: &mut Bench, answer| bench.on_response(answer, secs(0), secs(0), 0.0).event.task().map(Task::status);
    assert_eq!(seen(&mut bench, bad(ErrorKind::Server)), None);
    for (answer, status) in [
        (good(Status::Unknown(9)), Status::Unknown(9)),
        (bad(ErrorKind::Server), Status::Unknown(9)),
        (generating(), Status::Generating),
        (bad(ErrorKind::Server), Status::Generating),
        (good(Status::Unknown(-1)), Status::Unknown(-1)),
        (bad(ErrorKind::RateLimited), Status::Unknown(-1)),
    ] {
        assert_eq!(seen(&mut bench, answer), Some(status));
    }
}

#[test]
fn the_outcome_needs_a_result_to_fetch() {
    let ended = |status, urls: &[&str]| {
        let result_urls = urls.iter().map(ToString::to_string).collect();
        let (error_code, error_message) = (Some(400), Some("no audio".to_owned()));
        let record = Record { result_urls, error_code, error_message, ..Record::new(TaskId::from("t"), status) };
        let mut bench = every(30);
        bench.config.grace = Duration::ZERO;
        let Decision { event, next } = bench.on_response(Ok(record.into()), secs(1990), secs(2000), 0.0);
        assert!(
            matches!(&event, StatusEvent::Done(finished) if finished.task.status() == status && finished.polls == 1)
        );
        assert_eq!(next, Next::End);
        let outcome = event.outcome().unwrap();
        let error = outcome.as_ref().err();
        assert!(error.is_none_or(|error| (error.polls(), error.elapsed()) == (1, secs(2000))));
        outcome.map(|task| task.status()).map_err(|error| (error.kind(), error.code(), error.to_string()))
    };
    for status in [Status::Success, Status::CallbackFailed] {
        assert_eq!(ended(status, &["https://x/v.mp4"]), Ok(status));
        assert_eq!(ended(status, &[]).unwrap_err().0, ErrorKind::MissingResult);
    }
    for status in [Status::CreateTaskFailed, Status::GenerateFailed] {
        let (kind, code, text) = ended(status, &["https://x/v.mp4"]).unwrap_err();
        assert_eq!((kind, code), (ErrorKind::TaskFailed, Some(400)));
        assert!(text.contains("no audio") && text.contains(&status.to_string()), "{text}");
    }
}

#[test]
fn an_extra_poll_leaves_no_trace_in_the_schedule() {
    let mut bench = Bench::new(Schedule::exponential(secs(10), secs(600)).multiplier(2.0));
    assert_eq!(bench.pause(generating(), secs(0), 0.0), secs(10));
    assert_eq!(bench.extra(generating(), secs(3), secs(10)), secs(7));
    assert_eq!(bench.extra(bad(ErrorKind::Server), secs(4), secs(10)), secs(1));
    assert_eq!(bench.extra(bad(ErrorKind::Server), secs(6), secs(10)), secs(2));
    assert_eq!(bench.extra(asked_to_wait(ErrorKind::Server, secs(60)), secs(7), secs(10)), secs(60));
    assert_eq!(bench.extra(generating(), secs(12), secs(10)), secs(0), "the schedule's own is due");
    assert_eq!(bench.pause(generating(), secs(12), 0.0), secs(20));
    // Nor in the rhythm of retries.
    assert_eq!(bench.pause(bad(ErrorKind::Server), secs(32), 0.0), secs(1));
    assert_eq!(bench.extra(bad(ErrorKind::Server), secs(32), secs(33)), secs(1));
    assert_eq!(bench.pause(bad(ErrorKind::Server), secs(33), 0.0), secs(2));
}

#[test]
fn a_throttled_extra_poll_waits_for_the_cooldown() {
    let mut bench = Bench::new(Schedule::exponential(secs(10), secs(600)));
    bench.pause(generating(), secs(0), 0.0);
    assert_eq!(bench.extra(bad(ErrorKind::RateLimited), secs(8), secs(100)), secs(10));
    assert_eq!(bench.extra(bad(ErrorKind::RateLimited), secs(95), secs(100)), secs(5), "not after the schedule's own");
}

#[test]
fn the_schedules_own_poll_ends_a_row_of_extra_polls() {
    let mut bench = every(30);
    bench.pause(generating(), secs(0), 0.0);
    assert_eq!(bench.extra(generating(), secs(5), secs(30)), secs(25));
    // Brought forward again: the schedule's own stays where it was.
    assert_eq!(bench.extra(generating(), secs(10), secs(17)), secs(20));
    assert!(bench.state.is_extra(secs(29)) && !bench.state.is_extra(secs(30)));
    assert_eq!(bench.pause(generating(), secs(30), 0.0), secs(30));
    assert!(!bench.state.is_extra(secs(29)), "it is over");
}

#[test]
fn a_good_extra_poll_ends_a_row_of_not_found() {
    let mut bench = every(30);
    bench.pause(bad(ErrorKind::NotFound), secs(0), 0.0);
    bench.extra(generating(), secs(30), secs(31));
    bench.pause(bad(ErrorKind::NotFound), secs(59), 0.0);
    bench.pause(bad(ErrorKind::NotFound), secs(61), 0.0);
    // And an extra poll that finds no record continues the row.
    bench.extra(bad(ErrorKind::NotFound), secs(100), secs(130));
    assert_eq!(bench.on_response(bad(ErrorKind::NotFound), secs(130), secs(120), 0.0).next, Next::End);
}

#[test]
fn the_grace_ends_on_an_extra_poll_too() {
    let mut bench = every(30);
    bench.pause(bad(ErrorKind::NotFound), secs(0), 0.0);
    // The last look of the grace is at its end, whatever the schedule plans.
    assert_eq!(bench.extra(bad(ErrorKind::NotFound), secs(59), secs(90)), secs(1));
    bench.state.poll_early(secs(90));
    let Decision { event, next } = bench.on_response(bad(ErrorKind::NotFound), secs(60), secs(60), 0.0);
    assert_eq!(next, Next::End);
    assert!(
        matches!(event, StatusEvent::GaveUp(error) if error.kind() == ErrorKind::NotFound && !error.is_transient())
    );
}

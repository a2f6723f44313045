//! The end of the wait: the last pause, the last look, and the error.

use std::time::SystemTime;

use super::*;
use crate::limiter::{BreakerState, ClientLimits, Cooldown, RateLimit};

#[test]
fn the_last_pause_ends_on_the_deadline() {
    for (at, pause) in [(860_000, 30_000), (870_000, 30_000), (880_000, 20_000), (899_999, 1)] {
        let (at, pause) = (Duration::from_millis(at), Duration::from_millis(pause));
        assert_eq!(every(30).pause(generating(), at, 0.0), pause);
        assert_eq!(every(30).pause(bad(ErrorKind::RateLimited), at, 0.0), pause);
        assert_eq!(every(30).pause(bad(ErrorKind::Server), at, 0.0), pause.min(secs(1)));
    }
    for at in [secs(900), secs(919), secs(u64::MAX)] {
        for answer in [generating(), bad(ErrorKind::Server), bad(ErrorKind::RateLimited), bad(ErrorKind::NotFound)] {
            let error = every(30).end(answer, at);
            assert_eq!((error.kind(), error.elapsed(), error.polls()), (ErrorKind::Deadline, millis::whole(at), 1));
            assert!(error.is_transient());
        }
        assert_eq!(every(30).end(bad(ErrorKind::Unauthorized), at).kind(), ErrorKind::Unauthorized);
    }
}

#[test]
fn the_deadlines_text_says_what_to_do() {
    let mut at_once = Bench::new(Schedule::every(secs(30)).max_wait(secs(0)));
    let text = at_once.end(bad(ErrorKind::Server), secs(0)).to_string();
    assert!(text.contains("no end after 0s and 1 poll;"), "{text}");

    let mut unseen = every(30);
    let text = unseen.end(bad(ErrorKind::Server), secs(900)).to_string();
    assert!(text.contains("after 900s and 1 poll;") && text.contains("never seen"), "{text}");

    let mut bench = every(30);
    bench.pause(generating(), secs(0), 0.0);
    bench.pause(Err(Error::new(ErrorKind::Maintenance, "old news")), secs(30), 0.0);
    bench.pause(Err(Error::new(ErrorKind::Server, "bad gateway").with_response(Some(502), None, None)), secs(60), 0.0);
    bench.pause(good(Status::Unknown(9)), secs(61), 0.0);
    let error = bench.end(bad(ErrorKind::Timeout), secs(900));
    let text = error.to_string();
    for part in ["900s", "5 polls", "UNKNOWN(9)", "still finish", "billed", "watch the same id again", "not create it"]
    {
        assert!(text.contains(part), "no {part:?} in {text:?}");
    }
    assert!(text.contains("did not answer in time") && !text.contains("old news"), "{text}");
    assert_eq!(error.task().map(Task::status), Some(Status::Unknown(9)));
}

#[test]
fn deadline_after_recovery_counts_failed_polls() {
    let mut bench = every(30);
    bench.pause(generating(), secs(0), 0.0);
    bench.pause(Err(Error::new(ErrorKind::Server, "old news").with_response(Some(502), None, None)), secs(30), 0.0);
    for poll in 0..34 {
        bench.pause(generating(), secs(31 + poll), 0.0);
    }
    let error = bench.end(generating(), secs(900));
    let text = error.to_string();
    assert!(text.contains("; 1 of 37 polls failed, the 35 since then were answered; the task may"), "{text}");
    assert!(!text.contains("old news") && !text.contains("502"), "{text}");

    let mut bench = every(30);
    for at in [0, 30] {
        bench.pause(bad(ErrorKind::Server), secs(at), 0.0);
    }
    bench.pause(generating(), secs(60), 0.0);
    let text = bench.end(bad(ErrorKind::Timeout), secs(900)).to_string();
    assert!(text.contains("; 3 of 4 polls failed; last poll error: the gateway did not answer"), "{text}");

    let mut bench = every(30);
    bench.pause(bad(ErrorKind::Server), secs(0), 0.0);
    let text = bench.end(generating(), secs(900)).to_string();
    assert!(text.contains("; 1 of 2 polls failed, the one since then was answered; the task may"), "{text}");

    let text = every(30).end(generating(), secs(900)).to_string();
    assert!(!text.contains("failed"), "{text}");
}

#[test]
fn final_poll_without_result_is_done() {
    for status in [Status::Success, Status::CallbackFailed] {
        let Decision { event, next } = every(30).on_response(good(status), secs(900), secs(901), 0.0);
        assert!(matches!(event, StatusEvent::Done(finished) if finished.task.status() == status));
        assert_eq!(next, Next::End);
    }
    // A final poll that fails, or that gets no permit, hides no end that was seen.
    let after_success = |response: Response| {
        let mut bench = every(30);
        bench.pause(good(Status::Success), secs(890), 0.0);
        let (at, age, retry_after) = (secs(900), None, None);
        let context = ResponseContext { sent: at, elapsed: at, jitter_sample: 0.0, age, retry_after, was_away: false };
        bench.state.on_response(&bench.config, &bench.id, response, context, || true)
    };
    for (response, polls) in [
        (Response::Polled(bad(ErrorKind::Server)), 2),
        (Response::Polled(bad(ErrorKind::Unauthorized)), 2),
        (Response::NotPolled(Box::new(closed())), 1),
    ] {
        let Decision { event, next } = after_success(response);
        let error = event.outcome().unwrap().unwrap_err();
        assert!(matches!(event, StatusEvent::Done(_)) && next == Next::End, "{event:?}");
        assert_eq!((error.kind(), error.polls(), error.elapsed()), (ErrorKind::MissingResult, polls, secs(900)));
        assert_eq!(error.task().map(Task::status), Some(Status::Success));
    }
    // The last record counts.
    let mut bench = every(30);
    bench.pause(good(Status::Success), secs(880), 0.0);
    bench.pause(generating(), secs(890), 0.0);
    assert_eq!(bench.end(bad(ErrorKind::Server), secs(900)).kind(), ErrorKind::Deadline);
}

/// The limits of a client that holds back.
fn closed() -> ClientLimits {
    let refused = Error::new(ErrorKind::Maintenance, "closed").with_response(Some(503), Some(503), None);
    ClientLimits {
        breaker: BreakerState::Open,
        cooldown: Some(Cooldown {
            error: refused.of_task(&TaskId::from("other"), None),
            answered_at: SystemTime::UNIX_EPOCH,
            remaining: Duration::from_millis(117_500),
            number: 1,
        }),
        in_flight: 0,
        in_flight_allowed: 9,
        waiting: 3,
        rate_limit_left: None,
        retries_left: 10,
        rate_limit: None,
    }
}

#[test]
fn unconfirmed_answer_at_the_deadline_is_told() {
    let mut bench = every(30);
    bench.pause(generating(), secs(0), 0.0);
    let error = bench.end(bad(ErrorKind::Unauthorized), secs(900));
    assert_eq!(error.kind(), ErrorKind::Deadline);
    assert!(error.to_string().contains("last poll error: the gateway refused the API key"), "{error}");
}

#[test]
fn a_poll_without_a_permit_ends_as_deadline() {
    let mut bench = every(30);
    bench.pause(generating(), secs(0), 0.0);
    let (at, age, retry_after) = (secs(920), None, None);
    let context = ResponseContext { sent: at, elapsed: at, jitter_sample: 0.0, age, retry_after, was_away: false };
    let response = Response::NotPolled(Box::new(closed()));
    let decision = bench.state.on_response(&bench.config, &bench.id, response, context, || true);
    let (StatusEvent::GaveUp(error), Next::End) = (decision.event, decision.next) else { panic!("it goes on") };
    assert_eq!((error.kind(), error.polls()), (ErrorKind::Deadline, 1));
    assert_eq!(error.retry_after(), Some(Duration::from_millis(117_500)));
    let said = "there was no final poll, because no permit came in time: another request was answered 503 on Thu, 01 Jan 1970 00:00:00 GMT; \
                the client holds back for 118s more; the task may still finish";
    assert!(error.to_string().contains(said), "{error}");
    assert!(!error.to_string().contains("other was"), "the owner of this task may read it: {error}");
}

#[test]
fn limit_without_waiters_is_told_without_a_count() {
    let limits = |waiting| ClientLimits {
        cooldown: None,
        waiting,
        rate_limit_left: Some(0),
        rate_limit: Some(RateLimit::per(1, secs(3600))),
        ..closed()
    };
    assert_eq!(limits(0).reason(&TaskId::from("t")), "the rate limit of 1 per 3600s is used up");
    assert_eq!(limits(1).reason(&TaskId::from("t")), "the rate limit of 1 per 3600s is used up, and 1 request waits");
    assert_eq!(limits(3).reason(&TaskId::from("t")), "the rate limit of 1 per 3600s is used up, and 3 requests wait");
    let full = |waiting| ClientLimits { in_flight: 9, rate_limit: None, ..limits(waiting) };
    assert_eq!(full(0).reason(&TaskId::from("t")), "9 of 9 requests are in flight");
    assert_eq!(full(2).reason(&TaskId::from("t")), "9 of 9 requests are in flight, and 2 requests wait");
}

#[test]
fn a_request_sent_before_the_deadline_is_not_the_last() {
    for (sent, taken) in [(899_999, 900_000), (890_000, 909_000), (0, 2_000_000)] {
        let (sent, taken) = (Duration::from_millis(sent), Duration::from_millis(taken));
        for answer in [generating(), bad(ErrorKind::Server), asked_to_wait(ErrorKind::RateLimited, secs(60))] {
            let mut bench = every(30);
            let decision = bench.on_response(answer, sent, taken, 0.0);
            assert_eq!(decision.next, Next::Poll { after: Duration::ZERO }, "{decision:?}");
            let error = bench.end(generating(), taken);
            assert_eq!((error.kind(), error.polls()), (ErrorKind::Deadline, 2));
        }
        // A permanent error, or the end of the task, needs no other look.
        every(30).end(bad(ErrorKind::Unauthorized), taken);
        assert_eq!(every(30).on_response(good(Status::GenerateFailed), sent, taken, 0.0).next, Next::End);
    }
    let mut started_over = Bench::new(Schedule::every(secs(30)).max_wait(secs(0)));
    assert_eq!(started_over.on_response(generating(), secs(0), secs(9), 0.0).next, Next::End);
}

#[test]
fn a_response_awaited_past_the_deadline_is_remembered() {
    let overdue_since = |sent, taken| {
        let mut bench = every(30);
        bench.on_response(generating(), secs(sent), secs(taken), 0.0);
        bench.state.uncommon.as_ref().and_then(|uncommon| uncommon.wait.overdue_since)
    };
    assert_eq!(overdue_since(880, 899), None, "the deadline is still to come");
    assert_eq!(overdue_since(885, 900), Some(secs(900)));
    assert_eq!(overdue_since(899, 919), Some(secs(919)));
    assert_eq!(overdue_since(870, 919), None, "the consumer was away");
}

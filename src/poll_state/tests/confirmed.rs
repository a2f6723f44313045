//! What ends a watch is confirmed once the watch has had a good answer, and some answers are always confirmed.

use super::*;

const FATAL: [ErrorKind; 3] = [ErrorKind::Unauthorized, ErrorKind::OutOfCredit, ErrorKind::InvalidRequest];

/// The error that the watch gives up with: asked again and again, it must last from `since` for the grace.
fn confirmed(bench: &mut Bench, answer: impl Fn() -> Answer, since: u64) -> Error {
    assert_eq!(bench.pause(answer(), secs(since), 0.0), secs(1), "asked again at the retry rhythm");
    for at in [1, 3, 7, 15, 31] {
        assert!(bench.pause(answer(), secs(since + at), 0.0) <= secs(60 - at));
    }
    // The last look of the grace is at its end.
    assert_eq!(bench.pause(answer(), secs(since + 59), 0.0), secs(1));
    bench.end(answer(), secs(since + 60))
}

#[test]
fn fatal_answer_after_good_one_is_confirmed() {
    for kind in FATAL {
        let mut bench = every(30);
        bench.pause(generating(), secs(0), 0.0);
        let error = confirmed(&mut bench, || bad(kind), 100);
        assert_eq!((error.kind(), error.is_transient(), error.polls()), (kind, false, 9));
    }
    let mut bench = every(30);
    bench.pause(generating(), secs(0), 0.0);
    let untrusted = || Err(Error::new(ErrorKind::Transport, "certificate").permanent());
    assert!(!confirmed(&mut bench, untrusted, 100).is_transient());
}

#[test]
fn page_of_an_intermediary_lasts_the_grace() {
    let mut unanswered = every(30);
    let error = confirmed(&mut unanswered, || bad(ErrorKind::Intermediary), 0);
    assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Intermediary, false));
    let mut answered = every(30);
    answered.pause(generating(), secs(0), 0.0);
    confirmed(&mut answered, || bad(ErrorKind::Intermediary), 100);
}

#[test]
fn one_row_holds_all_answers_that_end() {
    let mut bench = every(30);
    bench.pause(generating(), secs(0), 0.0);
    for (at, kind) in [(10, ErrorKind::NotFound), (40, ErrorKind::Unauthorized), (69, ErrorKind::Intermediary)] {
        bench.pause(bad(kind), secs(at), 0.0);
    }
    assert_eq!(bench.end(bad(ErrorKind::OutOfCredit), secs(70)).kind(), ErrorKind::OutOfCredit);
}

#[test]
fn any_other_outcome_ends_the_row() {
    for other in [generating(), bad(ErrorKind::Server), bad(ErrorKind::RateLimited), bad(ErrorKind::Timeout)] {
        let mut bench = every(30);
        bench.pause(generating(), secs(0), 0.0);
        bench.pause(bad(ErrorKind::Unauthorized), secs(10), 0.0);
        bench.pause(other, secs(60), 0.0);
        bench.pause(bad(ErrorKind::Unauthorized), secs(71), 0.0);
        bench.end(bad(ErrorKind::Unauthorized), secs(131));
    }
}

#[test]
fn success_without_result_is_asked_again() {
    for status in [Status::Success, Status::CallbackFailed] {
        let mut bench = every(30);
        let Decision { event, next } = bench.on_response(good(status), secs(5), secs(5), 0.0);
        let StatusEvent::PollFailed(failure) = event else { panic!("{event:?}") };
        assert_eq!((failure.error.kind(), failure.error.is_transient()), (ErrorKind::MissingResult, true));
        assert_eq!(failure.error.task().map(Task::status), Some(status));
        assert_eq!(next, Next::Poll { after: secs(1) });
        // The record counts as a good answer for what would end the watch at once.
        bench.pause(bad(ErrorKind::Unauthorized), secs(6), 0.0);
        let with_url = Record { result_urls: vec!["https://x/v.mp4".into()], ..Record::new(TaskId::from("t"), status) };
        let Decision { event, next } = bench.on_response(Ok(with_url.into()), secs(8), secs(8), 0.0);
        assert!(matches!(&event, StatusEvent::Done(finished) if finished.polls == 3), "{event:?}");
        assert_eq!((next, event.outcome().map(|outcome| outcome.is_ok())), (Next::End, Some(true)));
    }
}

#[test]
fn success_without_result_is_final_after_the_grace() {
    let mut bench = every(30);
    for at in [0, 30, 59] {
        bench.pause(good(Status::Success), secs(at), 0.0);
    }
    let Decision { event, next } = bench.on_response(good(Status::Success), secs(60), secs(60), 0.0);
    assert!(matches!(&event, StatusEvent::Done(finished) if finished.polls == 4), "{event:?}");
    let error = event.outcome().unwrap().unwrap_err();
    assert_eq!((error.kind(), error.is_transient(), next), (ErrorKind::MissingResult, false, Next::End));
}

#[test]
fn failure_of_the_first_poll_ends_that_watch_only() {
    let proxy = || Err(Error::new(ErrorKind::Transport, "407").permanent_at_first());
    assert!(!every(30).end(proxy(), secs(0)).is_transient());
    for before in [generating(), bad(ErrorKind::Timeout)] {
        let mut bench = every(30);
        bench.pause(before, secs(0), 0.0);
        for at in [30, 60, 120, 240] {
            bench.pause(proxy(), secs(at), 0.0);
        }
        assert_eq!(bench.end(proxy(), secs(900)).kind(), ErrorKind::Deadline);
    }
}

#[test]
fn failures_in_a_row_end_a_watch_that_asks_for_it() {
    let mut bench = Bench::new(Schedule::every(secs(30)).give_up_after(3));
    for kind in [ErrorKind::Server, ErrorKind::RateLimited] {
        bench.pause(bad(kind), secs(0), 0.0);
    }
    bench.pause(generating(), secs(1), 0.0);
    for kind in [ErrorKind::Server, ErrorKind::NotFound] {
        bench.pause(bad(kind), secs(2), 0.0);
    }
    let error = bench.end(bad(ErrorKind::Timeout), secs(3));
    assert_eq!((error.kind(), error.is_transient(), error.polls()), (ErrorKind::Timeout, true, 6));
    assert!(error.to_string().contains("why; 3 polls in a row have failed"), "{error}");

    let error = Bench::new(Schedule::every(secs(30)).give_up_after(1)).end(bad(ErrorKind::Timeout), secs(0));
    assert!(error.to_string().contains("1 poll has failed"), "{error}");

    let mut bench = Bench::new(Schedule::every(secs(30)).give_up_after(1));
    let Decision { event, .. } = bench.on_response(good(Status::Success), secs(0), secs(0), 0.0);
    assert!(matches!(event, StatusEvent::Done(_)), "a success that names no result is still the end");
    assert!(Schedule::default().give_up_after(0).validate().is_err());
}

const ADVICE: &str = "the task may still finish and be billed, so watch the same id again and do not create it again";

#[test]
fn lasting_refusal_says_so_and_what_to_do() {
    for kind in FATAL.into_iter().chain([ErrorKind::NotFound, ErrorKind::Intermediary]) {
        let mut bench = every(30);
        bench.pause(generating(), secs(0), 0.0);
        let text = confirmed(&mut bench, || bad(kind), 100).to_string();
        assert!(text.ends_with(&format!(": why; this has lasted for 60s; {ADVICE}")), "{text}");
    }
    // At once, it has not lasted.
    let text = every(30).end(bad(ErrorKind::Unauthorized), secs(0)).to_string();
    assert!(text.ends_with(": why"), "{text}");
    // There may be no such task.
    let text = confirmed(&mut every(30), || bad(ErrorKind::NotFound), 0).to_string();
    assert!(text.ends_with(": why; this has lasted for 60s"), "{text}");
    // The task has ended.
    let mut bench = every(30);
    bench.pause(good(Status::Success), secs(0), 0.0);
    bench.pause(bad(ErrorKind::Unauthorized), secs(10), 0.0);
    let text = bench.end(bad(ErrorKind::Unauthorized), secs(70)).to_string();
    assert!(text.ends_with(": why; this has lasted for 60s"), "{text}");
}

#[test]
fn end_after_failures_in_a_row_says_what_to_do() {
    let error = Bench::new(Schedule::every(secs(30)).give_up_after(1)).end(bad(ErrorKind::Timeout), secs(0));
    assert!(error.to_string().ends_with(&format!("why; 1 poll has failed; {ADVICE}")), "{error}");
}

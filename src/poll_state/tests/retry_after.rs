//! A `Retry-After` is a floor for the next poll, whatever the answer was.

use super::*;

/// The pause after a good answer that asks to wait, to a request that was sent then.
fn good_answer(bench: &mut Bench, wait: Duration, sent: Duration, elapsed: Duration) -> Duration {
    let retry_after = Some(wait);
    let context = ResponseContext { sent, elapsed, jitter_sample: 1.0, age: None, retry_after, was_away: false };
    let Decision { event, next } = bench.answered(generating(), context);
    let (StatusEvent::Generating(progress), Next::Poll { after }) = (event, next) else { panic!("it ended") };
    assert_eq!(progress.next_poll_in, millis::whole(after));
    after
}

#[test]
fn retry_after_is_cut_by_the_deadline_only() {
    use ErrorKind as K;
    for kind in [K::RateLimited, K::Maintenance] {
        for (wait, pause) in [(5, 5), (45, 45), (0, 30), (86_400, 890), (u64::MAX, 890)] {
            for jitter_sample in [0.0, 1.0] {
                let refused = asked_to_wait(kind, secs(wait));
                assert_eq!(every(30).pause(refused, secs(10), jitter_sample), secs(pause), "{kind:?} {wait}");
            }
        }
    }
    for kind in [K::Server, K::Transport, K::NotFound] {
        assert_eq!(every(30).pause(asked_to_wait(kind, secs(12)), secs(0), 1.0), secs(12), "{kind:?}");
        assert_eq!(every(30).pause(asked_to_wait(kind, secs(0)), secs(0), 0.0), secs(1), "{kind:?}");
    }
    let mut endless = Bench::new(Schedule::every(secs(30)).no_max_wait());
    assert_eq!(
        endless.pause(asked_to_wait(K::RateLimited, Duration::MAX), secs(10), 0.0),
        millis::whole(Duration::MAX)
    );
}

#[test]
fn retry_after_outlasts_the_grace_of_not_found() {
    let mut bench = every(30);
    assert_eq!(bench.pause(asked_to_wait(ErrorKind::NotFound, secs(100)), secs(0), 0.0), secs(100));
    assert_eq!(bench.end(bad(ErrorKind::NotFound), secs(100)).kind(), ErrorKind::NotFound);
}

#[test]
fn a_good_answers_retry_after_is_a_floor() {
    for (wait, pause) in [(0, 30), (5, 30), (31, 31), (60, 60), (86_400, 890)] {
        assert_eq!(good_answer(&mut every(30), secs(wait), secs(10), secs(10)), secs(pause), "{wait}");
        // Pauses grow as if it had not asked.
        let mut growing = Bench::new(Schedule::exponential(secs(10), secs(600)).multiplier(2.0));
        good_answer(&mut growing, secs(wait), secs(0), secs(0));
        assert_eq!(growing.pause(generating(), secs(10), 0.0), secs(20));
    }
}

#[test]
fn a_good_extra_answers_retry_after_is_a_floor() {
    for (wait, pause) in [(0, 25), (20, 25), (60, 60), (86_400, 895)] {
        let mut bench = every(30);
        bench.pause(generating(), secs(0), 0.0);
        bench.state.poll_early(secs(30));
        assert_eq!(good_answer(&mut bench, secs(wait), secs(5), secs(5)), secs(pause), "{wait}");
        assert_eq!(bench.state.not_before(), secs(5 + wait));
    }
}

#[test]
fn no_poll_comes_before_the_latest_retry_after() {
    let mut bench = every(30);
    assert_eq!(bench.state.not_before(), secs(0));
    bench.pause(generating(), secs(0), 0.0);
    assert!(bench.state.uncommon.is_none(), "a watch that is not asked to wait keeps nothing");
    bench.pause(asked_to_wait(ErrorKind::Server, secs(12)), secs(30), 0.0);
    assert_eq!(bench.state.not_before(), secs(42));
    bench.pause(generating(), secs(42), 0.0);
    assert_eq!(bench.state.not_before(), secs(42));
}

#[test]
fn no_retry_after_is_obeyed_beyond_its_cap() {
    for (cap, pause) in [(0, 30), (20, 20), (120, 120), (600, 500)] {
        for kind in [ErrorKind::RateLimited, ErrorKind::Maintenance] {
            let mut bench = every(30);
            bench.config.retry_after_cap = secs(cap);
            let decision = bench.on_response(asked_to_wait(kind, secs(500)), secs(0), secs(0), 1.0);
            let StatusEvent::PollFailed(failure) = decision.event else { panic!("{decision:?}") };
            assert_eq!((failure.next_poll_in, failure.error.retry_after()), (secs(pause), Some(secs(500))));
            assert_eq!(bench.state.not_before(), secs(cap.min(500)));
        }
        let mut bench = every(10);
        bench.config.retry_after_cap = secs(cap);
        assert_eq!(good_answer(&mut bench, secs(500), secs(0), secs(0)), secs(pause.min(cap).max(10)));
    }
}

#[test]
fn retry_after_beyond_the_cap_says_so() {
    for (cap, said) in [
        (secs(120), "; retry after 3600s, but watches wait 120s at most"),
        (secs(0), "; retry after 3600s, but watches do not wait"),
        (secs(3600), "; retry after 3600s"),
    ] {
        let mut bench = every(30);
        bench.config.retry_after_cap = cap;
        let answer = asked_to_wait(ErrorKind::RateLimited, secs(3600));
        let StatusEvent::PollFailed(failure) = bench.on_response(answer, secs(0), secs(0), 0.0).event else { panic!() };
        assert!(failure.error.to_string().ends_with(said), "{}", failure.error);
        assert_eq!(failure.error.retry_after(), Some(secs(3600)));
    }
}

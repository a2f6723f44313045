//! Whatever the schedule, the answers and the times: bounds hold, counts are right, and there is one end.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::error::EndsWatch;

/// Mostly what people write, and every edge.
fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        4 => (0..2_000_000_u64).prop_map(Duration::from_millis),
        2 => (0..u64::from(u32::MAX)).prop_map(Duration::from_nanos),
        1 => (0..400_000_000_u64).prop_map(Duration::from_secs),
        1 => prop::sample::select(vec![Duration::ZERO, Duration::from_nanos(1), secs(u64::MAX), Duration::MAX]),
    ]
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let factor = prop_oneof![1.0..3.0, 1.0..1e12, Just(1.0), Just(f64::MAX)];
    let rhythm = prop_oneof![
        duration().prop_map(Schedule::every),
        (duration(), duration(), factor)
            .prop_map(|(a, b, factor)| Schedule::exponential(a.min(b), a.max(b)).multiplier(factor)),
    ];
    let jitter = prop_oneof![0.0..=1.0, Just(0.0), Just(1.0)];
    (rhythm, jitter, prop::option::of(duration()), prop::option::weighted(0.2, 1..9_u32))
        .prop_map(|(schedule, jitter, limit, failures)| {
            let schedule = match failures {
                Some(failures) => schedule.give_up_after(failures),
                None => schedule,
            };
            match limit {
                Some(limit) => schedule.jitter(jitter).max_wait(limit),
                None => schedule.jitter(jitter).no_max_wait(),
            }
        })
        .prop_filter("a valid schedule", |schedule| schedule.validate().is_ok())
}

fn answer() -> impl Strategy<Value = Answer> {
    use ErrorKind as K;
    let flag = prop_oneof![8 => Just(0), 1 => any::<i64>(), 1 => -1..6_i64];
    let passing = vec![K::Transport, K::Timeout, K::Server, K::Decode, K::NotFound, K::RateLimited, K::Maintenance];
    let error = move || {
        (prop::sample::select(passing.clone()), prop::option::of(duration()))
            .prop_map(|(kind, wait)| Error::new(kind, "").with_response(None, None, wait))
    };
    prop_oneof![
        10 => flag.prop_map(|flag| good(Status::from_flag(flag))),
        10 => error().prop_map(Err),
        1 => error().prop_map(|error| Err(error.permanent())),
        1 => prop::sample::select(vec![K::Unauthorized, K::InvalidRequest, K::OutOfCredit, K::Intermediary]).prop_map(bad),
        1 => Just(Err(Error::new(K::Transport, "").permanent_at_first())),
    ]
}

/// What the watch has to remember, kept in the plainest way.
#[derive(Default)]
struct Model {
    polls: u32,
    consecutive: u32,
    /// Whether there was a record before.
    was_answered: bool,
    unconfirmed_since: Option<Duration>,
    /// Whether the last answer was a success without a result.
    was_without_result: bool,
}

/// Whether the answer is a record from which the watch goes on as it is planned, or ends.
fn is_good(answer: &Answer) -> bool {
    answer.as_ref().is_ok_and(|task| !task.status().is_success() || !task.result_urls().is_empty())
}

impl Model {
    /// Whether this answer ends the watch.
    fn ends(&mut self, config: &WatchConfig, answer: &Answer, sent: Duration, elapsed: Duration, extra: bool) -> bool {
        self.polls += 1;
        self.consecutive = if is_good(answer) { 0 } else { self.consecutive + 1 };
        let (at_once, after_grace) = match answer {
            Ok(task) if is_good(answer) => (task.status().is_terminal(), false),
            Ok(_) => (false, true),
            Err(error) => match error.ends_watch() {
                EndsWatch::Never => (false, false),
                EndsWatch::AtFirst => (self.polls == 1, false),
                EndsWatch::Confirmed => (!self.was_answered, self.was_answered),
                EndsWatch::AfterGrace => (false, true),
            },
        };
        self.was_answered |= answer.is_ok();
        let is_without_result = answer.is_ok() && !is_good(answer);
        if is_without_result != std::mem::replace(&mut self.was_without_result, is_without_result) {
            self.unconfirmed_since = None;
        }
        self.unconfirmed_since = after_grace.then(|| self.unconfirmed_since.unwrap_or(elapsed));
        let confirmed = self.unconfirmed_since.is_some_and(|since| elapsed >= since.saturating_add(config.grace));
        let gives_up = config.schedule.failures_to_give_up().is_some_and(|limit| self.consecutive >= limit);
        // An extra poll is not the final one, and neither is one that was sent before the deadline.
        at_once || confirmed || gives_up || !extra && config.schedule.limit().is_some_and(|limit| sent >= limit)
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn no_response_breaks_the_bounds_or_the_counts(
        schedule in schedule(),
        grace in duration(),
        retry_after_cap in duration(),
        steps in prop::collection::vec(
            ((answer(), prop::option::weighted(0.2, duration())), duration(), 0.0..=1.0, prop::option::weighted(0.2, 0.0..=1.0)),
            1..40,
        ),
    ) {
        let mut bench = Bench::new(schedule);
        (bench.config.grace, bench.config.retry_after_cap) = (grace, retry_after_cap);
        let mut model = Model::default();
        let mut elapsed = Duration::ZERO;
        // Kept while extra polls come before the schedule's own.
        let mut scheduled_at = None;
        for ((answer, wait), step, jitter_sample, extra) in steps {
            // Answers come near each other, or the deadline would end nearly every watch at once.
            elapsed = elapsed.saturating_add(if jitter_sample < 0.9 { step / 1000 } else { step });
            let left = bench.config.schedule.limit().map_or(Duration::MAX, |limit| limit.saturating_sub(elapsed));
            let retry_after = wait.or_else(|| answer.as_ref().err().and_then(Error::retry_after));
            let asked_for = retry_after.unwrap_or_default().min(retry_after_cap);
            // The schedule's own poll is up to a pause away, and not after the deadline; the answer may have come after it.
            let pause = bench.config.schedule.max_pause();
            let planned = extra.map(|part: f64| elapsed.saturating_add(pause.mul_f64(part).min(left)).saturating_sub(step / 1000));
            if let Some(planned) = planned {
                bench.state.poll_early(planned);
                scheduled_at.get_or_insert(planned);
            }
            let latency = if jitter_sample < 0.5 { Duration::ZERO } else { step / 2000 };
            let own_sent = elapsed.saturating_sub(latency).max(scheduled_at.unwrap_or_default());
            let sent = if planned.is_some() { Duration::ZERO } else { own_sent };
            scheduled_at = scheduled_at.filter(|at| *at > sent);
            let ends = model.ends(&bench.config, &answer, sent, elapsed, scheduled_at.is_some());
            let is_good = is_good(&answer);
            let Decision { event, next } = bench.answered(
                answer,
                ResponseContext { sent, elapsed, jitter_sample, age: None, retry_after, was_away: false },
            );
            prop_assert_eq!(bench.state.polls(), model.polls);
            prop_assert_eq!(event.is_terminal(), ends);
            prop_assert_eq!(bench.state.is_running(), !ends);
            prop_assert_eq!(next == Next::End, ends);
            let Next::Poll { after: pause } = next else { break };
            if !asked_for.is_zero() {
                prop_assert_eq!(bench.state.not_before(), elapsed.saturating_add(asked_for));
            }
            if let Some(scheduled_at) = scheduled_at.filter(|_| is_good) {
                let planned = scheduled_at.saturating_sub(elapsed).max(asked_for.min(left));
                prop_assert_eq!(pause, planned, "the schedule's own poll is not where it was");
            }
            prop_assert!(pause <= left, "{pause:?} leaves the deadline behind, {left:?} away");
            let longest = bench.config.schedule.max_pause().max(asked_for);
            prop_assert!(pause <= longest, "{pause:?} is over {longest:?}");
            prop_assert!(pause >= asked_for.min(left), "{pause:?} is sooner than asked for: {asked_for:?}");
            match event {
                StatusEvent::Generating(progress) => {
                    prop_assert_eq!((progress.polls, progress.elapsed), (model.polls, millis::whole(elapsed)));
                    prop_assert_eq!(progress.next_poll_in, millis::whole(pause));
                }
                StatusEvent::PollFailed(failure) => {
                    prop_assert_eq!((failure.polls, failure.elapsed), (model.polls, millis::whole(elapsed)));
                    prop_assert_eq!((failure.consecutive, failure.next_poll_in), (model.consecutive, millis::whole(pause)));
                    prop_assert_eq!((failure.error.polls(), failure.error.elapsed()), (model.polls, millis::whole(elapsed)));
                    prop_assert!(failure.error.is_transient(), "the watch goes on");
                }
                other => prop_assert!(false, "terminal, yet it goes on: {other:?}"),
            }
        }
    }
}

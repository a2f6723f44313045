//! A bad schedule is refused with a clear error. A good one bounds every pause, jitter included.

use std::time::Duration;

use futures::StreamExt;
use luma_watch::simulator::{SimulatedTask, Simulator};
use luma_watch::{ErrorKind, History, Schedule};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::support::in_memory::{asked_at, builder, gateway, ms, progress, secs};

const TEN_YEARS: Duration = secs(10 * 366 * 24 * 60 * 60);

#[test]
fn bad_schedule_setting_is_refused_by_name() {
    let every = || Schedule::every(secs(30));
    let growing = || Schedule::exponential(secs(10), secs(60));
    let learned = || Schedule::learned(&History::new());
    let beyond = TEN_YEARS + ms(1);
    let cases = [
        (Schedule::every(Duration::ZERO), "interval is zero"),
        (Schedule::every(beyond), "interval is over ten years"),
        (every().multiplier(2.0), "multiplier"),
        (every().multiplier(1.0), "multiplier"),
        (every().jitter(-0.1), "jitter is -0.1"),
        (every().jitter(1.1), "jitter is 1.1"),
        (every().jitter(f64::NAN), "jitter is NaN"),
        (growing().jitter(f64::INFINITY), "jitter is inf"),
        (every().max_wait(beyond), "max_wait"),
        (every().max_wait(Duration::MAX), "no_max_wait"),
        (every().first_poll_after(Duration::MAX), "first_poll_after is over ten years"),
        (Schedule::exponential(Duration::ZERO, secs(60)), "initial interval is zero"),
        (Schedule::exponential(Duration::ZERO, Duration::ZERO), "is zero"),
        (Schedule::exponential(secs(60), secs(59)), "max_interval (59s) is below the initial interval (60s)"),
        (Schedule::exponential(secs(1), beyond), "max_interval is over ten years"),
        (Schedule::exponential(beyond, beyond), "initial interval is over ten years"),
        (growing().multiplier(0.99), "multiplier is 0.99"),
        (growing().multiplier(0.0), "multiplier is 0"),
        (growing().multiplier(-2.0), "multiplier is -2"),
        (growing().multiplier(f64::NAN), "multiplier is NaN"),
        (growing().multiplier(f64::INFINITY), "multiplier is inf"),
        (learned().multiplier(1.5), "multiplier has no effect on Schedule::learned"),
        (learned().aim_for_delay(Duration::ZERO), "aim_for_delay is zero"),
        (learned().aim_for_delay(beyond), "aim_for_delay is over ten years"),
        (learned().shortest_pause(Duration::ZERO), "shortest_pause is zero"),
        (learned().longest_pause(Duration::MAX), "longest_pause is over ten years"),
        (
            learned().longest_pause(secs(4)),
            "longest_pause (4s) is below shortest_pause (5s, the default: set that, too)",
        ),
        (learned().jitter(1.1), "jitter is 1.1"),
        (
            every().aim_for_delay(secs(15)),
            "aim_for_delay has no effect on this schedule: it is a setting of Schedule::learned",
        ),
        (growing().shortest_pause(secs(5)), "shortest_pause has no effect"),
        (growing().longest_pause(secs(5)), "longest_pause has no effect"),
    ];
    let simulator = Simulator::new();
    let client = builder(&simulator).build().unwrap();
    for (schedule, said) in cases {
        let errors = [
            schedule.validate().unwrap_err(),
            client.with_schedule(schedule.clone()).unwrap_err(),
            builder(&simulator).schedule(schedule.clone()).build().unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::Config, "{schedule:?}");
            assert!(!error.is_transient());
            assert!(error.to_string().contains(said), "{said:?} is not in {error}");
        }
        assert_eq!(schedule.preview().count(), 0, "{schedule:?}");
    }
}

#[test]
fn extreme_valid_schedules_are_accepted() {
    for schedule in [
        Schedule::default(),
        Schedule::every(Duration::from_nanos(1)),
        Schedule::every(TEN_YEARS).jitter(1.0).first_poll_after(TEN_YEARS - ms(1)).max_wait(TEN_YEARS),
        Schedule::every(secs(30)).jitter(0.0).max_wait(Duration::ZERO),
        Schedule::exponential(secs(60), secs(60)).multiplier(1.0),
        Schedule::exponential(Duration::from_nanos(1), TEN_YEARS).multiplier(f64::MAX).no_max_wait(),
    ] {
        schedule.validate().unwrap();
    }
    assert_eq!(Schedule::default(), Schedule::every(secs(30)).max_wait(secs(900)));
    assert_ne!(Schedule::default(), Schedule::every(secs(30)).no_max_wait());
}

#[test]
fn preview_lists_each_poll_and_the_final_one() {
    let preview = |schedule: Schedule| schedule.preview().collect::<Vec<_>>();
    assert_eq!(preview(Schedule::default()), (0..=30).map(|n| secs(30 * n)).collect::<Vec<_>>());
    let limited = |limit| Schedule::every(secs(40)).max_wait(limit);
    assert_eq!(preview(limited(secs(100))), [0, 40, 80, 100].map(secs));
    assert_eq!(preview(limited(secs(80))), [0, 40, 80].map(secs));
    assert_eq!(preview(limited(secs(100)).jitter(0.9)), [0, 40, 80, 100].map(secs));
    assert_eq!(preview(limited(Duration::ZERO)), [secs(0)]);
    assert_eq!(preview(limited(secs(100)).first_poll_after(secs(50))), [50, 90, 100].map(secs));
    let growing = Schedule::exponential(secs(10), secs(50)).max_wait(secs(200));
    let ms_of = |at: Vec<Duration>| at.iter().map(Duration::as_millis).collect::<Vec<_>>();
    assert_eq!(ms_of(preview(growing.clone())), [0, 10_000, 25_000, 47_500, 81_250, 131_250, 181_250, 200_000]);
    assert_eq!(preview(growing.multiplier(4.0)), [0, 10, 50, 100, 150, 200].map(secs));
}

#[test]
fn preview_of_endless_schedule_is_endless_and_lazy() {
    let late = Schedule::every(secs(30)).no_max_wait().preview().nth(100_000);
    assert_eq!(late, Some(secs(3_000_000)));
    let years = Schedule::every(TEN_YEARS).no_max_wait().preview().take(1000).last();
    assert_eq!(years, Some(TEN_YEARS * 999));
}

/// A schedule with the settings that it was made from, which give its bounds.
#[derive(Debug, Clone)]
struct Made {
    schedule: Schedule,
    initial: Duration,
    longest: Duration,
    factor: f64,
    jitter: f64,
}

fn made() -> impl Strategy<Value = Made> {
    let interval = || prop_oneof![1..3_600_000_u64, 1..1_000_u64].prop_map(ms);
    let factor = prop_oneof![1.0..3.0, Just(1.0), Just(f64::MAX)];
    let jitter = prop_oneof![0.0..=1.0, Just(0.0), Just(1.0)];
    (interval(), prop::option::of(interval()), factor, jitter).prop_map(|(one, other, factor, jitter)| {
        let (initial, longest) = other.map_or((one, one), |other| (one.min(other), one.max(other)));
        let schedule = match other {
            Some(_) => Schedule::exponential(initial, longest).multiplier(factor),
            None => Schedule::every(one),
        };
        Made { schedule: schedule.jitter(jitter), initial, longest, factor, jitter }
    })
}

impl Made {
    /// The pause after the `step`th good answer, before jitter.
    fn full(&self, step: i32) -> f64 {
        (self.initial.as_secs_f64() * self.factor.powi(step)).min(self.longest.as_secs_f64())
    }
}

/// Runs a future in a runtime with a paused clock.
fn on_paused_clock<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without I/O").block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 100, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn every_pause_stays_within_schedule_bounds(made in made()) {
        on_paused_clock(async {
            let (simulator, client, id) = gateway(SimulatedTask::new().never_ends(), made.schedule.clone().no_max_wait());
            let mut watch = client.watch(id);
            let mut announced = Vec::new();
            for step in 0..12 {
                let pause = progress(watch.next().await).next_poll_in;
                // It is announced in whole milliseconds.
                let (full, slack) = (made.full(step), 1.001e-3);
                prop_assert!(pause <= made.longest, "{pause:?}");
                prop_assert!(pause.as_secs_f64() <= full + 1e-6, "{pause:?} is over {full} s");
                prop_assert!(pause.as_secs_f64() >= full * (1.0 - made.jitter) - slack, "{pause:?} is far below {full} s");
                announced.push(pause);
            }
            // Timers count in whole milliseconds, and round up.
            for (gap, pause) in asked_at(&simulator).windows(2).map(|two| two[1].saturating_sub(two[0])).zip(announced) {
                prop_assert!(pause <= gap && gap <= pause + ms(2), "announced {pause:?}, was {gap:?}");
            }
            Ok(())
        })?;
    }

    #[test]
    fn preview_grows_by_pauses_and_ends_at_limit(made in made(), limit in 0..10_000_000_u64) {
        let limit = ms(limit);
        let polls: Vec<_> = made.schedule.max_wait(limit).preview().take(500).collect();
        prop_assert_eq!(polls[0], Duration::ZERO);
        prop_assert!(polls.len() == 500 || polls.last() == Some(&limit));
        for (step, two) in polls.windows(2).enumerate() {
            let pause = two[1].saturating_sub(two[0]);
            prop_assert!(!pause.is_zero() && pause <= made.longest);
            prop_assert!(two[1] == limit || pause >= made.initial, "pause {step} of {pause:?}");
        }
    }
}

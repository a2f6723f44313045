//! Pauses stay within their bounds whatever is recorded, and follow what is recorded.
#![allow(clippy::arithmetic_side_effects)]

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{History, Targets};

const TARGETS: Targets = Targets {
    mean_delay: Duration::from_secs(15),
    shortest_pause: Duration::from_secs(5),
    longest_pause: Duration::from_secs(300),
};

fn seconds(times: impl IntoIterator<Item = u64>) -> History {
    times.into_iter().map(Duration::from_secs).collect()
}

fn pause(history: &History, age: u64) -> f64 {
    history.pause(TARGETS, Duration::from_secs(age), 0.0).as_secs_f64()
}

#[test]
fn empty_history_gives_a_fixed_pause() {
    let history = History::new();
    assert!(history.is_empty());
    history.record_longer_than(Duration::from_secs(900));
    assert_eq!(history.recorded(), 1);
    for age in [0, 29, 300, 100_000] {
        assert_eq!(history.pause(TARGETS, Duration::from_secs(age), 0.0), Duration::from_secs(30));
    }
}

#[test]
fn polls_gather_where_tasks_end() {
    let history = seconds((0..50).map(|task| 250 + 2 * (task * 37 % 50)));
    assert!(pause(&history, 0) > 180.0, "{}", pause(&history, 0));
    assert!(pause(&history, 290) < 25.0, "{}", pause(&history, 290));
    assert!(pause(&history, 5_000) <= 30.0, "older than any");
    assert!(pause(&history, 1_000_000) <= 30.0);
}

#[test]
fn unfinished_tasks_lengthen_late_pauses() {
    let (all, cut) = (seconds((0..40).map(|task| 200 + 10 * task)), History::new());
    for task in 0..40 {
        let time = Duration::from_secs(200 + 10 * task);
        let limit = Duration::from_secs(400);
        if time > limit { cut.record_longer_than(limit) } else { cut.record(time) }
    }
    let without = seconds((0..21).map(|task| 200 + 10 * task));
    let late = |history: &History| pause(history, 300);
    assert!(late(&cut) > late(&without) + 1.0, "{} {} {}", late(&all), late(&cut), late(&without));
}

#[test]
fn six_faster_tasks_replace_all_before_them() {
    let history = seconds(vec![300; 150]);
    assert!(pause(&history, 0) > 240.0);
    for _ in 0..6 {
        history.record(Duration::from_secs(100));
    }
    assert!(pause(&history, 0) < 90.0, "{}", pause(&history, 0));
}

#[test]
fn each_mean_delay_has_its_own_plan() {
    let history = seconds([280, 300, 320, 310, 290]);
    let targets = |delay| Targets { mean_delay: Duration::from_secs(delay), ..TARGETS };
    let age = Duration::from_secs(290);
    let pauses: Vec<_> = (1..20).map(|delay| history.pause(targets(delay), age, 0.0)).collect();
    assert!(pauses.is_sorted(), "{pauses:?}");
    assert!((1..20).map(|delay| history.pause(targets(delay), age, 0.0)).eq(pauses));
}

#[test]
fn stored_history_out_of_range_is_refused() {
    let stored = |ended: &str, recent: &str, drift: &str| {
        let json = format!(r#"{{"ended":{ended},"unfinished":[],"recent":{recent},"drift":{drift},"recorded":1}}"#);
        serde_json::from_str::<History>(&json).is_ok()
    };
    for nonsense in ["[]", "5"] {
        let error = serde_json::from_str::<History>(nonsense).unwrap_err().to_string();
        assert!(error.contains("expected a stored history"), "{error}");
    }
    assert!(stored("[[100,1048576]]", "[100]", "[0,0.5]"));
    assert!(!stored("[[100,4294967295]]", "[]", "[0,0]"));
    assert!(!stored("[[1,200000000],[2,200000000]]", "[]", "[0,0]"));
    assert!(!stored("[[256,1]]", "[]", "[0,0]"));
    assert!(!stored("[]", "[1,2,3,4,5,6]", "[0,0]"));
    assert!(!stored("[]", "[]", "[-1,0]"));
    assert!(!stored("[]", "[]", "[0,1e30]"));
}

/// Each constant of the estimate changes these polls. A change here must be intended.
#[test]
fn polls_of_known_histories_stay_the_same() {
    let spread = seconds((0..60).map(|task| 150 + (task * 53) % 300));
    let few = seconds([280, 310, 250]);
    let cut = seconds((0..30).map(|task| 200 + (task * 37) % 200));
    for age in [350, 400, 400, 500] {
        cut.record_longer_than(Duration::from_secs(age));
    }
    let old = seconds(vec![300; 12]);
    let polls = [&spread, &few, &cut, &old].map(|history| {
        let mut at = Duration::ZERO;
        [(); 12].map(|()| {
            at += history.pause(TARGETS, at, 0.0);
            (at.as_secs_f64() * 10.0).round() / 10.0
        })
    });
    let close =
        polls.iter().flatten().zip(POLLS.iter().flatten()).all(|(poll, expected)| (poll - expected).abs() < 0.2);
    assert!(close, "{polls:?}");
}

const POLLS: [[f64; 12]; 4] = [
    [166.9, 201.9, 234.1, 264.0, 291.2, 315.8, 338.2, 358.6, 377.3, 394.7, 411.1, 426.7],
    [54.0, 111.5, 161.7, 196.3, 224.1, 248.7, 271.4, 293.0, 314.0, 334.5, 354.8, 375.1],
    [166.8, 218.3, 247.9, 273.0, 295.9, 317.5, 338.0, 357.9, 377.3, 396.9, 417.1, 438.6],
    [136.3, 261.2, 287.5, 306.5, 323.0, 338.2, 353.0, 368.5, 385.9, 407.8, 438.0, 472.9],
];

/// Tasks that are much shorter than a pause are found within the mean delay too.
#[test]
fn short_tasks_are_found_within_the_mean_delay() {
    for time in [2.0, 20.0, 60.0, 300.0] {
        let history = History::new();
        let mut delays = 0.0;
        for task in 0..400_u32 {
            let time = time * (1.0 + f64::from(task % 7) / 10.0);
            let mut at = 0.0;
            while at < time {
                at += history.pause(TARGETS, Duration::from_secs_f64(at), 0.0).as_secs_f64();
            }
            history.record(Duration::from_secs_f64(time));
            delays += if task < 200 { 0.0 } else { at - time };
        }
        assert!(delays / 200.0 < 15.5, "{time} s: found after {} s", delays / 200.0);
    }
}

/// Whether a task is unfinished, and its time or age.
fn observation() -> impl Strategy<Value = (bool, Duration)> {
    let time = prop_oneof![
        (0_u64..5_000_000).prop_map(Duration::from_millis),
        (0_u64..100).prop_map(Duration::from_nanos),
        Just(Duration::from_secs(300)),
        Just(Duration::MAX),
    ];
    (proptest::bool::weighted(0.2), time)
}

fn history_of(observations: &[(bool, Duration)]) -> History {
    let history = History::new();
    for (unfinished, time) in observations {
        if *unfinished { history.record_longer_than(*time) } else { history.record(*time) }
    }
    history
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn pauses_stay_within_bounds(
        observations in vec(observation(), 0..400),
        ages in vec(0_u64..200_000, 20),
        delay in 1_u64..1_000_000,
        (shortest, range) in (1_u64..100_000, 0_u64..10_000_000),
    ) {
        let history = history_of(&observations);
        let ms = Duration::from_millis;
        let targets =
            Targets { mean_delay: ms(delay), shortest_pause: ms(shortest), longest_pause: ms(shortest + range) };
        for age in ages.into_iter().map(Duration::from_secs).chain([Duration::ZERO, Duration::MAX]) {
            let pause = history.pause(targets, age, 0.0);
            prop_assert!(
                targets.shortest_pause <= pause && pause <= targets.longest_pause,
                "{pause:?} at {age:?}"
            );
        }
    }

    #[test]
    fn next_poll_never_comes_earlier_for_older_tasks(observations in vec(observation(), 1..100)) {
        let history = history_of(&observations);
        let next = |age| age + history.pause(TARGETS, age, 0.0);
        let ages: Vec<_> = (0..2_000).map(Duration::from_secs).collect();
        for pair in ages.windows(2) {
            // Except where a task becomes old, and is polled as if nothing were known.
            let (young, old) = (next(pair[0]), next(pair[1]));
            let fixed = pair[1] + Duration::from_secs(30);
            prop_assert!(old + Duration::from_millis(1) >= young.min(fixed), "{young:?} {old:?}");
        }
    }

    #[test]
    fn history_read_back_makes_the_same_pauses(observations in vec(observation(), 0..300), more in vec(observation(), 0..20)) {
        let history = history_of(&observations);
        let json: History = serde_json::from_str(&serde_json::to_string(&history).unwrap()).unwrap();
        let binary: History = postcard::from_bytes(&postcard::to_stdvec(&history).unwrap()).unwrap();
        let again = history_of(&observations);
        for (unfinished, time) in more {
            for history in [&history, &json, &binary, &again] {
                if unfinished { history.record_longer_than(time) } else { history.record(time) }
            }
        }
        for age in 0..200 {
            let age = Duration::from_secs(10 * age);
            let pauses = [&history, &json, &binary, &again].map(|history| history.pause(TARGETS, age, 0.0));
            prop_assert!(pauses.iter().all(|pause| *pause == pauses[0]));
            prop_assert_eq!(history.recorded(), json.recorded());
        }
    }

    #[test]
    fn pauses_stay_within_bounds_for_any_stored_history(
        ended in vec((any::<u8>(), 0_u32..2_000_000), 0..100),
        unfinished in vec((any::<u8>(), 0_u32..2_000_000), 0..100),
        recent in vec(any::<u8>(), 0..5),
        drift in [0_f32..6.0, 0_f32..6.0],
        times in vec(observation(), 0..10),
    ) {
        let stored = postcard::to_stdvec(&(ended, unfinished, recent, drift, u64::MAX)).unwrap();
        let history: History = postcard::from_bytes(&stored).unwrap();
        for (unfinished, time) in times {
            if unfinished { history.record_longer_than(time) } else { history.record(time) }
        }
        for age in 0..200 {
            let pause = history.pause(TARGETS, Duration::from_secs(10 * age), 0.0);
            prop_assert!(TARGETS.shortest_pause <= pause && pause <= TARGETS.longest_pause);
        }
    }
}

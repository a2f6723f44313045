//! A learned schedule: equality, jitter, stagger and preview. Error messages of all schedules.
#![allow(clippy::arithmetic_side_effects, clippy::unchecked_time_subtraction)]

use std::time::Duration;

use super::{PauseInput, PolicyState, Schedule, retry_pause};
use crate::history::History;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn known_history() -> History {
    (0..30).map(|task| secs(270 + 2 * task)).collect()
}

#[test]
fn learned_schedule_without_history_is_the_default() {
    let learned = Schedule::learned(&History::new());
    assert!(learned.preview().eq(Schedule::default().preview()));
    assert_eq!(learned.cooldown(), secs(30));
    let slower = learned.aim_for_delay(secs(30)).max_wait(secs(300));
    assert!(slower.preview().eq([0, 60, 120, 180, 240, 300].map(secs)));
    let bounded = slower.longest_pause(secs(50)).max_wait(secs(120));
    assert!(bounded.preview().eq([0, 50, 100, 120].map(secs)));
    assert_eq!(bounded.cooldown(), secs(30));
}

#[test]
fn learned_schedules_are_equal_with_the_same_history() {
    let (history, other) = (History::new(), History::new());
    assert_eq!(Schedule::learned(&history), Schedule::learned(&history.clone()));
    assert_ne!(Schedule::learned(&history), Schedule::learned(&other));
    assert_ne!(Schedule::learned(&history), Schedule::learned(&history).aim_for_delay(secs(10)));
    assert_ne!(Schedule::learned(&history), Schedule::default());
}

#[test]
fn learned_preview_shows_a_task_watched_from_creation() {
    let schedule = Schedule::learned(&known_history()).max_wait(secs(600));
    let polls: Vec<_> = schedule.preview().collect();
    let mut policy_state = PolicyState::default();
    for pair in polls.windows(2).filter(|pair| pair[1] < secs(600)) {
        let input = PauseInput { age: Some(pair[0]), elapsed: secs(1), ..PauseInput::NONE };
        assert_eq!(policy_state.pause(&schedule, 7, input).unwrap(), pair[1] - pair[0]);
    }
    assert_eq!(polls.last(), Some(&secs(600)));
}

#[test]
fn jitter_shortens_learned_pauses_by_its_fraction() {
    let schedule = Schedule::learned(&known_history()).jitter(0.5);
    let mut policy_state = PolicyState::default();
    let mut pause = |jitter_sample, offset| {
        policy_state.pause(&schedule, 3, PauseInput { offset, ..PauseInput::with_jitter(jitter_sample) }).unwrap()
    };
    assert!(pause(1.0, 0).abs_diff(pause(0.0, 0) / 2) < Duration::from_micros(1));
}

#[test]
fn staggered_watches_poll_between_the_planned_polls() {
    for (history, longest) in [(known_history(), secs(120)), (History::new(), secs(30))] {
        let schedule = Schedule::learned(&history).no_max_wait();
        let polls: Vec<_> = schedule.preview().take(40).collect();
        for offset in [1, 20_000, 40_000, 60_000] {
            let mut at = Duration::ZERO;
            for pair in polls.windows(2) {
                let pause = PolicyState::default()
                    .pause(&schedule, 7, PauseInput { offset, age: Some(at), ..PauseInput::NONE })
                    .unwrap();
                assert!((secs(5)..=longest).contains(&pause), "{offset}: {pause:?} at {at:?}");
                at += pause;
                let place = pair[1] - (pair[1] - pair[0]).mul_f64(f64::from(offset) / 65_536.0);
                assert!(at.abs_diff(place.max(secs(5))) < secs(1), "{offset}: {at:?}, not {place:?}");
            }
        }
        // Old tasks too, from any age on.
        for start in [0, 7, 19] {
            let mut at = secs(3 * 3600 + start);
            let mut places = Vec::new();
            for _ in 0..5 {
                let input = PauseInput { offset: 20_000, age: Some(at), ..PauseInput::NONE };
                at += PolicyState::default().pause(&schedule, 7, input).unwrap();
                places.push(at.as_millis() % 30_000);
            }
            assert!(places[2..].iter().all(|place| place.abs_diff(places[2]) <= 1), "{places:?}");
        }
    }
}

#[test]
fn learned_pauses_stay_within_bounds_with_full_jitter() {
    let schedule = Schedule::learned(&known_history()).aim_for_delay(secs(2)).jitter(1.0);
    for offset in (0..=u16::MAX).step_by(997) {
        for age in (0..600).map(secs) {
            let input = PauseInput { offset, age: Some(age), ..PauseInput::with_jitter(f64::from(offset) / 65_535.0) };
            let pause = PolicyState::default().pause(&schedule, 7, input).unwrap();
            assert!(pause >= secs(5) && pause <= secs(120), "{offset} {age:?}: {pause:?}");
        }
    }
}

#[test]
fn learned_schedule_follows_new_records_at_once() {
    let history = History::new();
    let schedule = Schedule::learned(&history);
    let first = || schedule.preview().nth(1).unwrap();
    assert_eq!(first(), secs(30));
    (0..20).for_each(|_| history.record(secs(300)));
    assert!(first() > secs(100));
}

#[test]
fn validate_messages_name_setting_value_and_remedy() {
    let every = Schedule::every(secs(30));
    let growing = Schedule::exponential(secs(10), secs(60));
    let learned = Schedule::learned(&History::new());
    let cases = [
        (Schedule::every(Duration::ZERO), "the interval is zero: it would poll without a pause"),
        (
            every.clone().max_wait(Duration::MAX),
            "max_wait is over ten years: for a wait without a limit, use no_max_wait",
        ),
        (every.clone().jitter(1.5), "the jitter is 1.5: it must be a fraction from 0 to 1"),
        (every.clone().multiplier(2.0), "a multiplier has no effect on Schedule::every: use Schedule::exponential"),
        (
            every.aim_for_delay(secs(5)),
            "aim_for_delay has no effect on this schedule: it is a setting of Schedule::learned",
        ),
        (growing.multiplier(0.5), "the multiplier is 0.5: it must be a number, 1 or more"),
        (Schedule::exponential(secs(9), secs(8)), "max_interval (8s) is below the initial interval (9s)"),
        (learned.longest_pause(secs(4)), "longest_pause (4s) is below shortest_pause (5s, the default: set that, too)"),
    ];
    for (schedule, message) in cases {
        let error = schedule.validate().unwrap_err().to_string();
        assert!(error.ends_with(message), "{error:?} does not end with {message:?}");
    }
}

#[test]
fn retry_pauses_double_and_jitter_halves_them() {
    assert_eq!([1, 2, 3, 4].map(|failures| retry_pause(failures, 0.0)), [1, 2, 4, 8].map(secs));
    assert_eq!(retry_pause(3, 1.0), secs(2));
    assert!(retry_pause(u32::MAX, 0.0) > secs(365 * 24 * 60 * 60));
}

//! A learned schedule among the others: equal to what, with which jitter, and previewed as what.
#![allow(clippy::arithmetic_side_effects, clippy::unchecked_time_subtraction)]

use std::time::Duration;

use super::{PauseInput, PolicyState, Schedule};
use crate::history::History;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn taught() -> History {
    (0..30).map(|task| secs(270 + 2 * task)).collect()
}

#[test]
fn without_a_history_it_is_the_default() {
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
fn it_equals_those_that_share_its_history() {
    let (history, other) = (History::new(), History::new());
    assert_eq!(Schedule::learned(&history), Schedule::learned(&history.clone()));
    assert_ne!(Schedule::learned(&history), Schedule::learned(&other));
    assert_ne!(Schedule::learned(&history), Schedule::learned(&history).aim_for_delay(secs(10)));
    assert_ne!(Schedule::learned(&history), Schedule::default());
}

#[test]
fn the_preview_is_that_of_a_task_watched_from_its_creation() {
    let schedule = Schedule::learned(&taught()).max_wait(secs(600));
    let polls: Vec<_> = schedule.preview().collect();
    let mut policy_state = PolicyState::default();
    for pair in polls.windows(2).filter(|pair| pair[1] < secs(600)) {
        let at_age = PauseInput { age: Some(pair[0]), elapsed: secs(1), ..PauseInput::NONE };
        assert_eq!(policy_state.pause(&schedule, 7, at_age), Some(pair[1] - pair[0]));
    }
    assert_eq!(polls.last(), Some(&secs(600)));
}

#[test]
fn only_jitter_shortens_its_pauses() {
    let schedule = Schedule::learned(&taught()).jitter(0.5);
    let mut policy_state = PolicyState::default();
    let mut pause = |jitter_sample, offset| {
        policy_state.pause(&schedule, 3, PauseInput { offset, ..PauseInput::with_jitter(jitter_sample) }).unwrap()
    };
    assert!(pause(1.0, 0).abs_diff(pause(0.0, 0) / 2) < Duration::from_micros(1));
}

#[test]
fn watches_that_keep_apart_have_places_between_its_polls() {
    for (history, longest) in [(taught(), secs(120)), (History::new(), secs(30))] {
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
        // In old age too, from wherever it comes.
        for start in [0, 7, 19] {
            let mut at = secs(3 * 3600 + start);
            let mut places = Vec::new();
            for _ in 0..5 {
                let shift = PauseInput { offset: 20_000, age: Some(at), ..PauseInput::NONE };
                at += PolicyState::default().pause(&schedule, 7, shift).unwrap();
                places.push(at.as_millis() % 30_000);
            }
            assert!(places[2..].iter().all(|place| place.abs_diff(places[2]) <= 1), "{places:?}");
        }
    }
}

#[test]
fn its_bounds_hold_whatever_shortens_a_pause() {
    let schedule = Schedule::learned(&taught()).aim_for_delay(secs(2)).jitter(1.0);
    for offset in (0..=u16::MAX).step_by(997) {
        for age in (0..600).map(secs) {
            let shift = PauseInput { offset, age: Some(age), ..PauseInput::with_jitter(f64::from(offset) / 65_535.0) };
            let pause = PolicyState::default().pause(&schedule, 7, shift).unwrap();
            assert!(pause >= secs(5) && pause <= secs(120), "{offset} {age:?}: {pause:?}");
        }
    }
}

#[test]
fn it_sees_at_once_what_is_recorded() {
    let history = History::new();
    let schedule = Schedule::learned(&history);
    let first = || schedule.preview().nth(1).unwrap();
    assert_eq!(first(), secs(30));
    (0..20).for_each(|_| history.record(secs(300)));
    assert!(first() > secs(100));
}

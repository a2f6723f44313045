//! A learned schedule among the others: equal to what, with which jitter, and previewed as what.
#![allow(clippy::arithmetic_side_effects, clippy::unchecked_time_subtraction)]

use std::time::Duration;

use super::{Beat, Schedule, Shift};
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
    assert_eq!(learned.rest(), secs(30));
    let slower = learned.aim_for_delay(secs(30)).max_wait(secs(300));
    assert!(slower.preview().eq([0, 60, 120, 180, 240, 300].map(secs)));
    let bounded = slower.longest_pause(secs(50)).max_wait(secs(120));
    assert!(bounded.preview().eq([0, 50, 100, 120].map(secs)));
    assert_eq!(bounded.rest(), secs(30));
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
    let mut beat = Beat::default();
    for pair in polls.windows(2).filter(|pair| pair[1] < secs(600)) {
        let at_age = Shift { age: Some(pair[0]), elapsed: secs(1), ..Shift::NONE };
        assert_eq!(beat.pause(&schedule, 7, at_age), Some(pair[1] - pair[0]));
    }
    assert_eq!(polls.last(), Some(&secs(600)));
}

#[test]
fn only_jitter_shortens_its_pauses() {
    let schedule = Schedule::learned(&taught()).jitter(0.5);
    let mut beat = Beat::default();
    let mut pause = |luck, phase| beat.pause(&schedule, 3, Shift { phase, ..Shift::by_luck(luck) }).unwrap();
    assert!(pause(1.0, 0).abs_diff(pause(0.0, 0) / 2) < Duration::from_micros(1));
}

#[test]
fn watches_that_keep_apart_have_places_between_its_polls() {
    let schedule = Schedule::learned(&taught()).no_max_wait();
    let polls: Vec<_> = schedule.preview().take(30).collect();
    for phase in [1, 20_000, 40_000, 65_535] {
        let mut at = Duration::ZERO;
        for pair in polls.windows(2) {
            let pause = Beat::default().pause(&schedule, 7, Shift { phase, age: Some(at), ..Shift::NONE }).unwrap();
            at += pause;
            // One poll in each pause, and not twice at once.
            let place = pair[1] - (pair[1] - pair[0]).mul_f64(f64::from(phase) / 65_536.0);
            if pause > secs(1) && phase < 40_000 {
                assert!(at.abs_diff(place) < Duration::from_millis(1), "{phase}: {at:?}, not {place:?}");
            }
            assert!(pause * 4 > secs(4));
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

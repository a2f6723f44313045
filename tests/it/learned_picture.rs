//! The picture of the guide's page about learned schedules shows what the schedules do.

use fastrand::Rng;
use luma_watch::{History, Schedule};

use crate::learned_cost::{Cost, Tasks, record};
use crate::support::in_memory::secs;

const PICTURE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide/learned_schedule.svg"));
/// Where the axes meet, and how long a second of delay and a request are, in the picture's units.
const ORIGIN: (f64, f64) = (60.0, 340.0);
const UNITS: (f64, f64) = (15.0, 15.0);
/// How far a point may be off: half the width of a line, for floating point that differs between machines.
const TOLERANCE: f64 = 1.0;

/// The point of a setting: the mean delay of its schedules, and their requests per task with the first one.
fn point(tasks: &Tasks, schedules: impl IntoIterator<Item = Schedule>) -> (f64, f64) {
    let ends = tasks.sample();
    let (mut cost, mut count) = (Cost::default(), 0.0);
    for schedule in schedules {
        cost.add(&ends, &schedule);
        count += ends.iter().map(|_| 1.0).sum::<f64>();
    }
    let (delay, requests) = (cost.delay / count, cost.requests / count + 1.0);
    (ORIGIN.0 + UNITS.0 * delay, ORIGIN.1 - UNITS.1 * requests)
}

/// The points of a curve in the picture.
fn drawn(curve: &str) -> Vec<(f64, f64)> {
    let line = PICTURE.lines().find(|line| line.contains(&format!("data-curve=\"{curve}\""))).unwrap();
    let points = line.split_once("points=\"").unwrap().1.split_once('"').unwrap().0;
    let number = |text: &str| text.parse::<f64>().unwrap();
    points.split(' ').map(|point| point.split_once(',').unwrap()).map(|(x, y)| (number(x), number(y))).collect()
}

/// Compares a curve of the picture with the points of the settings.
fn assert_drawn(curve: &str, measured: &[(f64, f64)]) {
    let drawn = drawn(curve);
    let near = |((x, y), (a, b)): (&(f64, f64), &(f64, f64))| (x - a).abs() <= TOLERANCE && (y - b).abs() <= TOLERANCE;
    let text: Vec<_> = measured.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let same = drawn.len() == measured.len() && drawn.iter().zip(measured).all(near);
    assert!(same, "the points of {curve} are {}", text.join(" "));
}

/// Schedules that have learned from 100 tasks, each from tasks of its own.
fn learned(tasks: &Tasks, aim: u64) -> impl Iterator<Item = Schedule> {
    (0..5).map(move |seed| {
        let (history, mut random) = (History::new(), Rng::with_seed(seed));
        (0..100).for_each(|_| record(&history, tasks, &mut random));
        Schedule::learned(&history).aim_for_delay(secs(aim))
    })
}

#[test]
fn picture_of_learned_schedule_shows_measured_points() {
    let tasks = Tasks::lognormal(300.0, 0.4);
    let aims = [7, 10, 12, 15, 20, 25, 30, 36];
    assert_drawn("learned", &aims.map(|aim| point(&tasks, learned(&tasks, aim))));
    let pauses = [17, 22, 30, 40, 50, 60, 70, 75];
    assert_drawn("fixed", &pauses.map(|pause| point(&tasks, [Schedule::every(secs(pause))])));
    let longest = [20, 30, 40, 50, 60, 70, 80].map(secs);
    assert_drawn("exponential", &longest.map(|longest| point(&tasks, [Schedule::exponential(longest / 6, longest)])));
}

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

/// The point of a schedule: its mean delay, and its requests per task with the first one.
fn point(tasks: &Tasks, schedules: &[Schedule]) -> (f64, f64) {
    let ends = tasks.sample();
    let mut cost = Cost::default();
    for schedule in schedules {
        cost.add(&ends, schedule);
    }
    let count = (ends.len() * schedules.len()) as f64;
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

#[test]
fn picture_of_learned_schedule_shows_measured_points() {
    let tasks = Tasks::lognormal(300.0, 0.4);
    let learned = |aim: u64| {
        let histories = (0..5).map(|seed| {
            let (history, mut random) = (History::new(), Rng::with_seed(seed));
            (0..100).for_each(|_| record(&history, &tasks, &mut random));
            history
        });
        histories.map(|history| Schedule::learned(&history).aim_for_delay(secs(aim))).collect()
    };
    let curves: [(&str, &[u64], &dyn Fn(u64) -> Vec<Schedule>); 3] = [
        ("learned", &[7, 10, 12, 15, 20, 25, 30, 36], &learned),
        ("fixed", &[17, 22, 30, 40, 50, 60, 70, 75], &|pause| vec![Schedule::every(secs(pause))]),
        ("exponential", &[20, 30, 40, 50, 60, 70, 80], &|longest| {
            vec![Schedule::exponential(secs(longest) / 6, secs(longest))]
        }),
    ];
    for (name, settings, schedules) in curves {
        let measured: Vec<_> = settings.iter().map(|setting| point(&tasks, &schedules(*setting))).collect();
        let text: Vec<_> = measured.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let drawn = drawn(name);
        let near =
            |((x, y), (a, b)): (&(f64, f64), &(f64, f64))| (x - a).abs() <= TOLERANCE && (y - b).abs() <= TOLERANCE;
        assert!(
            drawn.len() == measured.len() && drawn.iter().zip(&measured).all(near),
            "the points of {name} are {}",
            text.join(" ")
        );
    }
}

//! What a learned schedule saves: requests per task, and how late the end of a task is known, after 1 to 1,000 earlier
//! tasks. It is compared with a fixed interval, growing pauses, and the optimum for a known distribution.
//!
//! `learned` prints tables for pauses up to 2 min (the default) and up to 5 min, and asserts the targets. `learned plot`
//! draws the trade-off as `learned.svg`. `learned costs` measures processor time. The polls are those of
//! `Schedule::preview` and the random numbers are seeded: the figures are the same in each run.
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]

mod optimum;
mod plot;
mod polls;
mod schedules;
mod tasks;

use std::time::Instant;

use luma_watch::{History, Schedule};
use luma_watch_benches::command_line::{self, CommandLine};

use optimum::optimum;
use polls::{Figures, at_delay, seconds};
use schedules::{fixed, learned, steady};
use tasks::{Work, all_works};

const COUNTS: [usize; 6] = [1, 2, 5, 20, 100, 1_000];
const AIM: f64 = 15.0;
/// The longest pause, in minutes: the default, and one that does not limit tasks of five minutes.
const LONGEST: [f64; 2] = [2.0, 5.0];
/// The most that a learned schedule may need, as a multiple of the fixed schedule's requests or delay.
const TOLERANCE: f64 = 1.05;

fn main() {
    let Some(CommandLine { words, in_full }) = command_line::read() else { return };
    match words.first().map(String::as_str) {
        None => tables(in_full),
        Some("costs") => costs(),
        Some("plot") => plot::draw(concat!(env!("CARGO_MANIFEST_DIR"), "/learned.svg"), in_full),
        Some(other) => panic!("no such benchmark: {other}; there are `plot` and `costs`"),
    }
}

fn tables(in_full: bool) {
    for work in all_works() {
        println!(
            "\n{:23} requests   of fixed   mean delay        p99   at fixed's delay: requests, of fixed   with first look",
            work.name
        );
        let fixed = fixed(&work, 30.0);
        row("every 30 s", &fixed, &fixed, None);
        let grown = |longest: f64| steady(&work, &Schedule::exponential(seconds(longest / 6.0), seconds(longest)));
        row("10 s to 60 s", &grown(60.0), &fixed, Some(&at_delay(60.0, fixed.mean_delay(), grown)));
        for (longest, count) in LONGEST.into_iter().flat_map(|longest| COUNTS.map(|count| (longest, count))) {
            if !in_full && count > 5 {
                continue;
            }
            let rounds = if in_full { rounds(&work, count) } else { 2 };
            let learned = |aim: f64| learned(&work, count, rounds, aim, longest);
            let (usual, equal) = (learned(AIM), at_delay(AIM, fixed.mean_delay(), learned));
            row(&format!("<= {longest} min, after {count}"), &usual, &fixed, Some(&equal));
            if in_full {
                check(&work, count, longest, &usual, &equal, &fixed);
            }
        }
        for longest in LONGEST.into_iter().filter(|_| work.after.is_none()) {
            let best = at_delay(2.0, fixed.mean_delay(), |price| optimum(&work.before, price, longest));
            row(&format!("<= {longest} min, optimum"), &best, &fixed, Some(&best));
        }
    }
    costs();
}

fn row(name: &str, figures: &Figures, fixed: &Figures, equal: Option<&Figures>) {
    let (requests, delay, p99) = (figures.requests(), figures.mean_delay(), figures.p99_delay());
    print!("  {name:21} {requests:8.2} {:10.3} {delay:10.2} s {p99:8.1} s", requests / fixed.requests());
    match equal {
        Some(equal) => {
            let (ours, theirs) = (equal.requests(), fixed.requests());
            println!(" {ours:27.2} {:10.3} {:17.3}", ours / theirs, (ours + 1.0) / (theirs + 1.0));
        }
        None => println!(),
    }
}

fn check(work: &Work, count: usize, longest: f64, usual: &Figures, equal: &Figures, fixed: &Figures) {
    let name = work.name;
    let saved = equal.requests() / fixed.requests();
    let ratios = [usual.requests() / fixed.requests(), usual.mean_delay() / fixed.mean_delay(), saved];
    assert!(ratios.iter().all(|ratio| *ratio <= TOLERANCE), "{name} after {count}, {longest} min: {ratios:?} of fixed");
    let target = [(5, 0.75), (20, 0.66), (100, 0.62)].into_iter().find(|(after, _)| *after == count);
    if let Some((_, target)) = target.filter(|_| name == "300 s, sigma 0.4" && longest > 2.0) {
        assert!(saved <= target, "{name} after {count}: {saved:.3} of the requests, not {target}");
    }
}

/// Enough rounds for figures within 1 %.
fn rounds(work: &Work, count: usize) -> u64 {
    match (count, work.after.is_some()) {
        (0..10, _) => 600,
        (10..50, false) => 400,
        (_, false) | (10..50, true) => 100,
        (50..500, true) => 20,
        (_, true) => 3,
    }
}

/// Measures the time to record a task, to plan, and to compute a pause.
#[allow(clippy::disallowed_methods)] // there is no runtime here
fn costs() {
    let mut random = fastrand::Rng::with_seed(1);
    let tasks = &all_works()[0].before;
    let history: History = (0..1_000).map(|_| seconds(tasks.draw(&mut random))).collect();
    let schedule = Schedule::learned(&history);
    let each = |times: u32, what: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..times).for_each(|_| what());
        start.elapsed() / times
    };
    let record = each(1_000, &mut || history.record(seconds(tasks.draw(&mut random))));
    let plan = each(1_000, &mut || {
        history.record(seconds(tasks.draw(&mut random)));
        assert!(schedule.preview().nth(1).is_some());
    });
    let mut polls = schedule.clone().no_max_wait().preview();
    let pause = each(1_000, &mut || assert!(polls.next().is_some()));
    println!("\nto record a task: {record:?}; to plan anew: {:?}; a pause: {pause:?}", plan.saturating_sub(record));
}

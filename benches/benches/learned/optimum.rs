//! The fewest requests for a given delay, if the distribution of the times is known: by dynamic programming.

use crate::polls::Figures;
use crate::tasks::Tasks;

/// Polls may be at the first `STEPS` multiples of `STEP` seconds. Later polls come every 30 s.
const STEP: f64 = 2.0;
const STEPS: usize = 1_500;

/// `price` is the price of a request in seconds of delay, `longest` the longest pause in minutes.
pub(crate) fn optimum(tasks: &Tasks, price: f64, longest: f64) -> Figures {
    let longest = (longest * 60.0 / STEP) as usize;
    let at = |step: usize| step as f64 * STEP;
    let until: Vec<f64> = (0..=STEPS).map(|step| tasks.share_until(at(step))).collect();
    // The sum of the ends up to each step. The delay of a poll is its time less the difference of two such sums.
    let mut ends = vec![0.0; STEPS + 1];
    for step in 1..=STEPS {
        ends[step] = ends[step - 1] + (until[step] - until[step - 1]) * (at(step) - STEP / 2.0);
    }
    let mut cost = vec![0.0; STEPS + 1];
    let mut next = vec![STEPS; STEPS + 1];
    for now in (0..STEPS).rev() {
        let then = |then: usize| {
            let delay = at(then) * (until[then] - until[now]) - (ends[then] - ends[now]);
            price * (1.0 - until[now]) + delay + cost[then]
        };
        let last = STEPS.min(now + longest);
        let best = (now + 1..=last).min_by(|a, b| then(*a).total_cmp(&then(*b))).unwrap();
        (cost[now], next[now]) = (then(best), best);
    }
    let mut figures = Figures::default();
    let polls = std::iter::successors(Some(0), |step| {
        Some(next.get(*step).copied().filter(|_| *step < STEPS).unwrap_or(step + 15))
    });
    figures.watch(tasks, polls.map(at));
    figures
}

//! When to poll, given how likely a task is to be unfinished at each age.

use std::sync::Arc;
use std::time::Duration;

use super::survival::{Point, Survival};

/// At an age that fewer tasks than this share reach, little is known: pauses are at most the fixed pause.
const FIXED_PAUSE_BELOW: f64 = 0.01;
/// Below this share, long pauses begin to approach the fixed pause.
const SHORTEN_BELOW: f64 = 0.05;
/// A history is always a little out of date. The plan aims below the target by this part of it.
const DELAY_MARGIN: f64 = 0.07;
/// Limits for the search of the cost per poll. It ends sooner when the mean delay is within 0.5 %.
const MAX_ITERATIONS: usize = 10;
const MAX_POLLS_PER_ITERATION: usize = 500;
/// The expected delay leaves out the slowest tasks from this share on.
const TAIL_CUTOFF: f64 = 1e-3;

/// What the polls are to reach, and the bounds of each pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Targets {
    /// The mean time from a task's end to the poll that finds it.
    pub(crate) mean_delay: Duration,
    pub(crate) shortest_pause: Duration,
    pub(crate) longest_pause: Duration,
}

/// The polls for one set of targets.
///
/// A poll at `a` is followed by one at `b` when the expected delay, without a poll in between, has grown to the cost of
/// a request: `∫ S(a) - S(t) dt = c S(a)` from `a` to `b`. `S(t)` is the probability that the task takes longer than
/// `t`. Where tasks end at a constant rate `h`, the pause is `sqrt(2c/h)`, as in Keller (1974). The cost `c`, in seconds
/// of delay, is the one that brings the mean delay to its target.
pub(super) struct Plan {
    survival: Arc<Survival>,
    /// In seconds of delay.
    cost_per_poll: f64,
    /// The pause where nothing is known, in seconds.
    fixed_pause: f64,
    /// In seconds.
    shortest_pause: f64,
    /// In seconds.
    longest_pause: f64,
}

impl Plan {
    pub(super) fn new(targets: Targets, survival: Arc<Survival>) -> Self {
        let mean_delay = targets.mean_delay.as_secs_f64();
        let target = mean_delay * (1.0 - DELAY_MARGIN * survival.confidence * survival.confidence);
        let mut plan = Self {
            survival,
            cost_per_poll: mean_delay / 8.0,
            fixed_pause: 2.0 * mean_delay,
            shortest_pause: targets.shortest_pause.as_secs_f64(),
            longest_pause: targets.longest_pause.as_secs_f64(),
        };
        for _ in 0..MAX_ITERATIONS {
            let Some(expected) = plan.expected_delay() else { break };
            let ratio = target / expected;
            // The delay grows with a power of the cost between 1/2 and 1.
            plan.cost_per_poll = (plan.cost_per_poll * ratio.powf(1.5)).clamp(mean_delay / 1e4, mean_delay * 4.0);
            if (ratio - 1.0).abs() < 0.005 {
                break;
            }
        }
        plan
    }

    /// In seconds.
    pub(super) fn shortest_pause(&self) -> f64 {
        self.shortest_pause
    }

    /// The pause after a poll that found a task of this age unfinished. Both are in seconds.
    pub(super) fn pause_at(&self, age: f64) -> f64 {
        self.pause_from(self.survival.at(age))
    }

    /// The pause after a poll at the point that [`Survival::at`] returns, in seconds.
    fn pause_from(&self, seen: Option<(&[Point], Point)>) -> f64 {
        let pause = match seen {
            Some((points, now)) => {
                let pause = self.optimal_pause(points, now);
                let known = ((now.survival - FIXED_PAUSE_BELOW) / (SHORTEN_BELOW - FIXED_PAUSE_BELOW)).clamp(0.0, 1.0);
                let excess = pause - self.fixed_pause;
                if excess > 0.0 { self.fixed_pause + excess * known } else { pause }
            }
            None => self.fixed_pause,
        };
        // `max` comes first: its result is a number even where `pause` is NaN.
        pause.max(self.shortest_pause).min(self.longest_pause)
    }

    /// The pause after which the expected delay has grown to the cost of a poll. `points` are the points after `now`.
    fn optimal_pause(&self, points: &[Point], now: Point) -> f64 {
        let accrued = |then: &Point| (then.at - now.at) * now.survival - (now.tail_area - then.tail_area);
        let cost = self.cost_per_poll * now.survival;
        let next = points.partition_point(|point| accrued(point) < cost);
        let Some(end) = points.get(next) else { return self.fixed_pause };
        let start = next.checked_sub(1).and_then(|before| points.get(before)).unwrap_or(&now);
        // Within a bin tasks end at a constant rate, so that the delay accrues as a parabola.
        let rate = (start.survival - end.survival) / (end.at - start.at);
        let lost = now.survival - start.survival;
        let rest = (cost - accrued(start)).max(0.0);
        start.at - now.at + 2.0 * rest / (lost + (lost * lost + 2.0 * rate * rest).sqrt())
    }

    /// The mean delay of a task that is watched from its creation, in seconds. `None` where nothing is known.
    fn expected_delay(&self) -> Option<f64> {
        let (mut points, mut now) = self.survival.at(0.0)?;
        let mut delay = 0.0;
        for _ in 0..MAX_POLLS_PER_ITERATION {
            let at = now.at + self.pause_from(Some((points, now)));
            let next = self.survival.at(at);
            let tail_area = next.map_or(0.0, |(_, next)| next.tail_area);
            delay += (at - now.at) * now.survival - (now.tail_area - tail_area);
            match next {
                Some((after, next)) if next.survival > TAIL_CUTOFF => (points, now) = (after, next),
                _ => break,
            }
        }
        Some(delay)
    }
}

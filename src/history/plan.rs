//! When to poll, given how likely a task is to end when.

use std::sync::Arc;
use std::time::Duration;

use super::survival::{Point, Survival};

/// A task that is older than all but this part of those before it follows the fixed schedule at most: of so old ones
/// little is known …
const OLD: f64 = 0.01;
/// … and one that is older than all but this part begins to.
const AGEING: f64 = 0.05;
/// What is learned from is always a little out of date: the plan aims for so much less delay.
const RESERVE: f64 = 0.07;
/// Corrections of the price of a request, and polls looked at for each, are bounded; fewer do, for the mean delay to
/// within 1 %.
const ROUNDS: usize = 10;
const POLLS: usize = 500;
/// So few tasks that take longest are not looked at.
const UNCOUNTED: f64 = 1e-3;

/// What the polls are to bring about, and within which bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Targets {
    /// From a task's end to the poll that finds it, on average.
    pub(crate) delay: Duration,
    pub(crate) shortest: Duration,
    pub(crate) longest: Duration,
}

/// A poll at `a` is followed by one at `b` when the delay that is to be expected if there is none before it has come to
/// what a request is worth: `∫ S(a) - S(t) dt = c S(a)` from `a` to `b`, with `S(t)` the probability that the task
/// takes longer than `t`. Where tasks end at an even rate `h` the pause is `sqrt(2c/h)`, as it is in Keller (1974).
/// `c`, in seconds of delay, is what brings the mean delay to the goal.
pub(super) struct Plan {
    survival: Arc<Survival>,
    cost_per_poll: f64,
    /// In seconds, like all that follows.
    fixed: f64,
    shortest: f64,
    longest: f64,
}

impl Plan {
    pub(super) fn new(targets: Targets, survival: Arc<Survival>) -> Self {
        let delay = targets.delay.as_secs_f64();
        let (shortest, longest) = (targets.shortest.as_secs_f64(), targets.longest.as_secs_f64());
        let target = delay * (1.0 - RESERVE * survival.known * survival.known);
        let mut plan = Self { survival, cost_per_poll: delay / 8.0, fixed: 2.0 * delay, shortest, longest };
        for _ in 0..ROUNDS {
            let Some(expected) = plan.expected_delay() else { break };
            let short_by = target / expected;
            // The delay grows with a power of the price between 1/2 and 1.
            plan.cost_per_poll = (plan.cost_per_poll * short_by.powf(1.5)).clamp(delay / 1e4, delay * 4.0);
            if (short_by - 1.0).abs() < 0.005 {
                break;
            }
        }
        plan
    }

    pub(super) fn pause(&self, age: Duration) -> Duration {
        Duration::from_secs_f64(self.pause_at(age.as_secs_f64()))
    }

    /// Of a watch that keeps apart from others: it polls each time this part of the pause, 0 to 1, ahead of who has the whole of
    /// it. Counted from the task's creation: however far apart they are, all who poll long before tasks end would come
    /// together when they do.
    pub(super) fn pause_apart(&self, age: Duration, part: f64) -> Duration {
        /// Beyond so many polls pauses are all the same.
        const PLACES: usize = 200;
        let age = age.as_secs_f64();
        let own = self.pause_at(age);
        // It was asked about just now, in this very place or a little before.
        let too_soon = |place: f64, pause: f64| place * 16.0 <= pause;
        let (mut from, mut before) = (0.0, 0.0);
        let place = (0..PLACES).find_map(|_| {
            let pause = self.pause_at(from);
            from += pause;
            let place = from - part * pause - age;
            let longest = pause.max(std::mem::replace(&mut before, pause));
            (!too_soon(place, pause)).then_some(place.min(longest))
        });
        let place = place.unwrap_or_else(|| {
            let place = own - (age + part * own) % own;
            if too_soon(place, own) { own } else { place }
        });
        Duration::from_secs_f64(place.max(self.shortest))
    }

    fn pause_at(&self, age: f64) -> f64 {
        self.pause_from(self.survival.look(age))
    }

    /// After a poll at what [`Survival::look`] shows.
    fn pause_from(&self, seen: Option<(&[Point], Point)>) -> f64 {
        let pause = match seen {
            Some((points, now)) => {
                let worth = self.worth(points, now);
                let young = ((now.survival - OLD) / (AGEING - OLD)).clamp(0.0, 1.0);
                if worth > self.fixed { self.fixed + (worth - self.fixed) * young } else { worth }
            }
            None => self.fixed,
        };
        // `max` first: it is a number even where none came out.
        pause.max(self.shortest).min(self.longest)
    }

    /// How long a pause is worth it. `points`: those from `now` on.
    fn worth(&self, points: &[Point], now: Point) -> f64 {
        let accrued = |then: &Point| (then.at - now.at) * now.survival - (now.tail_area - then.tail_area);
        let worth = self.cost_per_poll * now.survival;
        let next = points.partition_point(|knot| accrued(knot) < worth);
        let Some(end) = points.get(next) else { return self.fixed };
        let start = next.checked_sub(1).and_then(|before| points.get(before)).unwrap_or(&now);
        // Within a bin tasks end at an even rate, and what accrues is a parabola.
        let rate = (start.survival - end.survival) / (end.at - start.at);
        let lost = now.survival - start.survival;
        let open = (worth - accrued(start)).max(0.0);
        start.at - now.at + 2.0 * open / (lost + (lost * lost + 2.0 * rate * open).sqrt())
    }

    /// On average, of a task that is watched from its creation. `None` if nothing is known.
    fn expected_delay(&self) -> Option<f64> {
        let (mut points, mut now) = self.survival.look(0.0)?;
        let mut delay = 0.0;
        for _ in 0..POLLS {
            let at = now.at + self.pause_from(Some((points, now)));
            let next = self.survival.look(at);
            let tail_area = next.map_or(0.0, |(_, next)| next.tail_area);
            delay += (at - now.at) * now.survival - (now.tail_area - tail_area);
            match next {
                Some((after, next)) if next.survival > UNCOUNTED => (points, now) = (after, next),
                _ => break,
            }
        }
        Some(delay)
    }
}

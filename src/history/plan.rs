//! When to poll, given how likely a task is to end when.

use std::time::Duration;

use super::estimate::density;
use super::grid;
use super::memory::Memory;

/// A task that is older than all but this part of those before it follows the fixed schedule at most: of so old ones
/// little is known.
const OLD: f64 = 0.02;
/// What is learned from is always a little out of date: the plan aims for so much less delay.
const RESERVE: f64 = 0.07;
/// The vendor's example took 309 s.
const TYPICAL: f64 = 300.0;
/// Of tasks that were created long before their watch began, so many had ended by then. From 0.1 to 1 it makes little difference.
const OVER: f64 = 0.3;
/// So few tasks get so old that nothing is known of those that do.
const RARE: f64 = 1e-6;
/// Corrections of the price of a request, and polls looked at for each, are bounded; fewer do, for the mean delay to
/// within 1 %.
const ROUNDS: usize = 10;
const POLLS: usize = 500;
/// So few tasks that take longest are not looked at.
const UNCOUNTED: f64 = 1e-3;

/// What the polls are to bring about, and within which bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Goal {
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
    knots: Vec<Knot>,
    price: f64,
    /// In seconds, like all that follows.
    fixed: f64,
    shortest: f64,
    longest: f64,
}

/// That a task has ended since it was asked about, and for how many seconds it is expected to have been so.
struct Chance {
    ended: f64,
    since: f64,
}

impl Chance {
    /// Where tasks end at an even rate, but for those that had ended before.
    fn at_any_time(gap: f64, mean: f64, before: f64) -> Self {
        let within = 1.0 - (-gap / mean).exp();
        let ended = before + (1.0 - before) * within;
        Self { ended, since: before * gap + (1.0 - before) * (gap - mean * within) }
    }

    /// Where requests are short, whoever has most of this should go first: in simulations it came within a few percent of the
    /// best rule, and needs no constant. It grows without bound as time goes by, so that nobody is left out for ever.
    fn gain(&self) -> f64 {
        self.ended * self.since.max(0.0)
    }
}

/// At the start of a bin.
#[derive(Clone, Copy)]
struct Knot {
    at: f64,
    survival: f64,
    /// The integral of the survival from here on.
    ahead: f64,
}

impl Plan {
    pub(super) fn new(goal: Goal, memory: &Memory) -> Self {
        let delay = goal.delay.as_secs_f64();
        let (shortest, longest) = (goal.shortest.as_secs_f64(), goal.longest.as_secs_f64());
        let mut plan = Self { knots: Vec::new(), price: delay / 8.0, fixed: 2.0 * delay, shortest, longest };
        if let Some((density, known)) = density(&memory.ended, &memory.unfinished) {
            plan.knots = knots(&density);
            let target = delay * (1.0 - RESERVE * known * known);
            for _ in 0..ROUNDS {
                let short_by = target / plan.expected_delay(target);
                // The delay grows with a power of the price between 1/2 and 1.
                plan.price = (plan.price * short_by.powf(1.5)).clamp(delay / 1e4, delay * 4.0);
                if (short_by - 1.0).abs() < 0.005 {
                    break;
                }
            }
        }
        plan
    }

    pub(super) fn pause(&self, age: Duration) -> Duration {
        Duration::from_secs_f64(self.pause_from(self.look(age.as_secs_f64())))
    }

    /// After a poll at what `look` shows.
    fn pause_from(&self, seen: Option<(&[Knot], Knot)>) -> f64 {
        let pause = match seen {
            Some((knots, now)) if now.survival < OLD => self.worth(knots, now).min(self.fixed),
            Some((knots, now)) => self.worth(knots, now),
            None => self.fixed,
        };
        // `max` first: it is a number even where none came out.
        pause.max(self.shortest).min(self.longest)
    }

    /// How long a pause is worth it. `knots`: those from `now` on.
    fn worth(&self, knots: &[Knot], now: Knot) -> f64 {
        let accrued = |then: &Knot| (then.at - now.at) * now.survival - (now.ahead - then.ahead);
        let worth = self.price * now.survival;
        let next = knots.partition_point(|knot| accrued(knot) < worth);
        let Some(end) = knots.get(next) else { return self.fixed };
        let start = next.checked_sub(1).and_then(|before| knots.get(before)).unwrap_or(&now);
        // Within a bin tasks end at an even rate, and what accrues is a parabola.
        let rate = (start.survival - end.survival) / (end.at - start.at);
        let lost = now.survival - start.survival;
        let open = (worth - accrued(start)).max(0.0);
        start.at - now.at + 2.0 * open / (lost + (lost * lost + 2.0 * rate * open).sqrt())
    }

    /// The knots after an age, and one at that age. `None` where nothing is known.
    fn look(&self, age: f64) -> Option<(&[Knot], Knot)> {
        let next = self.knots.partition_point(|knot| knot.at <= age);
        let after = self.knots.get(next..)?;
        let (start, end) = (self.knots.get(next.checked_sub(1)?)?, after.first()?);
        let rest = (end.at - age) / (end.at - start.at);
        let survival = end.survival + (start.survival - end.survival) * rest;
        let ahead = end.ahead + f64::midpoint(survival, end.survival) * (end.at - age);
        Some((after, Knot { at: age, survival, ahead })).filter(|_| survival > 1e-9)
    }

    /// What a poll of a task is worth that was unfinished at this age, and is of that age now.
    pub(super) fn gain(&self, last: Duration, now: Duration) -> f64 {
        self.chance(last, now).gain()
    }

    /// The same of a first poll, by a watch that has waited for so long. `late`: how many of the watches come to a task that was
    /// created long before.
    pub(super) fn first_gain(&self, waited: Duration, late: f64) -> f64 {
        let (new, old) =
            (self.chance(Duration::ZERO, waited), Chance::at_any_time(waited.as_secs_f64(), self.mean(), OVER));
        let mixed = |new: f64, old: f64| new * (1.0 - late) + old * late;
        Chance { ended: mixed(new.ended, old.ended), since: mixed(new.since, old.since) }.gain()
    }

    fn chance(&self, last: Duration, now: Duration) -> Chance {
        let (last, now) = (last.as_secs_f64(), now.as_secs_f64());
        let gap = (now - last).max(0.0);
        let Some((_, then)) = self.look(last).filter(|(_, then)| then.survival > RARE) else {
            return Chance::at_any_time(gap, self.mean(), 0.0);
        };
        let (survival, ahead) = self.look(now).map_or((0.0, 0.0), |(_, now)| (now.survival, now.ahead));
        Chance { ended: 1.0 - survival / then.survival, since: gap - (then.ahead - ahead) / then.survival }
    }

    /// How long a task takes.
    fn mean(&self) -> f64 {
        self.knots.first().map_or(TYPICAL, |first| first.ahead)
    }

    /// On average, of a task that is watched from its creation; `beyond` for one that is not followed to its end.
    fn expected_delay(&self, beyond: f64) -> f64 {
        let Some((mut knots, mut now)) = self.look(0.0) else { return beyond };
        let mut delay = 0.0;
        for _ in 0..POLLS {
            let at = now.at + self.pause_from(Some((knots, now)));
            let Some((after, next)) = self.look(at).filter(|(_, next)| next.survival > UNCOUNTED) else { break };
            delay += (at - now.at) * now.survival - (now.ahead - next.ahead);
            (knots, now) = (after, next);
        }
        delay + beyond * now.survival
    }
}

fn knots(density: &[f64]) -> Vec<Knot> {
    let mut knots = Vec::with_capacity(grid::BINS.saturating_add(1));
    let starts = grid::starts();
    let mut last = Knot { at: starts.last().copied().unwrap_or_default(), survival: 0.0, ahead: 0.0 };
    knots.push(last);
    // From the end, so that small numbers are added up first.
    for (part, start) in density.iter().zip(starts).rev() {
        let survival = last.survival + part;
        let ahead = last.ahead + f64::midpoint(survival, last.survival) * (last.at - start);
        last = Knot { at: *start, survival, ahead };
        knots.push(last);
    }
    knots.reverse();
    knots
}

//! Random waiters, some of which stay away, on a clock that the test moves: the limits hold, and nobody waits for nothing.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tokio::time::Instant;

use super::super::limits::{LimiterConfig, Release, Sent};
use super::super::priority::Priority;
use super::super::rate_limit::RateLimit;
use super::super::state::LimiterState;
use super::super::wait_queue::Grant;
use super::super::waiter::{AcquireRequest, Class};
use super::super::waiters::Key;
use super::{ms, refusal, secs};

const PERIOD: Duration = secs(3);
const LEASE: Duration = secs(5);
const COOLDOWN: Duration = secs(3);
/// A permit is free for no longer while a waiter is there that could take it, if others are away.
const MAX_IDLE: Duration = ms(600);
/// The resolution of a timer.
const TICK: Duration = ms(1);

struct CountingWaker(AtomicUsize);

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A waiter, as [`Acquire`](super::super::Acquire) is one.
struct Waiter {
    place: Option<Key>,
    ticket: u64,
    returns_at: Instant,
    woken: Arc<CountingWaker>,
    class: Class,
    weight: usize,
    is_single: bool,
    priority: Option<Priority>,
    /// Does not come, even if it is woken.
    away: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Come { class: Class, weight: usize, value: Option<i8> },
    Leave(usize),
    Answer(usize),
    Fail(usize),
    Refuse(usize),
    Abandon(usize),
    Stay(usize),
    Return(usize),
    Promote(usize),
    Resume,
    Pass(u64),
}

fn class() -> impl Strategy<Value = Class> {
    prop_oneof![1 => Just(Class::Urgent), 4 => Just(Class::Normal), 2 => Just(Class::Retry)]
}

fn step() -> impl Strategy<Value = Step> {
    let value = prop::option::weighted(0.7, any::<i8>());
    let weight = prop_oneof![4 => Just(1_usize), 1 => 2..12_usize];
    prop_oneof![
        8 => (class(), weight, value).prop_map(|(class, weight, value)| Step::Come { class, weight, value }),
        1 => (0..40_usize).prop_map(Step::Leave),
        4 => (0..40_usize).prop_map(Step::Answer),
        1 => (0..40_usize).prop_map(Step::Fail),
        1 => (0..40_usize).prop_map(Step::Refuse),
        1 => (0..40_usize).prop_map(Step::Abandon),
        4 => (0..40_usize).prop_map(Step::Stay),
        2 => (0..40_usize).prop_map(Step::Return),
        1 => (0..40_usize).prop_map(Step::Promote),
        1 => Just(Step::Resume),
        4 => (0..4_000_u64).prop_map(Step::Pass),
    ]
}

/// A queue with its limits, its waiters, and what is in flight.
struct World {
    limiter: LimiterState,
    now: Instant,
    requests: u32,
    in_flight: usize,
    waiters: Vec<Waiter>,
    flying: Vec<Sent>,
    sent: Vec<Instant>,
    /// Since when a permit is free and a waiter is there that could take it.
    idle_since: Option<Instant>,
    max_idle: Duration,
    /// Who was served since the last look.
    served: Vec<(u64, Class)>,
    overtaken: usize,
    absences: bool,
    ranked: bool,
}

impl World {
    fn new(requests: u32, in_flight: usize) -> Self {
        let rate_limit = (requests > 0).then(|| RateLimit::per(requests, PERIOD));
        Self {
            limiter: LimiterState::new(LimiterConfig { rate_limit, max_in_flight: in_flight, lease: LEASE }),
            now: Instant::now(),
            requests,
            in_flight,
            waiters: Vec::new(),
            flying: Vec::new(),
            sent: Vec::new(),
            idle_since: None,
            max_idle: Duration::ZERO,
            served: Vec::new(),
            overtaken: 0,
            absences: false,
            ranked: false,
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Come { class, weight, value } => self.come(class, weight, value.filter(|_| self.ranked)),
            Step::Leave(which) if which < self.waiters.len() => {
                if let Some(key) = self.waiters.swap_remove(which).place {
                    self.limiter.cancel(key, self.now);
                }
            }
            Step::Answer(which) => self.end(which, &Release::Answered),
            Step::Fail(which) => self.end(which, &Release::Failed),
            Step::Refuse(which) => self.end(which, &Release::Refused(COOLDOWN, refusal(self.now))),
            // Its future is not polled any more: nobody releases its lease.
            Step::Abandon(which) if which < self.flying.len() => drop(self.flying.swap_remove(which)),
            Step::Stay(which) if self.absences && which < self.waiters.len() => self.waiters[which].away = true,
            Step::Return(which) if which < self.waiters.len() => {
                let waiter = &mut self.waiters[which];
                (waiter.away, waiter.returns_at) = (false, self.now);
            }
            Step::Promote(which) if which < self.waiters.len() => {
                let waiter = &mut self.waiters[which];
                (waiter.class, waiter.returns_at) = (Class::Normal, self.now);
            }
            Step::Resume => drop(self.limiter.resume(self.now)),
            Step::Pass(millis) => self.pass(self.now + ms(millis)),
            _ => {}
        }
        self.settle();
    }

    fn come(&mut self, class: Class, weight: usize, value: Option<i8>) {
        // The order of values is reversed every second.
        let start = self.now;
        let priority = value.map(f64::from).map(|value| {
            Priority::new(move |now| {
                let seconds = now.saturating_duration_since(start).as_secs();
                if seconds % 2 == 0 { value } else { -value }
            })
        });
        self.waiters.push(Waiter {
            place: None,
            ticket: self.limiter.queue.tickets.issue(weight),
            returns_at: self.now,
            woken: Arc::new(CountingWaker(AtomicUsize::new(1))),
            class,
            weight,
            is_single: weight == 1,
            priority,
            away: false,
        });
    }

    fn end(&mut self, which: usize, release: &Release) {
        if which < self.flying.len() {
            let (sent, now) = (self.flying.swap_remove(which), self.now);
            self.limiter.release(sent, release, || now);
        }
    }

    /// Time passes, and each waiter comes when its timer fires.
    fn pass(&mut self, end: Instant) {
        while self.now < end {
            let here = self.waiters.iter().filter(|waiter| !waiter.away);
            let next = here.map(|waiter| waiter.returns_at).min().unwrap_or(end).clamp(self.now, end);
            // Nothing changes meanwhile, but a limit may open: look at it in steps.
            self.now = next.min(self.now + ms(25)).max(self.now + Duration::from_nanos(1));
            self.settle();
            self.look_for_idle();
        }
    }

    /// All waiters come that were woken, or whose timer has fired.
    fn settle(&mut self) {
        for visits in 0.. {
            assert!(visits < 10_000, "waiters come for ever");
            mem::take(&mut self.limiter.queue.wake).wake();
            let now = self.now;
            let comes = |waiter: &Waiter| {
                !waiter.away && (waiter.woken.0.load(Ordering::SeqCst) > 0 || waiter.returns_at <= now)
            };
            let Some(index) = self.waiters.iter().position(comes) else { break };
            self.waiters[index].woken.0.store(0, Ordering::SeqCst);
            self.visit(index);
        }
        for (served, class) in mem::take(&mut self.served) {
            let is_before =
                |waiter: &&Waiter| waiter.ticket < served && waiter.class == class && waiter.is_single && !waiter.away;
            self.overtaken += self.waiters.iter().filter(is_before).count();
        }
        self.look_for_idle();
    }

    fn visit(&mut self, index: usize) {
        loop {
            let waiter = &mut self.waiters[index];
            let waker = Waker::from(Arc::clone(&waiter.woken));
            let request = AcquireRequest {
                ticket: Some(waiter.ticket),
                waker: &waker,
                weight: waiter.weight,
                class: waiter.class,
                priority: waiter.priority.as_ref(),
            };
            match self.limiter.poll_acquire(&mut waiter.place, &request, self.now) {
                Ok(Grant { lease, .. }) => {
                    let (ticket, class, is_single) = (waiter.ticket, waiter.class, waiter.is_single);
                    (waiter.ticket, waiter.weight) = (ticket + 1, waiter.weight - 1);
                    let is_over = waiter.weight == 0;
                    self.sent.push(self.now);
                    self.flying.push(Sent { lease, at: self.now });
                    // Permits that are free at once go to as many waiters, whatever their weight. Of early repeats, the last is
                    // first.
                    if is_single && class != Class::Retry {
                        self.served.push((ticket, class));
                    }
                    if is_over {
                        self.waiters.swap_remove(index);
                        return;
                    }
                }
                Err(no_permit) => {
                    assert!(no_permit.comes_again > self.now, "it would come again at once");
                    waiter.returns_at = no_permit.comes_again;
                    return;
                }
            }
        }
    }

    fn look_for_idle(&mut self) {
        let now = self.now;
        let mut limits = self.limiter.limits.clone();
        let is_idle = self.waiters.iter().any(|waiter| !waiter.away && limits.allows(waiter.class, now) > 0);
        let since = *self.idle_since.get_or_insert(now);
        if is_idle {
            self.max_idle = self.max_idle.max(now - since);
        } else {
            self.idle_since = None;
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let within = self.sent.iter().filter(|at| **at + PERIOD > self.now).count();
        prop_assert!(self.requests == 0 || within <= self.requests as usize, "the rate limit is exceeded");
        let running = self.flying.iter().filter(|sent| sent.at + LEASE > self.now).count();
        prop_assert!(running <= self.in_flight, "too many in flight");
        let max_idle = if self.absences { MAX_IDLE } else { TICK };
        prop_assert!(self.max_idle <= max_idle, "a permit was free for {:?}", self.max_idle);
        if !self.absences && !self.ranked {
            prop_assert!(self.overtaken == 0, "waiters were overtaken {} times", self.overtaken);
        }
        Ok(())
    }
}

/// `absences`: whether waiters stay away. `ranked`: whether some have priorities.
fn run((requests, in_flight): (u32, usize), steps: &[Step], absences: bool, ranked: bool) -> Result<(), TestCaseError> {
    let mut world = World::new(requests, in_flight);
    (world.absences, world.ranked) = (absences, ranked);
    for step in steps {
        world.take(step);
        world.check()?;
    }
    // From here on each request is answered, and time passes.
    for _ in 0..1_000 {
        while !world.flying.is_empty() {
            world.end(0, &Release::Answered);
            world.settle();
        }
        world.pass(world.now + secs(1));
        world.check()?;
        if world.waiters.iter().all(|waiter| waiter.away) {
            return Ok(());
        }
    }
    prop_assert!(false, "a waiter waits for ever");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 150, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default()
    })]

    /// No permit is free while a waiter is there that could take it, and each gets one in its turn.
    #[test]
    fn limits_hold_and_present_waiters_are_served_in_order(
        limits in (0..6_u32, 1..6_usize), steps in prop::collection::vec(step(), 1..80),
    ) {
        run(limits, &steps, false, false)?;
    }

    /// Whichever waiters stay away, others wait for them for a short time only.
    #[test]
    fn absent_waiters_hold_up_others_shortly(
        limits in (0..6_u32, 1..6_usize), steps in prop::collection::vec(step(), 1..80),
    ) {
        run(limits, &steps, true, false)?;
    }

    #[test]
    fn limits_hold_with_priorities_and_absences(
        limits in (0..6_u32, 1..6_usize), steps in prop::collection::vec(step(), 1..80),
    ) {
        run(limits, &steps, true, true)?;
    }

    #[test]
    fn no_permit_is_idle_with_priorities(
        limits in (0..6_u32, 1..6_usize), steps in prop::collection::vec(step(), 1..80),
    ) {
        run(limits, &steps, false, true)?;
    }
}

//! Who may ask now: the request budget, the bound on requests in flight, and the gate that one refusal closes for all.

mod allowance;
mod crowd;
mod desk;
mod gate;
mod leases;
mod pacer;
mod rank;
mod round;
mod turn;
mod window;

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::Error;

use desk::{Back, Desk, Visitor};
pub(crate) use rank::{Draw, Rank};
pub(crate) use turn::Turn;
#[cfg(feature = "simulator")]
pub(crate) use window::Window;

/// How many requests may go out in how much time: [`ClientBuilder::request_budget`](crate::ClientBuilder::request_budget).
///
/// In no stretch of time as long as the period do more requests go out than the budget has; the stretch may begin
/// anywhere, not only at full periods. Once the budget is used up, those who wait go one after the other, at an even
/// pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestBudget {
    requests: u32,
    period: Duration,
}

impl RequestBudget {
    /// At most so many requests in each stretch of `period`: `per(20, Duration::from_secs(10))`.
    #[must_use]
    pub const fn per(requests: u32, period: Duration) -> Self {
        Self { requests, period }
    }

    pub(crate) fn validate(self) -> Result<(), Error> {
        /// Longer than this is a slip of the pen.
        const LONGEST: Duration = Duration::from_secs(31 * 24 * 60 * 60);
        if self.requests == 0 {
            return Err(Error::config("the request budget is 0 requests: nothing could ever be asked"));
        }
        if self.period.is_zero() {
            return Err(Error::config("the request budget's period is zero: it would bound nothing"));
        }
        if self.period > LONGEST {
            return Err(Error::config("the request budget's period is over a month"));
        }
        Ok(())
    }
}

/// What bounds the requests of one client and its clones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) budget: Option<RequestBudget>,
    pub(crate) in_flight: usize,
    /// A request that is not over after so long is not polled by anyone, and counts no more.
    pub(crate) lease: Duration,
}

/// Where every request of a client takes its turn.
#[derive(Debug)]
pub(crate) struct Turnstile(Mutex<Desk>);

impl Turnstile {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Desk::new(limits))))
    }

    /// A turn if there is one right now and nobody waits for it. `rest`: for how long a refusal that names no time
    /// closes the gate.
    pub(crate) fn try_enter(self: &Arc<Self>, rest: Duration) -> Option<Permit> {
        let lease = self.at_desk(|desk| desk.enter(Instant::now()))?;
        Some(self.permit(lease, rest))
    }

    /// The one request that may pass a closed gate: the last look of a watch whose time is over.
    pub(crate) fn last_look(self: &Arc<Self>, rest: Duration) -> Option<Permit> {
        let lease = self.at_desk(|desk| desk.last_look(Instant::now()))?;
        Some(self.permit(lease, rest))
    }

    /// A place in the queue for a turn, taken when it is polled first.
    pub(crate) fn turn(self: &Arc<Self>, rest: Duration) -> Turn {
        Turn::new(Arc::clone(self), rest)
    }

    /// A watch starts now: which part of its pause, in 1/65536, it should go ahead of the others that start with it, if
    /// there are many.
    pub(crate) fn enrol(&self, now: Instant) -> u16 {
        self.at_desk(|desk| desk.crowd.enrol(now))
    }

    /// Whether many started together with the watch that started then.
    pub(crate) fn is_crowded(&self, started: Instant) -> bool {
        self.at_desk(|desk| desk.crowd.is_crowded(started))
    }

    fn permit(self: &Arc<Self>, lease: u64, rest: Duration) -> Permit {
        Permit { turnstile: Arc::clone(self), lease, rest, back: Back::Lost }
    }

    /// So many places in the order of waiting, the first of them given.
    pub(crate) fn issue(&self, count: usize) -> u64 {
        self.at_desk(|desk| desk.issue(count))
    }

    fn at_desk<T>(&self, visit: impl FnOnce(&mut Desk) -> T) -> T {
        let mut desk = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = visit(&mut desk);
        let (wake, retired) = (mem::take(&mut desk.wake), mem::take(&mut desk.retired));
        drop(desk);
        wake.into_iter().for_each(Waker::wake);
        drop(retired);
        outcome
    }
}

/// The right to one request, for as long as it is in flight.
#[derive(Debug)]
pub(crate) struct Permit {
    turnstile: Arc<Turnstile>,
    lease: u64,
    rest: Duration,
    back: Back,
}

impl Permit {
    /// What came of the request. A permit that is dropped without a word of it was not used to its end.
    pub(crate) fn answered(mut self, failure: Option<&Error>) {
        let refusal = failure.filter(|error| error.kind().asks_for_rest());
        self.back = match refusal {
            Some(error) => Back::Refused(error.retry_after().filter(|wait| !wait.is_zero()).unwrap_or(self.rest)),
            None => Back::Answered,
        };
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Self { turnstile, lease, back, .. } = self;
        turnstile.at_desk(|desk| desk.give_back(*lease, *back, Instant::now));
    }
}

#[cfg(test)]
mod tests;

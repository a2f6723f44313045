//! Waiting for a turn.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{Permit, Rank, Turnstile, Visitor};
use crate::timer::Timer;

/// A place in the queue. Dropping it gives the place up, and what it was about to get goes to the next.
///
/// It has one timer, set to when its turn comes as far as that can be told, and is woken where it comes sooner.
#[derive(Debug)]
pub(crate) struct Turn {
    turnstile: Arc<Turnstile>,
    rest: Duration,
    past_gate: bool,
    rank: Option<Rank>,
    ticket: Option<u64>,
    timer: Timer,
}

impl Turn {
    pub(super) fn new(turnstile: Arc<Turnstile>, rest: Duration) -> Self {
        Self { turnstile, rest, past_gate: false, rank: None, ticket: None, timer: Timer::default() }
    }

    /// Not held up by a closed gate.
    pub(crate) fn past_gate(mut self) -> Self {
        self.past_gate = true;
        self
    }

    /// From now on worth so much beside others, if that is known.
    pub(crate) fn rank(&mut self, rank: Option<Rank>) {
        self.rank = rank;
    }

    /// Takes the place of this ticket, or the last one if there is none. `weight`: for how many requests it waits, one
    /// after the other.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, ticket: Option<u64>, weight: usize) -> Poll<Permit> {
        if ticket.is_some() && self.ticket != ticket {
            self.leave();
            self.ticket = ticket;
        }
        let Self { turnstile, ticket, past_gate, rank, .. } = self;
        let (waker, past_gate, rank) = (cx.waker(), *past_gate, rank.as_ref());
        let ticket = *ticket.get_or_insert_with(|| turnstile.issue(1));
        let visitor = Visitor { ticket, waker, weight, past_gate, rank };
        loop {
            match self.turnstile.at_desk(|desk| desk.come(&visitor, Instant::now())) {
                Ok(lease) => {
                    self.ticket = None;
                    return Poll::Ready(self.turnstile.permit(lease, self.rest));
                }
                Err(at) => ready!(self.timer.poll(cx, at)),
            }
        }
    }

    /// Gives the place up.
    pub(crate) fn leave(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.turnstile.at_desk(|desk| desk.leave(ticket, Instant::now()));
        }
    }

    /// Waits for one turn.
    pub(crate) async fn next(mut self) -> Permit {
        poll_fn(|cx| self.poll(cx, None, 1)).await
    }

    /// The same, but for no longer than `patience` after `time`, when the wait is over but for a last look. `None`: no
    /// turn came.
    pub(crate) async fn by(mut self, time: Option<Instant>, patience: Duration) -> Option<Permit> {
        let Self { turnstile, rest, .. } = &self;
        let (turnstile, rest) = (Arc::clone(turnstile), *rest);
        let mut turn = poll_fn(|cx| self.poll(cx, None, 1));
        let Some(time) = time else { return Some(turn.await) };
        if let Ok(permit) = timeout_at(time, &mut turn).await {
            return Some(permit);
        }
        if let Some(permit) = turnstile.last_look(rest) {
            return Some(permit);
        }
        match time.checked_add(patience) {
            Some(end) => timeout_at(end, turn).await.ok(),
            None => Some(turn.await),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.leave();
    }
}

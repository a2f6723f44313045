//! The next poll of a single watch: its pause, which a notification ends, and its wait for a permit.

use std::future::{Future, ready};
use std::pin::Pin;
use std::task::{self, Context, Poll};

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::subscribed::Subscribed;
use crate::client_core::{PollFuture, PollOutcome};
use crate::limiter::{Acquired, Class, PermitRequest, Place};

pin_project! {
    /// Ready with the poll in flight, or with the outcome that all watches of the client are held back. Then the poll waits on in
    /// another such future.
    ///
    /// One timer for the pause and for the wait: its room is most of what an idle watch takes.
    pub(super) struct DuePoll<'a> {
        watch: &'a mut Subscribed,
        #[pin]
        timer: Sleep,
        place: Place,
        phase: Phase,
    }

    impl PinnedDrop for DuePoll<'_> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.watch.task.core().limiter.leave(this.place);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The pause of the schedule, or of a repeat. Notifications end it.
    Pause,
    /// A notification came, and the poll is due soon.
    Notified,
    /// The poll is due.
    Due,
    /// It waits for a permit.
    Queued,
}

impl<'a> DuePoll<'a> {
    /// `at`: when the pause ends. `None`: the poll is due now.
    pub(super) fn new(watch: &'a mut Subscribed, at: Option<Instant>) -> Self {
        let phase = if at.is_some() { Phase::Pause } else { Phase::Due };
        let timer = sleep_until(at.unwrap_or_else(Instant::now));
        Self { watch, timer, place: Place::default(), phase }
    }
}

impl Future for DuePoll<'_> {
    type Output = PollFuture;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match *this.phase {
                Phase::Pause => {
                    let scheduled_at = this.timer.deadline();
                    match this.watch.poll_notified(cx) {
                        Poll::Ready(not_before) if not_before < scheduled_at => {
                            *this.phase = match this.watch.poll_early(scheduled_at, not_before) {
                                Some(not_before) => {
                                    this.timer.as_mut().reset(not_before);
                                    Phase::Notified
                                }
                                None => Phase::Due,
                            };
                        }
                        _ => {
                            task::ready!(this.timer.as_mut().poll(cx));
                            *this.phase = Phase::Due;
                        }
                    }
                }
                Phase::Notified => {
                    task::ready!(this.timer.as_mut().poll(cx));
                    *this.phase = Phase::Due;
                }
                Phase::Due => {
                    if let Some(poll) = this.watch.poll_now() {
                        return Poll::Ready(poll);
                    }
                    *this.phase = Phase::Queued;
                }
                Phase::Queued => return this.watch.poll_permit(this.place, this.timer.as_mut(), cx),
            }
        }
    }
}

impl Subscribed {
    fn poll_notified(&self, cx: &Context<'_>) -> Poll<Instant> {
        self.task.core().registry.poll_notified(self.key, cx.waker())
    }

    /// A notification came: the next poll comes before the schedule's own. Returns when, unless it is now: a timer takes a
    /// millisecond even for a time that has come.
    fn poll_early(&mut self, scheduled_at: Instant, not_before: Instant) -> Option<Instant> {
        self.task.poll_early(scheduled_at);
        let not_before = self.task.allowed_from(not_before).min(scheduled_at);
        (not_before > Instant::now()).then_some(not_before)
    }

    /// A poll that goes at once, if there is a permit for it, or if no request is sent.
    fn poll_now(&mut self) -> Option<PollFuture> {
        if let Some(outcome) = self.task.validate() {
            return Some(Box::pin(ready(outcome)));
        }
        // An early repeat needs a token as well.
        if self.task.is_held() {
            return None;
        }
        let permit = self.task.core().try_acquire()?;
        Some(match self.task.permit_wait(permit.acquired_at()) {
            Some(wait) => self.send(permit, wait),
            None => Box::pin(ready(PollOutcome::NotPolled)), // its time is over
        })
    }

    /// Waits for a permit.
    fn poll_permit(&mut self, place: &mut Place, mut timer: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<PollFuture> {
        loop {
            let now = Instant::now();
            let Some(wait) = self.task.permit_wait(now) else {
                return Poll::Ready(Box::pin(ready(PollOutcome::NotPolled)));
            };
            let mut until = wait.until.and_then(|until| self.task.instant(until));
            // A notification makes an early repeat of a failed poll an extra poll.
            if let (Class::Retry, Some(scheduled_at)) = (wait.class, until) {
                if let Poll::Ready(not_before) = self.poll_notified(cx) {
                    if not_before <= now {
                        self.task.poll_early(scheduled_at);
                        continue;
                    }
                    until = Some(scheduled_at.min(not_before));
                }
            }
            let priority = if place.is_queued() { None } else { self.task.priority() };
            let request = PermitRequest {
                ticket: if place.is_queued() { None } else { self.task.take_ticket() },
                weight: 1,
                class: wait.class,
                priority: priority.as_ref(),
                until,
                known_refusal: self.task.known_refusal(),
            };
            let limiter = &self.task.core().limiter;
            match task::ready!(limiter.poll_place(place, timer.as_mut(), cx, &request)) {
                Some(Acquired::Permit(permit)) => return Poll::Ready(self.send(permit, wait)),
                Some(Acquired::HeldBack(_)) => {
                    // At the deadline comes the final poll, whoever is held back.
                    let is_over = until.is_some_and(|until| until <= Instant::now());
                    if let Some(cooldown) = limiter.cooldown().filter(|_| !is_over) {
                        let ticket = limiter.ticket(place);
                        self.task.keep_ticket(ticket);
                        return Poll::Ready(Box::pin(ready(PollOutcome::HeldBack(Box::new(cooldown)))));
                    }
                }
                None => {} // it goes on in another way, or is over
            }
        }
    }
}

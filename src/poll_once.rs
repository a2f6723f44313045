//! One poll of a watch that lives as data between its polls.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::checkpoint::Checkpoint;
use crate::client_core::{ClientCore, PollOutcome};
use crate::event::StatusEvent;
use crate::limiter::{Acquire, Acquired, Class, Permit, PermitRequest};
use crate::poll_state::PermitWait;
use crate::task_watch::TaskWatch;

/// What came of [`Client::poll_once`](crate::Client::poll_once).
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The event of this poll. `None`: it was not sent, because it is too early, or because the client's limits do not allow it
    /// now.
    pub event: Option<StatusEvent>,
    /// When and how to go on. `None`: the event is the last one.
    pub next: Option<NextStep>,
}

/// When and how to go on after a [`Step`].
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextStep {
    /// The time until the next poll.
    pub after: Duration,
    /// The watch, for the next poll.
    pub checkpoint: Checkpoint,
}

/// Makes the next poll of the watch, if it may be sent now.
pub(crate) async fn poll_once(core: &Arc<ClientCore>, checkpoint: &Checkpoint) -> Step {
    if let Some(end) = core.end_of(checkpoint) {
        return Step { event: Some(end), next: None };
    }
    let core = core.with_deadline_of(checkpoint);
    let mut watch = TaskWatch::resumed(Arc::clone(&core), checkpoint);
    if let Some(first) = watch.start_step() {
        let now = Instant::now();
        return wait(&watch, first.saturating_duration_since(now), now);
    }
    let outcome = match watch.validate() {
        Some(outcome) => outcome,
        None => match permit(&core, &mut watch).await {
            Ok(Some((permit, wait))) => {
                if checkpoint.polls() == 0 {
                    watch.observe_start();
                }
                let timeout = watch.time_for_request(wait, permit.acquired_at());
                watch.poll(permit, timeout).await
            }
            Ok(None) => PollOutcome::NotPolled,
            Err(not_before) => return wait(&watch, not_before, Instant::now()),
        },
    };
    let (event, next) = watch.on_response(outcome);
    let now = Instant::now();
    // Without a token of the retry budget, the poll is not repeated before the schedule's own.
    let next = next.map(|next| watch.held_until().map_or(next, |held_until| held_until.max(next)));
    let next =
        next.map(|next| NextStep { after: next.saturating_duration_since(now), checkpoint: watch.checkpoint(now) });
    Step { event: Some(event), next }
}

/// The poll is not sent.
fn wait(watch: &TaskWatch, after: Duration, now: Instant) -> Step {
    Step { event: None, next: Some(NextStep { after, checkpoint: watch.checkpoint(now) }) }
}

/// A permit for the poll, or when to come again. `None`: the time of the final poll is over.
async fn permit(core: &Arc<ClientCore>, watch: &mut TaskWatch) -> Result<Option<(Permit, PermitWait)>, Duration> {
    let Some(wait) = watch.permit_wait(Instant::now()) else { return Ok(None) };
    if wait.class != Class::Urgent {
        return match core.try_acquire() {
            Some(permit) => Ok(Some((permit, wait))),
            None => Err(core.limiter.not_before()),
        };
    }
    // The final poll passes an open circuit breaker, and waits for the other limits.
    let until = wait.until.and_then(|until| watch.instant(until));
    let (mut acquire, mut timer) = (Acquire::new(Arc::clone(&core.limiter)), pin!(sleep_until(Instant::now())));
    let (ticket, weight, class, priority, known_refusal) = (None, 1, wait.class, None, None);
    let request = PermitRequest { ticket, weight, class, priority, until, known_refusal };
    let permit = poll_fn(|cx| match ready!(acquire.poll(timer.as_mut(), cx, &request)) {
        Some(Acquired::Permit(permit)) => Poll::Ready(Some(permit)),
        Some(Acquired::HeldBack(_)) | None => Poll::Ready(None),
    });
    Ok(permit.await.map(|permit| (permit, wait)))
}

//! The tracing span and events of a watch. No result URL is in any of them above debug, and no text from outside can forge a line.

use std::time::Duration;

use tracing::field::Empty;
use tracing::level_filters::LevelFilter;
use tracing::{Span, debug, info, info_span, warn};

use crate::error::Error;
use crate::event::{PollFailure, StatusEvent};
use crate::failure_log::Line;
use crate::late_polls::LateRound;
use crate::millis;
use crate::one_line::OneLine;
use crate::task::TaskId;

/// Boxed, because most programs have no use for it. `None`: no subscriber wants it.
pub(super) fn span(task_id: &TaskId) -> Option<Box<Span>> {
    let task_id = OneLine(task_id.as_str());
    let span = info_span!("luma.watch", %task_id, outcome = Empty, polls = Empty, elapsed_ms = Empty);
    (!span.is_disabled()).then(|| Box::new(span))
}

/// An event with the fields of each failure, and others.
macro_rules! log_failure {
    ($level:ident, $error:expr, $text:literal $(, $field:ident = $value:expr)*) => {{
        let error: &Error = $error;
        $level!($($field = $value,)* kind = error.kind().as_str(), error = error as &dyn std::error::Error, $text)
    }};
}

macro_rules! log_failed_poll {
    ($level:ident, $failure:expr, $polls:expr) => {{
        let PollFailure { error, consecutive, next_poll_in, .. } = $failure;
        let next_poll_in_ms = millis::number(*next_poll_in);
        log_failure!(
            $level,
            error,
            "poll failed",
            polls = $polls,
            consecutive = *consecutive,
            next_poll_in_ms = next_poll_in_ms
        );
    }};
}

/// One log event per poll, in the span of the watch. `line`: what it means for the client.
pub(super) fn log_event(span: Option<&Span>, event: &StatusEvent, polls: u32, line: Option<Line>) {
    let is_debug = line.is_none() && !matches!(event, StatusEvent::GaveUp(_));
    if is_debug && LevelFilter::current() < LevelFilter::DEBUG {
        return; // to enter the span for nothing costs more than this look
    }
    let log = || {
        log_line(event, polls, line);
        match event {
            StatusEvent::Generating(progress) => {
                let next_poll_in_ms = millis::number(progress.next_poll_in);
                debug!(polls, status = %progress.task.status(), next_poll_in_ms, "not finished");
            }
            StatusEvent::PollFailed(failure) if line.is_none() => log_failed_poll!(debug, failure, polls),
            StatusEvent::PollFailed(_) => {} // it has a line
            StatusEvent::HeldBack(hold) => {
                let next_poll_in_ms = millis::number(hold.next_poll_in);
                log_failure!(debug, &hold.error, "held back", polls = polls, next_poll_in_ms = next_poll_in_ms);
            }
            StatusEvent::Done(finished) => debug!(polls, status = %finished.task.status(), "finished"),
            StatusEvent::GaveUp(error) => log_failure!(warn, error, "gave up", polls = polls),
        }
    };
    match span {
        Some(span) => span.in_scope(log),
        None => log(),
    }
}

/// The failed polls of a client: their begin, one line per minute, and their end.
fn log_line(event: &StatusEvent, polls: u32, line: Option<Line>) {
    match (line, event) {
        (Some(Line::Begins), StatusEvent::PollFailed(failure)) => log_failed_poll!(warn, failure, polls),
        (Some(Line::GoesOn { failed, lasts }), StatusEvent::PollFailed(failure)) => {
            let lasts_ms = millis::number(lasts);
            log_failure!(warn, &failure.error, "polls of this client still fail", failed = failed, lasts_ms = lasts_ms);
        }
        (Some(Line::Ends { failed, lasted }), _) => {
            info!(failed, lasted_ms = millis::number(lasted), "polls of this client succeed again");
        }
        _ => {}
    }
}

/// The rate limit cannot carry the tasks of the client.
pub(super) fn log_late(span: Option<&Span>, late: LateRound) {
    let LateRound { waiting, round, pause, limit } = late;
    let log = || {
        let (round_ms, pause_ms, sustains) = (millis::number(round), millis::number(pause), limit.sustains(pause));
        let (requests, period) = (limit.requests(), limit.period());
        warn!(
            waiting,
            round_ms,
            pause_ms,
            sustains,
            "polls come late: {waiting} requests wait, and take {round:.0?} at the rate limit of {requests} per {period:?}; it \
             sustains {sustains} tasks at a pause of {pause:?}"
        );
    };
    match span {
        Some(span) => span.in_scope(log),
        None => log(),
    }
}

/// The end of the watch, on its span and as a log event.
pub(super) fn end_span(span: &Span, outcome: &'static str, polls: u32, elapsed: Duration) {
    let elapsed_ms = millis::number(elapsed);
    span.record("outcome", outcome).record("polls", polls).record("elapsed_ms", elapsed_ms);
    span.in_scope(|| info!(outcome, polls, elapsed_ms, "watch ended"));
}

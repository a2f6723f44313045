//! The tracing span and events of a watch. No result URL is in any of them above debug, and no text from outside can forge a line.

use std::fmt;
use std::time::Duration;

use tracing::field::{self, Empty};
use tracing::level_filters::LevelFilter;
use tracing::{Span, debug, info, info_span, warn};

use crate::event::{HeldBack, PollFailure, StatusEvent};
use crate::failure_log::Line;
use crate::one_line::OneLine;
use crate::task::TaskId;

/// Boxed, because most programs have no use for it. `None`: no subscriber wants it.
pub(super) fn span(task_id: &TaskId) -> Option<Box<Span>> {
    let task_id = OneLine(task_id.as_str());
    let span = info_span!("luma.watch", %task_id, outcome = Empty, polls = Empty, elapsed = Empty);
    (!span.is_disabled()).then(|| Box::new(span))
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
                let next_poll_in = progress.next_poll_in;
                debug!(polls, status = %progress.task.status(), ?next_poll_in, "not finished");
            }
            StatusEvent::PollFailed(failure) if line.is_none() => {
                let PollFailure { error, consecutive, next_poll_in, .. } = failure;
                debug!(polls, consecutive, ?next_poll_in, error = error as &dyn std::error::Error, "poll failed");
            }
            StatusEvent::PollFailed(_) => {} // it has a line
            StatusEvent::HeldBack(hold) => {
                let HeldBack { error, next_poll_in, .. } = hold;
                debug!(polls, ?next_poll_in, error = error as &dyn std::error::Error, "held back");
            }
            StatusEvent::Done(finished) => debug!(polls, status = %finished.task.status(), "finished"),
            StatusEvent::GaveUp(error) => warn!(polls, error = error as &dyn std::error::Error, "gave up"),
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
        (Some(Line::Begins), StatusEvent::PollFailed(failure)) => {
            let PollFailure { error, consecutive, next_poll_in, .. } = failure;
            warn!(polls, consecutive, ?next_poll_in, error = error as &dyn std::error::Error, "poll failed");
        }
        (Some(Line::GoesOn { failed, lasts }), StatusEvent::PollFailed(failure)) => {
            warn!(failed, ?lasts, error = &failure.error as &dyn std::error::Error, "polls of this client still fail");
        }
        (Some(Line::Ends { failed, lasted }), _) => info!(failed, ?lasted, "polls of this client succeed again"),
        _ => {}
    }
}

/// The end of the watch, on its span and as a log event.
pub(super) fn end_span(span: &Span, outcome: impl fmt::Display, polls: u32, elapsed: Duration) {
    span.record("outcome", field::display(&outcome)).record("polls", polls).record("elapsed", field::debug(elapsed));
    span.in_scope(|| info!(%outcome, polls, ?elapsed, "watch ended"));
}

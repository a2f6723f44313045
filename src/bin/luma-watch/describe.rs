//! Events as sentences.

use luma_watch::{DownloadEvent, ErrorKind, StatusEvent, Task, TaskId};

use crate::output;
use crate::units::{bytes, spoken};

/// One line about an event, without the URLs of the result.
pub(crate) fn event(id: &TaskId, event: &StatusEvent) -> String {
    let text = match event {
        StatusEvent::Generating(progress) => {
            format!("{}, next poll in {}", progress.task.status(), spoken(progress.next_poll_in))
        }
        StatusEvent::PollFailed(failure) => {
            let error = without_id(&failure.error.to_string(), id);
            format!("poll failed: {error}; next poll in {}", spoken(failure.next_poll_in))
        }
        StatusEvent::HeldBack(hold) => {
            format!("held back for {} after an answer to {}", spoken(hold.next_poll_in), hold.error)
        }
        StatusEvent::Done(finished) => match event.outcome() {
            Some(Err(error)) => return error.to_string(), // it begins with the id
            _ => status(&finished.task),
        },
        StatusEvent::GaveUp(error) => return error.to_string(),
        _ => event.name().to_owned(),
    };
    about(id, &text)
}

/// The status of a task, how long it took, and why it failed.
pub(crate) fn status(task: &Task) -> String {
    let status = task.status();
    let verb = if status.is_success() { ", generated in" } else { " after" };
    let time = task.generation_time().map_or_else(String::new, |time| format!("{verb} {}", spoken(time)));
    let reason = task.error_message().filter(|_| status.is_terminal() && !status.is_success());
    let reason = reason.map_or_else(String::new, |reason| format!(": {}", output::one_line(reason)));
    format!("{status}{time}{reason}")
}

/// One line about a file of a task. `None` if it is not worth one.
pub(crate) fn file(id: &TaskId, event: &DownloadEvent) -> Option<String> {
    let url = event.url().map_or_else(|| "the result".to_owned(), output::url);
    let text = match event {
        DownloadEvent::Started { size, resumed_from, .. } => {
            let size = size.map_or_else(String::new, |size| format!(", {}", bytes(size)));
            let from = if *resumed_from > 0 { format!(", from {} on", bytes(*resumed_from)) } else { String::new() };
            format!("downloading {url}{size}{from}")
        }
        DownloadEvent::Retrying { error, next_in, .. } => {
            let error = without_id(&error.to_string(), id);
            format!("download of {url} interrupted: {error}; next attempt in {}", spoken(*next_in))
        }
        DownloadEvent::Failed { error, .. } if error.kind() == ErrorKind::Expired => {
            let status = error.http_status().map_or_else(String::new, |status| format!(" (HTTP {status})"));
            format!("download of {url} failed: the link has expired{status}; the task's record may list another one")
        }
        DownloadEvent::Failed { error, .. } => {
            format!("download of {url} failed: {}", without_id(&error.to_string(), id))
        }
        _ => return None,
    };
    Some(about(id, &text))
}

/// A sentence about a task, as the library's errors begin.
pub(crate) fn about(id: &TaskId, text: &str) -> String {
    format!("task {}: {text}", output::one_line(id.as_str()))
}

/// An error's sentence without the id of its task at the begin.
pub(crate) fn without_id(sentence: &str, id: &TaskId) -> String {
    sentence.strip_prefix(&about(id, "")).unwrap_or(sentence).to_owned()
}

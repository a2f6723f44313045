//! Events as sentences.

use luma_watch::{StatusEvent, Task, TaskId};

use crate::board::without_id;
use crate::download::{FileEvent, FileStep};
use crate::output;
use crate::units::spoken;

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
            Some(Err(error)) => without_id(&error.to_string(), id),
            _ => ended(&finished.task),
        },
        StatusEvent::GaveUp(error) => without_id(&error.to_string(), id),
        _ => event.name().to_owned(),
    };
    about(id, &text)
}

/// A task that has ended, in a few words.
pub(crate) fn ended(task: &Task) -> String {
    let time = task.generation_time();
    let time = time.map_or_else(String::new, |time| format!(", generated in {}", spoken(time)));
    let reason = task.error_message().filter(|_| !task.status().is_success());
    let reason = reason.map_or_else(String::new, |reason| format!(": {}", output::one_line(reason)));
    format!("{}{time}{reason}", task.status())
}

/// One line about a file of a task. `None` if it is not worth one.
pub(crate) fn file(event: &FileEvent) -> Option<String> {
    let text = match &event.step {
        FileStep::Retrying { url, error, next_in } => {
            let error = without_id(&error.to_string(), &event.task_id);
            format!(
                "the download of {} is interrupted: {error}; next attempt in {}",
                output::url(url),
                spoken(*next_in)
            )
        }
        FileStep::Failed { url, error } => {
            let error = without_id(&error.to_string(), &event.task_id);
            let url = url.as_ref().map_or_else(String::new, |url| format!(" of {}", output::url(url)));
            format!("the download{url} failed: {error}")
        }
        FileStep::Progress { .. } | FileStep::Kept { .. } | FileStep::End => return None,
    };
    Some(about(&event.task_id, &text))
}

/// A sentence about a task, as the library's errors begin.
pub(crate) fn about(id: &TaskId, text: &str) -> String {
    format!("task {}: {text}", output::one_line(id.as_str()))
}

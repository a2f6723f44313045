//! How a watch ended, in one word: the same word in the span, to observers and in metrics.

use crate::error::Error;
use crate::task::{Status, Task};

/// `None`: it was dropped.
pub(crate) fn outcome_name(result: Option<Result<&Task, &Error>>) -> &'static str {
    match result {
        Some(Ok(task)) if task.status() == Status::CallbackFailed => "callback_failed",
        Some(Ok(_)) => "success",
        Some(Err(error)) => error.kind().as_str(),
        None => "dropped",
    }
}

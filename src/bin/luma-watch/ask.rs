//! `status`: one check of each task.

use std::io;

use futures::{StreamExt, stream};
use luma_watch::{Error, Schedule, Status, Task, TaskId};
use serde::Serialize;

use crate::args::StatusArgs;
use crate::connect;
use crate::describe;
use crate::exit::Exit;
use crate::ids;
use crate::log;
use crate::output::{self, Failure};
use crate::report;

/// Requests in flight.
const AT_ONCE: usize = 16;

/// A line of `--json`.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Answer<'a> {
    Status { task: &'a Task },
    StatusFailed { error: &'a Error },
}

/// Asks once for each task, and prints the answers in the order of the ids.
pub(crate) async fn status(arguments: &StatusArgs) -> Result<Exit, Failure> {
    let gateway = &arguments.gateway;
    log::start(gateway.verbose);
    let ids = ids::collect(&gateway.ids, io::stdin())?;
    if ids.is_empty() {
        return Err(ids::missing("status"));
    }
    let client = &connect::client(gateway, Schedule::default())?;
    let mut answers = stream::iter(&ids).map(|id| async move { (id, client.status(id).await) }).buffered(AT_ONCE);
    let (mut exit, mut asked) = (Exit::Results, 0_usize);
    while let Some((id, answer)) = answers.next().await {
        match answer {
            Ok(task) => {
                exit = exit.and(exit_of(task.status(), !task.result_urls().is_empty()));
                if gateway.json {
                    report::json(id, &Answer::Status { task: &task })?;
                } else {
                    print(id, &task, gateway.quiet)?;
                }
            }
            Err(error) => {
                exit = exit.and(Exit::of(&error));
                if gateway.json {
                    report::json(id, &Answer::StatusFailed { error: &error })?;
                } else {
                    output::note(&error.to_string());
                }
            }
        }
        asked = asked.saturating_add(1);
        if exit == Exit::Refused {
            break; // so would be the others
        }
    }
    if asked < ids.len() && !gateway.quiet {
        output::note(&format!("stopped after {asked} of {} tasks", ids.len()));
    }
    Ok(exit)
}

/// The status and the URLs of the result, or with `--quiet` the URLs only.
fn print(id: &TaskId, task: &Task, quiet: bool) -> Result<(), Failure> {
    if !quiet {
        output::line(&describe::about(id, &describe::status(task)))?;
    }
    task.result_urls().iter().try_for_each(|url| output::line(&output::url(url)))
}

fn exit_of(status: Status, has_result: bool) -> Exit {
    match status {
        _ if status.is_success() && has_result => Exit::Results,
        _ if status.is_terminal() => Exit::Failed,
        _ => Exit::Unfinished,
    }
}

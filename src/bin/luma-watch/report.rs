//! What is shown of the events, and where: results go to stdout, all else to stderr, apart from the events of `watch`.

use std::time::Duration;

use luma_watch::{DownloadEvent, StatusEvent, Task, TaskId};
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::args::GatewayArgs;
use crate::board::Board;
use crate::describe;
use crate::output::{self, Failure};
use crate::screen::Screen;

/// With more tasks, there is not a line about each of them without a screen.
const FEW_TASKS: usize = 20;
/// How often a failed poll is shown then.
const FAILURE_EVERY: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Report {
    /// `watch`: each event is a line on stdout.
    prints_events: bool,
    json: bool,
    quiet: bool,
    screen: Option<Screen>,
    /// Too many tasks for a line about each: not every failed poll is shown before this time.
    crowded_until: Option<Instant>,
}

/// A line of `--json`.
#[derive(Serialize)]
struct Line<'a, E> {
    task_id: &'a TaskId,
    #[serde(flatten)]
    event: &'a E,
}

impl Report {
    /// `expected`: how long tasks usually take.
    pub(crate) fn new(arguments: &GatewayArgs, prints_events: bool, tasks: usize, expected: Option<Duration>) -> Self {
        let GatewayArgs { json, quiet, verbose, .. } = *arguments;
        // The log would tear the lines of the screen.
        let screen = if json || quiet || verbose > 0 { None } else { Screen::new(expected) };
        let crowded_until = (tasks > FEW_TASKS).then(Instant::now);
        let report = Self { prints_events, json, quiet, screen, crowded_until };
        if tasks > FEW_TASKS && !report.has_screen() && !json && !prints_events {
            report.advice(&format!("waiting for {tasks} tasks"));
        }
        report
    }

    pub(crate) fn has_screen(&self) -> bool {
        self.screen.is_some()
    }

    /// Shows an event of a task.
    pub(crate) fn event(&mut self, id: &TaskId, event: &StatusEvent, is_first: bool) -> Result<(), Failure> {
        if self.quiet && !event.is_terminal() {
            return Ok(());
        }
        if self.json {
            return json(id, event);
        }
        let text = describe::event(id, event);
        if self.prints_events {
            let urls = event.outcome().and_then(Result::ok);
            let urls = urls.iter().flat_map(Task::result_urls).map(|url| format!(" {}", output::url(url)));
            return self.line(&format!("{text}{}", urls.collect::<String>()));
        }
        let has_result = matches!(event.outcome(), Some(Ok(_)));
        let is_shown = match event {
            // Nothing new, or on the screen.
            StatusEvent::Generating(_) => is_first && self.screen.is_none() && self.crowded_until.is_none(),
            StatusEvent::PollFailed(_) | StatusEvent::HeldBack(_) => self.screen.is_none() && self.has_room(),
            _ => !(self.quiet && has_result),
        };
        if is_shown {
            self.note(&text);
        }
        Ok(())
    }

    /// Whether there is room for a line about a failed poll.
    fn has_room(&mut self) -> bool {
        let Some(until) = &mut self.crowded_until else { return true };
        let now = Instant::now();
        let has_room = *until <= now;
        if has_room {
            *until = now.checked_add(FAILURE_EVERY).unwrap_or(now);
        }
        has_room
    }

    /// Shows what came of a file of a task.
    pub(crate) fn file(&self, id: &TaskId, event: &DownloadEvent) -> Result<(), Failure> {
        if self.quiet && !event.is_terminal() {
            return Ok(());
        }
        if self.json {
            return json(id, event);
        }
        if let DownloadEvent::Kept { path, .. } = event {
            return self.line(&path.to_string_lossy()); // it is UTF-8, as that of the folder
        }
        let is_shown = event.is_terminal() || self.screen.is_none();
        if let Some(text) = describe::file(id, event).filter(|_| is_shown) {
            self.note(&text);
        }
        Ok(())
    }

    /// Shows a file that an earlier command has kept: the event as that one would have written it.
    pub(crate) fn kept(&self, id: &TaskId, event: &Value) -> Result<(), Failure> {
        match event.get("path").and_then(Value::as_str) {
            _ if self.json => json(id, event),
            Some(path) => self.line(path),
            None => Ok(()),
        }
    }

    /// A result of `wait`: a URL. (`watch` and `--json` show it with its event.)
    pub(crate) fn url(&self, url: &str) -> Result<(), Failure> {
        if self.json || self.prints_events { Ok(()) } else { self.line(&output::url(url)) }
    }

    fn line(&self, text: &str) -> Result<(), Failure> {
        self.above(|| output::line(text))
    }

    /// A line on stderr.
    pub(crate) fn note(&self, text: &str) {
        self.above(|| output::note(text));
    }

    /// A line on stderr that is no error.
    pub(crate) fn advice(&self, text: &str) {
        if !self.quiet {
            self.note(text);
        }
    }

    fn above<R>(&self, print: impl FnOnce() -> R) -> R {
        match &self.screen {
            Some(screen) => screen.above(print),
            None => print(),
        }
    }

    /// Shows where the tasks stand: on the screen, or as a line from time to time.
    pub(crate) fn tick(&mut self, board: &Board) {
        match &mut self.screen {
            Some(screen) => screen.draw(board),
            None if !self.json && !self.prints_events && board.len() > 1 => self.advice(&board.summary()),
            None => {}
        }
    }

    /// Removes what is on the screen only for the time of the wait.
    pub(crate) fn close(&mut self) {
        if let Some(screen) = &mut self.screen {
            screen.close();
        }
    }
}

/// A line of JSON on stdout.
pub(crate) fn json<E: Serialize>(task_id: &TaskId, event: &E) -> Result<(), Failure> {
    // All of these can be written as JSON.
    output::line(&serde_json::to_string(&Line { task_id, event }).unwrap_or_default())
}

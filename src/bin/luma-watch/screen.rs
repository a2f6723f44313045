//! The terminal: a line for each task that has not ended, and one about all, below what is printed.

use std::env;
use std::io::{self, IsTerminal};
use std::time::Duration;

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use crate::board::Board;
use crate::row;

/// More tasks than this are only counted.
const MAX_ROWS: usize = 10;
/// What stays free of the terminal's height.
const FREE_LINES: usize = 4;

#[derive(Debug)]
pub(crate) struct Screen {
    bar: ProgressBar,
    term: Term,
    /// How long tasks usually take.
    expected: Option<Duration>,
    text: String,
}

impl Screen {
    /// `None` if stderr is no terminal that can move its cursor.
    pub(crate) fn new(expected: Option<Duration>) -> Option<Self> {
        if !io::stderr().is_terminal() || env::var_os("TERM").is_some_and(|term| term == "dumb") {
            return None;
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        Some(Self { bar: bar.with_style(style), term: Term::stderr(), expected, text: String::new() })
    }

    /// Draws the tasks anew, if there is something new.
    pub(crate) fn draw(&mut self, board: &Board) {
        let text = self.text_of(board);
        if text != self.text {
            self.bar.set_message(text.clone());
            self.bar.tick();
            self.text = text;
        }
    }

    fn text_of(&self, board: &Board) -> String {
        let (height, width) = self.term.size();
        // The last column stays free: some terminals wrap there.
        let width = usize::from(width).saturating_sub(1).max(1);
        let max_rows = usize::from(height).saturating_sub(FREE_LINES).clamp(1, MAX_ROWS);
        let now = Instant::now();
        let mut lines: Vec<_> =
            board.waiting().take(max_rows).map(|row| row::line(row, now, self.expected, width)).collect();
        if board.len() > 1 {
            let more = board.waiting().count().saturating_sub(lines.len());
            let more = if more > 0 { format!("; {more} more not shown") } else { String::new() };
            lines.push(console::truncate_str(&format!("{}{more}", board.summary()), width, "…").into_owned());
        }
        lines.join("\n")
    }

    /// Prints something above the tasks.
    pub(crate) fn above<R>(&self, print: impl FnOnce() -> R) -> R {
        self.bar.suspend(print)
    }

    /// Removes the tasks from the terminal.
    pub(crate) fn close(&self) {
        self.bar.finish_and_clear();
    }
}

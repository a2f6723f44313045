//! The terminal: a line for each task that has not ended, and one about all, below what is printed.

use std::env;
use std::io::{self, IsTerminal};
use std::time::Duration;

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use crate::board::Board;
use crate::lines::Lines;
use crate::row;

/// More tasks than this are only counted.
const MAX_ROWS: usize = 10;
/// What stays free of the terminal's height.
const FREE_LINES: usize = 4;

#[derive(Debug)]
pub(crate) struct Screen {
    term: Term,
    /// How long tasks usually take.
    expected: Option<Duration>,
    progress: MultiProgress,
    /// A bar for each line.
    bars: Vec<ProgressBar>,
}

impl Screen {
    /// `None` if stderr is no terminal that can move its cursor.
    pub(crate) fn new(expected: Option<Duration>) -> Option<Self> {
        let is_dumb = env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        let is_terminal = io::stderr().is_terminal() && (cfg!(windows) || !is_dumb);
        let progress = MultiProgress::with_draw_target(ProgressDrawTarget::term_like(Box::new(Lines::on_stderr())));
        is_terminal.then(|| Self { term: Term::stderr(), expected, progress, bars: Vec::new() })
    }

    /// Draws the tasks anew, if there is something new.
    pub(crate) fn draw(&mut self, board: &Board) {
        let lines = self.lines_of(board);
        for gone in self.bars.drain(lines.len().min(self.bars.len())..) {
            gone.finish_and_clear();
            self.progress.remove(&gone);
        }
        while self.bars.len() < lines.len() {
            self.bars.push(self.progress.add(bar()));
        }
        for (bar, line) in self.bars.iter().zip(lines) {
            if bar.message() != line {
                bar.set_message(line);
            }
        }
    }

    fn lines_of(&self, board: &Board) -> Vec<String> {
        let (height, width) = self.term.size();
        // The last column stays free: some terminals wrap there.
        let width = usize::from(width).saturating_sub(1).max(1);
        let max_rows = usize::from(height).saturating_sub(FREE_LINES).clamp(1, MAX_ROWS);
        let now = Instant::now();
        let rows = || board.waiting().take(max_rows);
        let id_width = rows().map(|row| console::measure_text_width(&row::id(row))).max().unwrap_or_default();
        let mut lines: Vec<_> = rows().map(|row| row::line(row, now, self.expected, id_width, width)).collect();
        if board.len() > 1 {
            let more = board.waiting().count().saturating_sub(lines.len());
            let more = if more > 0 { format!("; {more} more are not shown") } else { String::new() };
            lines.push(console::truncate_str(&format!("{}{more}", board.summary()), width, "…").into_owned());
        }
        lines
    }

    /// Prints something above the tasks.
    pub(crate) fn above<R>(&self, print: impl FnOnce() -> R) -> R {
        self.progress.suspend(print)
    }

    /// Removes the tasks from the terminal.
    pub(crate) fn close(&mut self) {
        self.progress.clear().unwrap_or_default(); // a terminal that has gone needs none of it
        self.bars.clear();
    }
}

/// A bar whose line is its message: [`row`] fits it to the terminal.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new_spinner().with_style(style)
}

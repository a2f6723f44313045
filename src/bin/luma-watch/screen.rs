//! The terminal: a line for each task that has not ended, and one about all, below what is printed.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use console::Term;
use tokio::time::Instant;

use crate::board::Board;
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
    /// What is drawn. The cursor stands at the begin of the last line, so that `^C` and other keys do not move the lines.
    lines: Vec<String>,
}

impl Screen {
    /// `None` if stderr is no terminal that can move its cursor.
    pub(crate) fn new(expected: Option<Duration>) -> Option<Self> {
        let is_dumb = env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        let is_terminal = io::stderr().is_terminal() && (cfg!(windows) || !is_dumb);
        is_terminal.then(|| Self { term: Term::stderr(), expected, lines: Vec::new() })
    }

    /// Draws the tasks anew, if there is something new.
    pub(crate) fn draw(&mut self, board: &Board) {
        let lines = self.lines_of(board);
        if lines != self.lines {
            write(&format!("{}{}", self.to_start(), drawn(&lines)));
            self.lines = lines;
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
        write(&format!("{}\x1b[J", self.to_start()));
        let result = print();
        write(&drawn(&self.lines));
        result
    }

    /// Removes the tasks from the terminal.
    pub(crate) fn close(&mut self) {
        write(&format!("{}\x1b[J", self.to_start()));
        self.lines.clear();
    }

    /// Moves the cursor to the begin of the first line.
    fn to_start(&self) -> String {
        match self.lines.len() {
            0 | 1 => "\r".to_owned(),
            lines => format!("\r\x1b[{}A", lines.saturating_sub(1)),
        }
    }
}

/// The lines from here on. What stood there is overwritten line by line, so that nothing flickers.
fn drawn(lines: &[String]) -> String {
    // After each line the rest of it is cleared, after the last one all that is below.
    let lines = lines.join("\x1b[K\n");
    format!("{lines}\x1b[J\r")
}

/// In one piece.
fn write(text: &str) {
    let mut stderr = io::stderr().lock();
    stderr.write_all(text.as_bytes()).unwrap_or_default();
}

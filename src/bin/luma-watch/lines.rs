//! A terminal for `indicatif`, whose cursor rests at the begin of the last line.
//!
//! By itself, `indicatif` leaves it at the end. There, the `^C` that a terminal echoes moves all lines up by one, and the first
//! of them stays when they are removed.

use std::io;

use console::Term;
use indicatif::TermLike;

#[derive(Debug)]
pub(crate) struct Lines(Term);

impl Lines {
    pub(crate) fn on_stderr() -> Self {
        Self(Term::buffered_stderr())
    }
}

impl TermLike for Lines {
    fn width(&self) -> u16 {
        self.0.size().1
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_up(lines)
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_down(lines)
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_right(columns)
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_left(columns)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.write_str("\r")?;
        self.0.flush()
    }
}

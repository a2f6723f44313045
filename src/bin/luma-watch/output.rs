//! What goes to stdout and to stderr.

use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write as _};

use crate::exit::Exit;

/// Why the command ends without a task's outcome.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// What is wrong, and what to do. `None`: there is nobody to tell.
    pub(crate) message: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: Some(message.into()) }
    }

    /// The command line, a setting or a file named there is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }
}

/// Writes a line to stdout, and flushes it.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    all(format!("{text}\n").as_bytes())
}

/// Writes bytes to stdout, and flushes them.
pub(crate) fn all(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure { exit: Exit::ClosedPipe, message: None },
        _ => Failure::new(Exit::File, format!("the output cannot be written: {error}")),
    })
}

/// Writes a line to stderr. If nobody reads it, the command goes on.
pub(crate) fn note(text: &str) {
    writeln!(io::stderr().lock(), "{text}").unwrap_or_default();
}

/// A text from outside on one line: control characters, invisible ones and changes of direction are escaped.
pub(crate) fn one_line(text: &str) -> String {
    let is_plain = |c| matches!(c, '\'' | '"' | '\\');
    let mut line = String::with_capacity(text.len());
    for part in text.split_inclusive(is_plain) {
        let rest = part.trim_end_matches(is_plain);
        line.extend(rest.escape_debug());
        line.push_str(part.strip_prefix(rest).unwrap_or_default());
    }
    line
}

/// A URL on one line: what cannot stand in a URL is written as `%XX`.
pub(crate) fn url(text: &str) -> String {
    let mut url = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() {
            url.push(char::from(byte));
        } else {
            write!(url, "%{byte:02X}").unwrap_or_default();
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_stays_on_its_line() {
        assert_eq!(one_line("it's \"dark\" \\ é 视频"), "it's \"dark\" \\ é 视频");
        assert_eq!(one_line("a\nb\u{1b}[31m\u{202e}\u{200b}"), r"a\nb\u{1b}[31m\u{202e}\u{200b}");
        assert_eq!(url("https://files.example.com/a b\n.mp4?x=é"), "https://files.example.com/a%20b%0A.mp4?x=%C3%A9");
    }
}

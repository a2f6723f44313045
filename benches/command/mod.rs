//! How a benchmark without a harness was called: by `cargo bench`, by `cargo test`, or by itself.

use std::env;

/// The command line, apart from cargo's options.
pub(crate) struct Command {
    pub(crate) words: Vec<String>,
    /// Whether to measure, and not only to see that it works.
    pub(crate) in_full: bool,
}

/// `None` if there is nothing to do: only a list of tests was asked for.
pub(crate) fn read() -> Option<Command> {
    let (options, words): (Vec<_>, Vec<_>) = env::args().skip(1).partition(|word| word.starts_with("--"));
    let asked = |option: &str| options.iter().any(|given| given == option);
    (!asked("--list")).then(|| Command { words, in_full: asked("--bench") && !asked("--test") })
}

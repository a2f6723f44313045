//! The command line of a benchmark that has no harness: `cargo bench`, `cargo test` or a user may have called it.

use std::env;

/// The command line without cargo's options.
pub struct CommandLine {
    pub words: Vec<String>,
    /// Whether to measure in full. Otherwise a benchmark makes one short round, to see that it works.
    pub in_full: bool,
}

/// Returns `None` if the caller only asks for a list of tests: there is nothing to do.
pub fn read() -> Option<CommandLine> {
    let (options, words): (Vec<_>, Vec<_>) = env::args().skip(1).partition(|word| word.starts_with("--"));
    let given = |option: &str| options.iter().any(|other| other == option);
    (!given("--list")).then(|| CommandLine { words, in_full: given("--bench") && !given("--test") })
}

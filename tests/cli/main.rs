//! The command `luma-watch`, as a person or a script runs it, against a simulated gateway in the test's process.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod download;
mod errors;
mod guide;
mod help;
mod json;
mod key;
mod learn;
mod outcomes;
mod pipes;
mod resume;
mod screen;
mod simulate;
mod support;
mod terminal;

//! The command `luma-watch`, as a person or a script runs it, against a simulated gateway in the test's process.
#![cfg(unix)]
#![allow(clippy::arithmetic_side_effects)] // small numbers

mod support;
mod terminal;
mod view;

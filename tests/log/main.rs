//! What the crate logs. One subscriber is set for the whole process, so these tests are a binary of their own.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod forged;
mod late_polls;
mod outage;
#[allow(dead_code)] // only part of it is needed here
#[path = "../it/support/raw_server.rs"]
mod raw_server;
mod secrets;
mod spans;
mod subscriber;

//! The tests of what the crate promises, by topic. One binary: it links once.
//!
//! Tests that need a process of their own stand beside it: `log` (a global subscriber), `memory` and `download_memory` (an
//! allocator that counts).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::unchecked_time_subtraction)]

mod absent_waiters;
mod answers;
mod api_key_failures;
mod api_key_repeats;
mod api_key_source;
mod auto_traits;
#[cfg(feature = "backoff")]
mod backoff;
mod bad_input;
mod base_url;
mod burst;
#[cfg(feature = "callback")]
mod callback_delivery;
#[cfg(feature = "callback")]
mod callbacks;
#[cfg(feature = "callback")]
mod callbacks_in_memory;
mod cancel;
mod checkpoints;
mod circuit_breaker;
mod confirmed;
mod connections;
#[cfg(feature = "callback")]
mod crowds;
mod deadline;
#[cfg(feature = "download")]
mod download;
mod errors;
#[cfg(feature = "callback")]
mod extra_polls;
mod faults;
mod front_page;
mod futures;
#[cfg(feature = "rustls")]
mod goaway;
mod guide;
mod harmless_texts;
#[cfg(feature = "callback")]
mod hostile_consumers;
#[cfg(feature = "rustls")]
mod http2;
mod kept_connections;
mod large_answers;
mod learned;
mod learned_cost;
mod learned_picture;
mod learning;
mod many_tasks;
#[cfg(feature = "metrics")]
mod metrics;
mod no_response;
mod observed_refusals;
mod observers;
mod outage;
mod priority;
mod proxy;
#[cfg(feature = "callback")]
mod random_consumers;
mod random_drops;
#[cfg(feature = "callback")]
mod random_stories;
mod rate_limit;
mod readme;
mod redacted;
mod redirects;
mod restart;
mod retry_after;
mod runtimes;
mod schedule;
mod settings_together;
mod shared;
mod shared_by_id;
mod simulator;
mod stagger;
mod steps;
mod stored;
mod stream;
mod support;
#[cfg(feature = "rustls")]
mod tls;
mod waiting;
mod watch_all;
mod watch_all_changes;
mod watch_all_handle;
mod watch_all_turns;

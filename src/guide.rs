//! Longer explanations than the [front page](crate) has room for.
//!
//! | page | what it answers |
//! |---|---|
//! | [`limits`] | How do the watches of a client share its limits? What happens after a refusal? |
//! | [`errors`] | What does each event and each error mean, and does the watch go on? |
//! | [`answers`] | What can an answer look like, and what is made of it? |
//! | [`services`] | How does a worker or a web service use the crate, and what can it show? |
//! | [`restarts`] | How does a wait go on after a restart, or on many machines? |
//! | [`callbacks`] | How does a callback of the gateway start a poll? |
//! | [`downloads`] | How are the result files kept? |
//! | [`learned_schedule`] | How does a schedule learn when a poll is worth it? |
//! | [`defaults`] | What is the default of each setting? |
//! | [`features`] | What does each feature of the crate add? |
//! | [`logs`] | What does the crate report to `tracing`? |
//!
//! These modules exist in the documentation only. They hold no items.
//!
//! # In the repository
//!
//! `ARCHITECTURE.md` describes the parts of the crate. `CONTRIBUTING.md` says how to build, test, measure and release it.

// Some links lead to items of these features.
#![cfg_attr(
    not(all(feature = "callback", feature = "download", feature = "simulator")),
    allow(rustdoc::broken_intra_doc_links)
)]

#[doc = include_str!("guide/limits.md")]
pub mod limits {}

#[doc = include_str!("guide/errors.md")]
pub mod errors {}

#[doc = include_str!("guide/answers.md")]
pub mod answers {}

#[doc = include_str!("guide/services.md")]
pub mod services {}

#[doc = include_str!("guide/restarts.md")]
pub mod restarts {}

#[doc = include_str!("guide/callbacks.md")]
pub mod callbacks {}

#[doc = include_str!("guide/downloads.md")]
pub mod downloads {}

#[doc = include_str!("guide/learned_schedule.md")]
pub mod learned_schedule {}

#[doc = include_str!("guide/defaults.md")]
pub mod defaults {}

#[doc = include_str!("guide/features.md")]
pub mod features {}

#[doc = include_str!("guide/logs.md")]
pub mod logs {}

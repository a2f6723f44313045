//! Longer explanations than the [front page](crate) has room for. The questions that come first:
//!
//! | question | the answer is in |
//! |---|---|
//! | What does flag 4 mean? | [first wait](first_wait#what-ok-means) |
//! | What do I do after a deadline? | [deadlines](deadlines#never-create-the-task-again) |
//! | How do I wait for 5,000 tasks? | [limits](limits#5000-tasks) |
//! | How do I keep the result files? | [downloads] |
//! | How do I go on after a restart? | [restarts](restarts#one-process-that-restarts) |
//! | How do I use it in a terminal? | [command line](command_line) |
//! | How do I test my program? | [testing](testing#give-your-code-a-client) |
//!
//! All pages:
//!
//! | page | what it answers |
//! |---|---|
//! | [`first_wait`] | How do I get from an empty project to a result? What does `Ok` mean, and what is flag 4? |
//! | [`watching`] | What does each event of a task say, and how do I stop? |
//! | [`composing`] | How does a watch work with `select!`, timeouts, channels and other futures? |
//! | [`errors`] | What does each error mean, and what do I do? |
//! | [`deadlines`] | How long does a wait last, and what do I do after a deadline? |
//! | [`limits`] | How do I wait for 5,000 tasks? How do the watches of a client share its limits? |
//! | [`callbacks`] | How does a callback of the gateway start a poll? |
//! | [`downloads`] | How are the result files kept? |
//! | [`learned_schedule`] | How does a schedule learn when to poll? |
//! | [`command_line`] | How do I wait for tasks in a terminal or in a script? |
//! | [`restarts`] | How does a wait go on after a restart, or on many machines? |
//! | [`services`] | How does a worker or a web service use the crate, and what can it show? |
//! | [`logs`] | What does the crate report to `tracing`? |
//! | [`testing`] | How do I test a program that waits for tasks? |
//! | [`moving`] | What replaces my loop, `backon`, or the `wait` of an SDK? |
//! | [`answers`] | What can an answer look like, and what is made of it? |
//! | [`defaults`] | What is the default of each setting? |
//! | [`features`] | What does each feature of the crate add? |
//!
//! These modules exist in the documentation only. They hold no items.
//!
//! # In the repository
//!
//! `ARCHITECTURE.md` describes the parts of the crate. `CONTRIBUTING.md` says how to build, test, measure and release it.

// Some links lead to items of these features.
#![cfg_attr(
    not(all(
        feature = "backoff",
        feature = "callback",
        feature = "download",
        feature = "metrics",
        feature = "simulator"
    )),
    allow(rustdoc::broken_intra_doc_links)
)]

#[doc = include_str!("guide/first_wait.md")]
pub mod first_wait {}

#[doc = include_str!("guide/watching.md")]
#[doc = ""]
#[doc = include_str!("guide/watching.svg")]
pub mod watching {}

#[doc = include_str!("guide/composing.md")]
pub mod composing {}

#[doc = include_str!("guide/errors.md")]
pub mod errors {}

#[doc = include_str!("guide/deadlines.md")]
pub mod deadlines {}

#[doc = include_str!("guide/limits.md")]
pub mod limits {}

#[doc = include_str!("guide/callbacks.md")]
pub mod callbacks {}

#[doc = include_str!("guide/downloads.md")]
pub mod downloads {}

#[doc = include_str!("guide/learned_schedule.md")]
#[doc = ""]
#[doc = include_str!("guide/learned_schedule.svg")]
pub mod learned_schedule {}

#[doc = include_str!("guide/command_line.md")]
pub mod command_line {}

#[doc = include_str!("guide/restarts.md")]
pub mod restarts {}

#[doc = include_str!("guide/services.md")]
pub mod services {}

#[doc = include_str!("guide/logs.md")]
pub mod logs {}

#[doc = include_str!("guide/testing.md")]
pub mod testing {}

#[doc = include_str!("guide/moving.md")]
pub mod moving {}

#[doc = include_str!("guide/answers.md")]
pub mod answers {}

#[doc = include_str!("guide/defaults.md")]
pub mod defaults {}

#[doc = include_str!("guide/features.md")]
pub mod features {}

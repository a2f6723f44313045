#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg_attr(not(feature = "callback"), path = "bell/silent.rs")]
mod bell;
mod budget;
#[cfg(feature = "callback")]
mod callback;
mod client;
mod error;
mod event;
mod fleet;
mod history;
mod pace;
mod run;
mod schedule;
mod sharing;
#[cfg(feature = "simulator")]
#[cfg_attr(docsrs, doc(cfg(feature = "simulator")))]
pub mod simulator;
mod task;
mod timer;
mod transport;
mod watch;
mod wire;

pub use budget::RequestBudget;
#[cfg(feature = "callback")]
#[cfg_attr(docsrs, doc(cfg(feature = "callback")))]
pub use callback::{Callback, CallbackVerifier};
pub use client::{Client, ClientBuilder};
pub use error::{Error, ErrorKind};
pub use event::{PollFailure, Progress, StatusEvent};
pub use fleet::WatchAll;
pub use history::History;
pub use schedule::Schedule;
pub use sharing::{SharedWait, SharedWatch};
pub use task::{Params, Status, Task, TaskId};
pub use watch::{Wait, Watch};

// The README, in which names are links. It links to files; the first definition of a link wins, so here these links lead to pages
// of the documentation.
#![cfg_attr(not(doctest), doc = include_str!("guide/links.md"))]
#![doc = include_str!("guide/front_page.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "callback")]
mod callback;
mod checkpoint;
mod client;
mod client_core;
mod clock;
#[cfg(feature = "download")]
mod download;
mod endpoint;
mod error;
mod event;
mod failure_log;
#[cfg(feature = "download")]
mod file_source;
mod gateway;
#[cfg(any(doc, doctest))]
pub mod guide;
mod history;
mod late_polls;
mod lazy_sleep;
mod limiter;
mod millis;
mod notify;
mod observe;
mod one_line;
mod poll_once;
mod poll_state;
mod schedule;
#[cfg(feature = "simulator")]
#[cfg_attr(docsrs, doc(cfg(feature = "simulator")))]
pub mod simulator;
mod spelling;
mod stagger;
mod task;
mod task_watch;
mod timeout;
mod transport;
mod watch;
mod watch_all;
mod wire;

#[cfg(feature = "callback")]
#[cfg_attr(docsrs, doc(cfg(feature = "callback")))]
pub use callback::{Callback, CallbackVerifier};
pub use checkpoint::Checkpoint;
pub use client::{Client, ClientBuilder};
#[cfg(feature = "download")]
#[cfg_attr(docsrs, doc(cfg(feature = "download")))]
pub use download::{Download, DownloadEvent, DownloadOptions, Fetch, KeptFile, OnCollision};
pub use error::{Error, ErrorKind};
pub use event::{Finished, HeldBack, PollFailure, Progress, StatusEvent};
pub use history::History;
pub use limiter::{BreakerState, ClientLimits, Cooldown, RateLimit};
#[cfg(feature = "metrics")]
#[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
pub use observe::MetricsObserver;
pub use observe::{Observer, PollEnded, PollSent, WatchEnded, WatchEvent, WatchStarted};
pub use poll_once::{NextStep, Step};
pub use schedule::Schedule;
pub use task::{Params, Status, Task, TaskId, UnreadableField};
pub use transport::ApiKey;
pub use watch::{Drive, SharedWait, SharedWatch, Wait, Watch};
pub use watch_all::{TaskSummary, WatchAll, WatchAllHandle};

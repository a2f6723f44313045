//! What the library logs, on stderr.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Shows the library's log: not at all, from INFO on (`-v`), DEBUG (`-vv`) or TRACE.
pub(crate) fn start(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let filter = Targets::new().with_target("luma_watch", level);
    // It can fail only if there is one already.
    tracing_subscriber::registry().with(lines).with(filter).try_init().unwrap_or_default();
}

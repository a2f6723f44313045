//! Result files, kept in a folder: whole, under harmless names, gone on with after a cut.

mod attempt;
mod disk;
mod event;
mod failure;
mod fetch;
mod file;
mod name;
mod options;
mod part;
mod record;
mod response;
mod speed;
mod stream;
#[cfg(all(test, feature = "simulator"))]
mod tests;

pub use event::{DownloadEvent, KeptFile};
pub use fetch::Fetch;
pub use options::{DownloadOptions, OnCollision};
pub use stream::Download;

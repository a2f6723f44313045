//! The client: the start of every check, watch and download.

mod builder;
mod definition;
#[cfg(feature = "download")]
mod downloads;
#[cfg(feature = "callback")]
mod extra_polls;
mod settings;
mod watches;

pub use builder::ClientBuilder;
pub use definition::Client;

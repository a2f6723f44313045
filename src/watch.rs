//! One task as a stream: alone, or shared by any number of readers.

mod shared;
mod single;

pub use shared::{SharedWait, SharedWatch};
pub use single::{Wait, Watch};

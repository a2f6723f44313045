//! One task as a stream: alone, or shared by any number of readers.

mod due_poll;
mod shared;
mod single;
mod subscribed;

pub use shared::{SharedWait, SharedWatch};
pub use single::{Wait, Watch};

//! One task as a stream: alone, or shared by any number of readers.

mod due_poll;
mod shared;
mod single;
mod subscribed;
mod waker_set;

pub use shared::{SharedWait, SharedWatch};
pub use single::{Wait, Watch};

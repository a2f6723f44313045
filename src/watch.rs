//! One task as a stream: alone, or shared by any number of readers.

mod drive;
mod due_poll;
mod seen;
mod shared;
mod shared_state;
mod shared_watches;
mod single;
mod subscribed;
mod waiting;
mod waker_set;

pub use drive::Drive;
pub use shared::{SharedWait, SharedWatch};
pub(crate) use shared_watches::SharedWatches;
pub use single::Watch;
pub use waiting::Wait;

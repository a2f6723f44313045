//! Many tasks in one stream, in a few dozen bytes each.

mod coalescing_timer;
mod cores;
mod definition;
mod driver;
mod handle;
mod in_flight;
mod lane;
mod lanes;
mod pending_polls;
mod ready_queue;
mod step_budget;
mod summary;
mod task_slots;
mod tasks;
mod timer_queue;

pub use definition::WatchAll;
pub use handle::WatchAllHandle;
pub use summary::TaskSummary;

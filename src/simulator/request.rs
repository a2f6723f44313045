//! What a simulator notes of each request.

use std::time::Duration;

use crate::task::TaskId;

/// One request that reached the simulator, as [`Simulator::requests`](super::Simulator::requests) lists it.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// When it came, in the simulator's time: since the simulator was made, times its [speed](super::Simulator::speed).
    pub at: Duration,
    /// The task whose record it asks for.
    pub task_id: TaskId,
    /// Whether it carried the right key.
    pub authorized: bool,
    /// The HTTP status of the response. `None` if the connection was reset, or if no response comes.
    pub status: Option<u16>,
}

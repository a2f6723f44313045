//! A watch that can be notified, from the first poll of its stream to its drop.

use tokio::time::Instant;

use crate::client_core::PollFuture;
use crate::limiter::Permit;
use crate::notify::WatchKey;
use crate::poll_state::PermitWait;
use crate::task_watch::TaskWatch;

pub(super) struct Subscribed {
    pub(super) task: TaskWatch,
    pub(super) key: WatchKey,
}

impl Subscribed {
    pub(super) const fn new(task: TaskWatch) -> Self {
        Self { task, key: WatchKey::NONE }
    }

    /// At the first poll of the stream. Returns when the first poll is, unless it is now.
    pub(super) fn start(&mut self) -> Option<Instant> {
        self.key = self.task.core().registry.subscribe(self.task.id());
        self.task.start()
    }

    /// Sends a request at once, which has waited in this way.
    pub(super) fn send(&mut self, permit: Permit, wait: PermitWait) -> PollFuture {
        self.task.core().registry.sent(self.key, self.task.id());
        let timeout = self.task.time_for_request(wait, permit.acquired_at());
        self.task.poll(permit, timeout)
    }
}

impl Drop for Subscribed {
    fn drop(&mut self) {
        self.task.core().registry.unsubscribe(self.key, self.task.id());
    }
}

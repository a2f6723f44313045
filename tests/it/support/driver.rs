//! The two ways to watch many tasks, as one type: a promise that holds for both is tested for both.

use futures::StreamExt;
use futures::stream::{BoxStream, select_all};
use luma_watch::{Client, StatusEvent, TaskId};
#[cfg(feature = "callback")]
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

/// How tasks are watched.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Driver {
    /// Each task by a [`Watch`](luma_watch::Watch) of its own.
    Watch,
    /// All tasks by one [`WatchAll`](luma_watch::WatchAll).
    WatchAll,
}

impl Driver {
    pub(crate) const BOTH: [Self; 2] = [Self::Watch, Self::WatchAll];

    /// The events of these tasks in one stream.
    pub(crate) fn events(self, client: &Client, ids: &[TaskId]) -> BoxStream<'static, StatusEvent> {
        match self {
            Self::Watch => select_all(ids.iter().map(|id| client.watch(id))).boxed(),
            Self::WatchAll => client.watch_all(ids).map(|(_, event)| event).boxed(),
        }
    }

    /// Watches tasks that do not end before this instant, and drops the watches then.
    pub(crate) async fn watch_until(self, until: Instant, client: &Client, ids: &[TaskId]) {
        let events = timeout_at(until, self.events(client, ids).count()).await;
        assert!(events.is_err(), "all have ended");
    }

    /// Watches in the background. The task ends with the events when all have ended.
    #[cfg(feature = "callback")]
    pub(crate) fn spawn(self, client: &Client, ids: &[TaskId]) -> JoinHandle<Vec<StatusEvent>> {
        tokio::spawn(self.events(client, ids).collect())
    }
}

/// Runs a scenario once with each driver.
#[cfg(feature = "callback")]
pub(crate) async fn with_each_driver<F: Future<Output = ()>>(scenario: impl Fn(Driver) -> F) {
    for driver in Driver::BOTH {
        scenario(driver).await;
    }
}

//! The hooks.

use std::sync::Arc;

use super::observations::{PollEnded, PollSent, WatchEnded, WatchEvent, WatchStarted};
use crate::limiter::Cooldown;

/// Sees what a client does, in all of its watches: for metrics, traces and logs of your own. Set with
/// [`ClientBuilder::observe`](crate::ClientBuilder::observe).
///
/// It is called for every watch of the client and of its clones, each task of a [`WatchAll`](crate::WatchAll) and
/// each [`wait_until_done`](crate::Client::wait_until_done) included, and for each [`status`](crate::Client::status) check. Of
/// [`poll_once`](crate::Client::poll_once) it sees polls and events, and no start and end of a watch. All methods do nothing unless
/// they are written.
///
/// In the guide: [services](crate::guide::services).
///
/// # When and where
/// The methods are called one after the other where the watch is polled, and never under a lock of this crate: they may
/// call the client. They should return at once. **A slow observer** delays the watch that it is called for, and in a `WatchAll`
/// the whole stream; it delays no other watch. **An observer that panics** harms nothing else: the panic is caught, the first
/// one is logged at `ERROR`, and the observer is still called.
///
/// ```
/// # use luma_watch::simulator::{SimulatedTask, Simulator};
/// use luma_watch::{Client, Observer, PollEnded, WatchEnded};
///
/// struct Lines;
///
/// impl Observer for Lines {
///     fn poll_ended(&self, poll: &PollEnded<'_>) {
///         println!("poll of {}: {} in {:?}", poll.task_id, poll.outcome(), poll.latency);
///     }
///
///     fn watch_ended(&self, watch: &WatchEnded<'_>) {
///         println!("watch of {}: {} after {} polls", watch.task_id, watch.outcome(), watch.polls);
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), luma_watch::Error> {
/// # tokio::time::pause();
/// # let simulator = Simulator::new();
/// # let id = simulator.add(SimulatedTask::new());
/// # let builder = Client::builder("test-key").simulator(&simulator);
/// let client = builder.observe(Lines).build()?;
/// client.wait_until_done(&id).await?;
/// # Ok(())
/// # }
/// ```
pub trait Observer: Send + Sync + 'static {
    /// The stream of a watch is polled for the first time.
    fn watch_started(&self, watch: &WatchStarted<'_>) {
        let _ = watch;
    }

    /// A request is sent: it has waited for the client's limits, if it had to.
    fn poll_sent(&self, poll: &PollSent<'_>) {
        let _ = poll;
    }

    /// The same poll is over: it was answered, it failed, or it was dropped. Exactly once for each
    /// [`poll_sent`](Self::poll_sent). Repeats at once and the second request of a poll (a redirect, a fresh key) are part of
    /// it.
    fn poll_ended(&self, poll: &PollEnded<'_>) {
        let _ = poll;
    }

    /// A watch has an event, which it yields next.
    fn event(&self, event: &WatchEvent<'_>) {
        let _ = event;
    }

    /// A watch is over, with an outcome, or because it was dropped. Exactly once for each
    /// [`watch_started`](Self::watch_started).
    fn watch_ended(&self, watch: &WatchEnded<'_>) {
        let _ = watch;
    }

    /// The gateway asked for fewer requests, and all watches of the client hold back: why, since when, and for how long. Once
    /// for each refusal that makes the time longer.
    fn held_back(&self, cooldown: &Cooldown) {
        let _ = cooldown;
    }
}

/// An observer that others hold as well.
impl<O: Observer + ?Sized> Observer for Arc<O> {
    fn watch_started(&self, watch: &WatchStarted<'_>) {
        (**self).watch_started(watch);
    }

    fn poll_sent(&self, poll: &PollSent<'_>) {
        (**self).poll_sent(poll);
    }

    fn poll_ended(&self, poll: &PollEnded<'_>) {
        (**self).poll_ended(poll);
    }

    fn event(&self, event: &WatchEvent<'_>) {
        (**self).event(event);
    }

    fn watch_ended(&self, watch: &WatchEnded<'_>) {
        (**self).watch_ended(watch);
    }

    fn held_back(&self, cooldown: &Cooldown) {
        (**self).held_back(cooldown);
    }
}

//! What a callback is good for: to ask at once.

use super::Client;
use crate::callback::Callback;
use crate::task::TaskId;

#[allow(clippy::must_use_candidate)] // how many watches there are is news, and not what they are called for
#[cfg_attr(docsrs, doc(cfg(feature = "callback")))]
impl Client {
    /// Lets each running watch of the callback's task poll at once, and says how many there are. Needs the feature
    /// `callback`.
    ///
    /// The callback is a hint and nothing more: what the watch yields is what the task's record says. One that is forged
    /// costs each of these watches one request, repeated if it fails; their schedules go on as if it had not been.
    ///
    /// A callback that comes before its watch runs is remembered for a minute (the last 4,096 callbacks are): a watch that
    /// starts then does not wait for its [`first_poll_after`](crate::Schedule::first_poll_after). Apart from that, it is
    /// [`poll_now`](Self::poll_now). It does not wait for anything, and may be called from anywhere.
    ///
    /// ```no_run
    /// # fn receive(client: &luma_watch::Client, body: &[u8]) -> Result<(), luma_watch::Error> {
    /// let callback = luma_watch::Callback::parse(body)?; // or, signed, `CallbackVerifier::verify`
    /// client.notify(&callback);
    /// # Ok(())
    /// # }
    /// ```
    pub fn notify(&self, callback: &Callback) -> usize {
        self.shared.registry.notify(callback.task_id(), true)
    }

    /// Lets each running watch of the task poll at once, and says how many there are. Needs the feature `callback`.
    ///
    /// A watch runs from the first poll of its stream to its end; a task in a [`WatchAll`](crate::WatchAll) is one, and so
    /// are all clones of a [`SharedWatch`](crate::SharedWatch) together. Watches of this client and of its clones are
    /// found.
    ///
    /// At once is as soon as the request budget, the requests in flight, a gateway that asked all to hold back, and a
    /// `Retry-After` that the watch itself was given allow. A request under way may have been answered before what you know
    /// of: another one follows it. Called again and again, it makes one request per second of each watch, no more. A request
    /// that fails is repeated after 0.5 to 1 s, doubling, up to the poll that the schedule plans. If the task has not ended, the
    /// schedule goes on as if it had not been asked about.
    pub fn poll_now(&self, task_id: &TaskId) -> usize {
        self.shared.registry.notify(task_id, false)
    }
}

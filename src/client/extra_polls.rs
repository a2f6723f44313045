//! Extra polls, for callbacks and on request.

use super::definition::Client;
use crate::callback::Callback;

#[cfg_attr(docsrs, doc(cfg(feature = "callback")))]
#[allow(clippy::must_use_candidate)] // the number of watches is news, and not what they are called for
impl Client {
    /// Lets each running watch of the callback's task poll at once, and returns how many there are. Needs the feature
    /// `callback`.
    ///
    /// The callback is only a hint: the watch yields what the task's record says. A forged callback costs each of these
    /// watches one request, repeated if it fails; their schedules go on as if it had not come.
    ///
    /// A callback that comes before its watch runs is remembered for a minute (the last 4,096 callbacks are): a watch that
    /// starts then does not wait for its [`first_poll_after`](crate::Schedule::first_poll_after). Apart from that, it does
    /// what [`poll_now`](Self::poll_now) does. It returns at once, and may be called from anywhere.
    ///
    /// ```no_run
    /// # fn receive(client: &luma_watch::Client, body: &[u8]) -> Result<(), luma_watch::Error> {
    /// let callback = luma_watch::Callback::parse(body)?; // or, signed, `CallbackVerifier::verify`
    /// client.notify(&callback);
    /// # Ok(())
    /// # }
    /// ```
    pub fn notify(&self, callback: &Callback) -> usize {
        self.core.registry.notify(callback.task_id().as_str(), true)
    }

    /// Lets each running watch of the task poll at once, and returns how many there are. Needs the feature `callback`.
    ///
    /// A watch runs from the first poll of its stream to its end. A task in a [`WatchAll`](crate::WatchAll) counts as one
    /// watch, and so do all clones of a [`SharedWatch`](crate::SharedWatch) together. Watches of this client and of its clones
    /// are found.
    ///
    /// The poll comes as soon as the client's limits, and a `Retry-After` that the watch itself was given, allow. A request in
    /// flight may have been answered before what you know of, so another one follows it. Called again and again, it makes at
    /// most one request per second of each watch. A failed request is repeated after 0.5 to 1 s, doubling, up to the poll that
    /// the schedule plans. If the task has not ended, the schedule goes on as if there had been no extra poll.
    ///
    /// ```no_run
    /// # fn run(client: &luma_watch::Client) {
    /// let watches = client.poll_now("774d9a7dd608a0e49293903095e45a4c");
    /// println!("polled by {watches} watches");
    /// # }
    /// ```
    pub fn poll_now(&self, task_id: impl AsRef<str>) -> usize {
        self.core.registry.notify(task_id.as_ref(), false)
    }
}

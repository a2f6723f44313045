//! Waiting for the end of a watch.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use futures::future::{FusedFuture, FutureExt};

use super::single::Watch;
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::task::{Task, TaskId};

impl Watch {
    /// Waits for the end, from wherever the stream stands: a watch that has already yielded its terminal event answers from
    /// that.
    ///
    /// `Ok` means that there is a result to fetch: flag 1, or flag 4 (only the vendor's callback failed;
    /// [`Task::status`] says which), with at least one URL.
    ///
    /// ```
    /// # use luma_watch::simulator::{SimulatedTask, Simulator};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// # tokio::time::pause();
    /// # let simulator = Simulator::new();
    /// # let id = simulator.add(SimulatedTask::new());
    /// # let client = luma_watch::Client::builder("test-key").simulator(&simulator).build()?;
    /// use futures::StreamExt;
    ///
    /// let mut watch = client.watch(&id);
    /// watch.next().await; // looks at the first event, and waits for the rest
    /// let task = watch.wait_until_done().await?;
    /// assert!(task.status().is_success());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// - [`TaskFailed`](ErrorKind::TaskFailed): flags 2 and 3, with the vendor's code and message.
    /// - [`MissingResult`](ErrorKind::MissingResult): a success without a URL.
    /// - [`Deadline`](ErrorKind::Deadline): the schedule's `max_wait` is over. The task may still finish: watch the same id
    ///   again.
    /// - At once, what polling again cannot mend: [`Unauthorized`](ErrorKind::Unauthorized),
    ///   [`InvalidRequest`](ErrorKind::InvalidRequest), an untrusted certificate ([`Transport`](ErrorKind::Transport)); and
    ///   [`NotFound`](ErrorKind::NotFound) after its grace.
    ///
    /// # Cancel safety
    /// The future owns the watch: dropping it stops the watch. To keep the watch, poll the stream.
    pub fn wait_until_done(self) -> Wait {
        Wait { watch: self, ended: false }
    }

    /// The same as [`wait_until_done`](Self::wait_until_done), and the watch stays: for a wait that may be stopped and continued.
    ///
    /// ```
    /// # use luma_watch::simulator::{SimulatedTask, Simulator};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), luma_watch::Error> {
    /// # tokio::time::pause();
    /// # let simulator = Simulator::new();
    /// # let id = simulator.add(SimulatedTask::new());
    /// # let client = luma_watch::Client::builder("test-key").simulator(&simulator).build()?;
    /// use std::time::Duration;
    /// use tokio::time::timeout;
    ///
    /// let mut watch = client.watch(&id);
    /// while timeout(Duration::from_secs(60), watch.done()).await.is_err() {
    ///     println!("still waiting for {}", watch.task_id());
    /// }
    /// let task = watch.done().await?; // the outcome, as often as it is asked for
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing but the events that it passed: a request in flight lives in the watch.
    pub fn done(&mut self) -> impl FusedFuture<Output = Result<Task, Error>> + Send + Unpin + '_ {
        poll_fn(|cx| self.poll_done(cx)).fuse()
    }

    /// The future that awaiting the watch makes: [`wait_until_done`](Self::wait_until_done).
    ///
    /// `IntoFuture` and `StreamExt` each have a method of this name. This one is chosen before both, so that a call is not ambiguous.
    pub fn into_future(self) -> Wait {
        self.wait_until_done()
    }

    fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<Result<Task, Error>> {
        loop {
            if let Some(outcome) = self.outcome() {
                return Poll::Ready(outcome);
            }
            ready!(Pin::new(&mut *self).poll_next(cx));
        }
    }
}

impl IntoFuture for Watch {
    type Output = Result<Task, Error>;
    type IntoFuture = Wait;

    fn into_future(self) -> Wait {
        self.wait_until_done()
    }
}

/// The future of a [`Watch`]'s end, made by [`Watch::wait_until_done`] and
/// [`Client::wait_until_done`](crate::Client::wait_until_done).
///
/// It needs no pinning and borrows nothing: keep it in a struct, spawn it, or give it to `select!`, `select_ok` or
/// `FuturesUnordered`.
///
/// In the guide: [first wait](crate::guide::first_wait), [composing](crate::guide::composing), [deadlines](crate::guide::deadlines).
///
/// ```
/// # use luma_watch::simulator::{SimulatedTask, Simulator};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), luma_watch::Error> {
/// # tokio::time::pause();
/// # let simulator = Simulator::new();
/// # let ids = [simulator.add(SimulatedTask::new()), simulator.add(SimulatedTask::new())];
/// # let client = luma_watch::Client::builder("test-key").simulator(&simulator).build()?;
/// use futures::future::select_ok;
///
/// let (first, others) = select_ok(ids.map(|id| client.wait_until_done(id))).await?;
/// println!("{} is ready first, {} are not", first.id(), others.len());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Wait {
    watch: Watch,
    ended: bool,
}

impl Wait {
    /// The task that is watched.
    #[must_use]
    pub fn task_id(&self) -> &TaskId {
        self.watch.task_id()
    }
}

impl Future for Wait {
    type Output = Result<Task, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(self.watch.poll_done(cx));
        self.ended = true;
        Poll::Ready(outcome)
    }
}

impl FusedFuture for Wait {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

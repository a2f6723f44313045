//! What other tasks may ask of a `WatchAll` while it runs.

use std::fmt;
use std::task::{Context, Poll};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, WeakUnboundedSender, unbounded_channel};

use crate::error::{Error, ErrorKind};
use crate::schedule::Schedule;
use crate::task::TaskId;

/// Steers a [`WatchAll`](crate::WatchAll) from other tasks and threads. Made by [`WatchAll::handle`](crate::WatchAll::handle);
/// cheap to clone.
///
/// What it asks for is done in the order of its calls, when the stream is polled next, which wakes the task that polls it. As long
/// as there is a handle, the stream does not end, unless it [drains](Self::drain): tasks may still come.
///
/// ```
/// # use luma_watch::simulator::{SimulatedTask, Simulator};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), luma_watch::Error> {
/// # tokio::time::pause();
/// # let simulator = Simulator::new();
/// # let ids = [simulator.add(SimulatedTask::new()), simulator.add(SimulatedTask::new())];
/// # let client = luma_watch::Client::builder("test-key").simulator(&simulator).build()?;
/// use futures::StreamExt;
/// use luma_watch::TaskId;
///
/// let mut all = client.watch_all(Vec::<TaskId>::new());
/// let handle = all.handle();
/// tokio::spawn(async move {
///     for id in ids {
///         handle.push(id)?;
///     }
///     Ok::<_, luma_watch::Error>(()) // and the handle is dropped
/// });
/// let mut done = 0;
/// while let Some((id, event)) = all.next().await {
///     done += usize::from(event.is_terminal());
/// }
/// assert_eq!(done, 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct WatchAllHandle(UnboundedSender<Command>);

/// What a handle asks for.
pub(super) enum Command {
    Push(TaskId),
    PushWith(TaskId, Box<Schedule>),
    Remove(TaskId),
    Drain,
}

impl WatchAllHandle {
    /// Watches one more task, as [`WatchAll::push`](crate::WatchAll::push). A task that is watched already stays as it is.
    ///
    /// # Errors
    /// [`Closed`](ErrorKind::Closed): the `WatchAll` is dropped, and nobody watches the task.
    pub fn push(&self, task_id: impl Into<TaskId>) -> Result<(), Error> {
        let id = task_id.into();
        self.send(Command::Push(id.clone())).map_err(|error| error.of_task(&id, None))
    }

    /// The same with a schedule of its own, as [`WatchAll::push_with`](crate::WatchAll::push_with).
    ///
    /// # Errors
    /// As [`push`](Self::push), and as [`Schedule::validate`].
    pub fn push_with(&self, task_id: impl Into<TaskId>, schedule: Schedule) -> Result<(), Error> {
        schedule.validate()?;
        let id = task_id.into();
        self.send(Command::PushWith(id.clone(), Box::new(schedule))).map_err(|error| error.of_task(&id, None))
    }

    /// As [`WatchAll::remove`](crate::WatchAll::remove). Does nothing if the `WatchAll` is dropped.
    pub fn remove(&self, task_id: impl Into<TaskId>) {
        drop(self.send(Command::Remove(task_id.into())));
    }

    /// As [`WatchAll::drain`](crate::WatchAll::drain): the stream ends when no request is in flight, though there are handles. Does
    /// nothing if the `WatchAll` is dropped.
    pub fn drain(&self) {
        drop(self.send(Command::Drain));
    }

    /// Whether the `WatchAll` is dropped.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn send(&self, command: Command) -> Result<(), Error> {
        let closed =
            |_| Error::new(ErrorKind::Closed, "the WatchAll of this handle is dropped: nobody watches the task");
        self.0.send(command).map_err(closed)
    }
}

impl fmt::Debug for WatchAllHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchAllHandle").field("is_closed", &self.is_closed()).finish()
    }
}

/// What the handles of one `WatchAll` have asked for.
#[derive(Default)]
pub(super) struct Commands {
    /// `None`: there was no handle, or is none any more.
    channel: Option<(UnboundedReceiver<Command>, WeakUnboundedSender<Command>)>,
}

impl Commands {
    pub(super) fn handle(&mut self) -> WatchAllHandle {
        let sender = self.channel.as_ref().and_then(|(_, sender)| sender.upgrade());
        let sender = sender.unwrap_or_else(|| {
            let (sender, receiver) = unbounded_channel();
            self.channel = Some((receiver, sender.downgrade()));
            sender
        });
        WatchAllHandle(sender)
    }

    /// Whether no more commands come.
    pub(super) fn is_over(&self) -> bool {
        self.channel.as_ref().is_none_or(|(receiver, sender)| sender.strong_count() == 0 && receiver.is_empty())
    }

    /// The next command. `None`: the task is woken when there is one, or when the last handle is dropped.
    pub(super) fn next(&mut self, cx: &mut Context<'_>) -> Option<Command> {
        let (receiver, _) = self.channel.as_mut()?;
        match receiver.poll_recv(cx) {
            Poll::Ready(None) => {
                self.channel = None;
                None
            }
            Poll::Ready(command) => command,
            Poll::Pending => None,
        }
    }

    /// How many commands there are now.
    pub(super) fn len(&self) -> usize {
        self.channel.as_ref().map_or(0, |(receiver, _)| receiver.len())
    }

    /// The next command, if there is one now.
    pub(super) fn try_next(&mut self) -> Option<Command> {
        self.channel.as_mut()?.0.try_recv().ok()
    }
}

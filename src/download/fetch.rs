//! Waits for a task, and then keeps its files.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::future::{BoxFuture, FusedFuture};

use super::event::KeptFile;
use super::options::DownloadOptions;
use super::stream::Download;
use crate::client_core::ClientCore;
use crate::error::Error;
use crate::task::TaskId;
use crate::watch::Wait;

/// Waits for the end of a task and then downloads its result files. Made by [`Client::fetch`](crate::Client::fetch).
///
/// It needs no pinning and borrows nothing.
///
/// # Cancel safety
/// Dropping it stops the wait or the download; what is on disk stays as `….part`. The same call goes on.
///
/// # Panics
/// Polled outside a tokio runtime with its timer and I/O enabled.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Fetch {
    core: Arc<ClientCore>,
    task_id: TaskId,
    folder: PathBuf,
    options: DownloadOptions,
    state: State,
}

enum State {
    Waiting(Wait),
    Downloading(BoxFuture<'static, Result<Vec<KeptFile>, Error>>),
    Ended,
}

impl Fetch {
    pub(crate) fn new(core: Arc<ClientCore>, wait: Wait, folder: PathBuf) -> Self {
        let task_id = wait.task_id().clone();
        Self { core, task_id, folder, options: DownloadOptions::new(), state: State::Waiting(wait) }
    }

    /// Sets how the files are downloaded. Default: [`DownloadOptions::new`]. It has no effect once the download has started.
    pub fn options(mut self, options: DownloadOptions) -> Self {
        self.options = options;
        self
    }

    /// The task that is waited for.
    #[must_use]
    pub const fn task_id(&self) -> &TaskId {
        &self.task_id
    }
}

impl Future for Fetch {
    type Output = Result<Vec<PathBuf>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            let outcome = match &mut this.state {
                State::Waiting(wait) => match ready!(Pin::new(wait).poll(cx)) {
                    Ok(task) => {
                        let download = Download::new(&this.core, task, this.folder.clone());
                        let download = download.options(this.options.clone()).into_future();
                        this.state = State::Downloading(download);
                        continue;
                    }
                    Err(error) => Err(error),
                },
                State::Downloading(download) => ready!(download.as_mut().poll(cx)),
                State::Ended => return Poll::Pending,
            };
            this.state = State::Ended;
            return Poll::Ready(outcome.map(|files| files.into_iter().map(|file| file.path).collect()));
        }
    }
}

impl FusedFuture for Fetch {
    fn is_terminated(&self) -> bool {
        matches!(self.state, State::Ended)
    }
}

impl fmt::Debug for Fetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Waiting(_) => "waiting",
            State::Downloading(_) => "downloading",
            State::Ended => "ended",
        };
        f.debug_struct("Fetch").field("task_id", &self.task_id).field("state", &state).finish_non_exhaustive()
    }
}

//! The files of a task, several at once, as one stream of events.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::future::BoxFuture;
use futures::stream::{self, FusedStream};
use futures::{Stream, StreamExt};

use super::event::{DownloadEvent, KeptFile};
use super::file::{Job, events};
use super::name::file_names;
use super::options::DownloadOptions;
use crate::client_core::ClientCore;
use crate::error::Error;
use crate::task::{Task, TaskId};

/// The download of a task's result files into a folder: a stream of [`DownloadEvent`]s, and a future of the kept files. Made by
/// [`Client::download`](crate::Client::download).
///
/// Each distinct URL of the record is one file, and each file ends with one [`Kept`](DownloadEvent::Kept) or
/// [`Failed`](DownloadEvent::Failed). A file that fails does not stop the others. Then the stream ends.
///
/// ```
/// # use luma_watch::simulator::{SimulatedTask, Simulator};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let simulator = Simulator::new();
/// # let id = simulator.add(SimulatedTask::new().generates_for(std::time::Duration::ZERO));
/// # let client = luma_watch::Client::builder("test-key").simulator(&simulator).build()?;
/// # let task = client.status(&id).await?;
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// use futures::StreamExt;
/// use luma_watch::DownloadEvent;
///
/// let mut download = client.download(&task, folder);
/// while let Some(event) = download.next().await {
///     match event {
///         DownloadEvent::Progress { bytes, size, .. } => println!("{bytes} of {size:?} bytes"),
///         DownloadEvent::Retrying { error, next_in, .. } => println!("{error}, next attempt in {next_in:?}"),
///         DownloadEvent::Kept { path, sha256, .. } => println!("{} ({sha256})", path.display()),
///         DownloadEvent::Failed { error, .. } => println!("{error}"),
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// Awaited, it gives all files, in the order of the record, or the first failure, after all files have ended:
/// `let files = client.download(&task, "videos").await?`. What ended before it is awaited counts, too. See [the guide](crate::guide::downloads) for what happens on the way.
///
/// # Cancel safety
/// Dropping a future that polls the stream loses nothing. Dropping the download stops it: requests are aborted, and what is on
/// disk stays as `….part` for the next download of the same URL.
///
/// # Panics
/// Polled outside a tokio runtime with its timer and I/O enabled.
#[must_use = "a download does nothing unless it is polled or awaited"]
pub struct Download {
    task: Task,
    state: State,
    kept: Vec<KeptFile>,
    /// The first one.
    failed: Option<Error>,
}

enum State {
    /// Boxed, so that a running download is small.
    Unstarted(Box<Job>),
    Running(Pin<Box<dyn Stream<Item = DownloadEvent> + Send>>),
    Ended,
}

impl Download {
    pub(crate) fn new(core: &ClientCore, task: Task, folder: PathBuf) -> Self {
        let (files, retry_after_cap) = (Arc::clone(&core.files), core.config.retry_after_cap);
        let options = DownloadOptions::new();
        let state = State::Unstarted(Box::new(Job { files, task: task.clone(), folder, options, retry_after_cap }));
        Self { task, state, kept: Vec::new(), failed: None }
    }

    /// Sets how the files are downloaded. Default: [`DownloadOptions::new`]. It has no effect on a download that has started.
    pub fn options(mut self, options: DownloadOptions) -> Self {
        if let State::Unstarted(job) = &mut self.state {
            job.options = options;
        }
        self
    }

    /// The task whose files these are.
    #[must_use]
    pub fn task_id(&self) -> &TaskId {
        self.task.id()
    }

    /// Keeps what the future gives.
    fn note(&mut self, event: &DownloadEvent) {
        match event {
            DownloadEvent::Kept { url, path, bytes, sha256 } => {
                let (url, path, bytes, sha256) = (url.clone(), path.clone(), *bytes, sha256.clone());
                self.kept.push(KeptFile { url, path, bytes, sha256 });
            }
            DownloadEvent::Failed { error, .. } => self.failed = self.failed.take().or_else(|| Some(error.clone())),
            _ => {}
        }
    }

    fn outcome(self) -> Result<Vec<KeptFile>, Error> {
        let mut kept = self.kept;
        // Where a URL stands twice, its first place counts.
        let places = self.task.result_urls().iter().enumerate().rev().map(|(place, url)| (url, place));
        let places: HashMap<&String, usize> = places.collect();
        kept.sort_by_key(|file| places.get(&file.url).copied());
        self.failed.map_or(Ok(kept), Err)
    }
}

fn start(job: Job) -> Pin<Box<dyn Stream<Item = DownloadEvent> + Send>> {
    let mut seen = HashSet::new();
    let urls: Vec<String> = job.task.result_urls().iter().filter(|url| seen.insert(url.as_str())).cloned().collect();
    if urls.is_empty() {
        let error = Error::missing_result(&job.task);
        return Box::pin(stream::iter([DownloadEvent::Failed { url: None, error }]));
    }
    let files_at_once = job.options.files_at_once.max(1);
    let names = file_names(&urls, job.task.id().as_str(), job.options.on_collision);
    let job = Arc::new(job);
    let files =
        stream::iter(urls.into_iter().zip(names)).map(move |(url, name)| Box::pin(events(Arc::clone(&job), url, name)));
    Box::pin(files.flatten_unordered(files_at_once))
}

impl Stream for Download {
    type Item = DownloadEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<DownloadEvent>> {
        loop {
            match &mut self.state {
                State::Running(events) => {
                    let event = ready!(events.as_mut().poll_next(cx));
                    match &event {
                        Some(event) => self.note(event),
                        None => self.state = State::Ended,
                    }
                    return Poll::Ready(event);
                }
                State::Ended => return Poll::Ready(None),
                State::Unstarted(_) => {
                    if let State::Unstarted(job) = std::mem::replace(&mut self.state, State::Ended) {
                        self.state = State::Running(start(*job));
                    }
                }
            }
        }
    }
}

impl FusedStream for Download {
    fn is_terminated(&self) -> bool {
        matches!(self.state, State::Ended)
    }
}

impl IntoFuture for Download {
    type Output = Result<Vec<KeptFile>, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    /// Reads the rest of the stream. The files that ended before count, too.
    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move {
            while self.next().await.is_some() {}
            self.outcome()
        })
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Unstarted(_) => "unstarted",
            State::Running(_) => "running",
            State::Ended => "ended",
        };
        f.debug_struct("Download").field("task_id", self.task.id()).field("state", &state).finish_non_exhaustive()
    }
}

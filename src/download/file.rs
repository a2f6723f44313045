//! One file of a task: attempt after attempt, until it is kept or given up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, stream};
use reqwest::Url;
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};

use super::attempt::Attempt;
use super::disk::{Disk, Place};
use super::event::DownloadEvent;
use super::options::DownloadOptions;
use crate::error::{Error, ErrorKind};
use crate::file_source::FileSource;
use crate::millis;
use crate::schedule::retry_pause;
use crate::task::Task;

const MAX_RETRY_PAUSE: Duration = Duration::from_secs(30);
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// What all files of a download share.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) files: Arc<FileSource>,
    pub(super) task: Task,
    pub(super) folder: PathBuf,
    pub(super) options: DownloadOptions,
    /// No `Retry-After` is obeyed for longer.
    pub(super) retry_after_cap: Duration,
}

/// The events of one file. Nothing happens before the stream is polled.
pub(super) fn events(job: Arc<Job>, url: String, name: String) -> impl Stream<Item = DownloadEvent> + Send {
    let file = FileDownload { job, url, name, stage: Stage::Unopened, failures: 0, furthest: 0, progress_at: None };
    stream::unfold(file, |mut file| async {
        let event = file.next().await?;
        Some((event, file))
    })
}

struct FileDownload {
    job: Arc<Job>,
    url: String,
    name: String,
    stage: Stage,
    /// Failed attempts in a row that brought the file no further.
    failures: u32,
    /// How many bytes were on disk at most.
    furthest: u64,
    /// When the last event of progress was.
    progress_at: Option<Instant>,
}

enum Stage {
    Unopened,
    /// Between attempts.
    Pausing(Box<(Url, Disk)>, Duration),
    Reading(Box<(Url, Disk)>, Box<Attempt>),
    Ended,
}

impl FileDownload {
    async fn next(&mut self) -> Option<DownloadEvent> {
        loop {
            // Put back below. Where a step is dropped, the whole file is.
            match std::mem::replace(&mut self.stage, Stage::Ended) {
                Stage::Ended => return None,
                Stage::Unopened => match self.open().await {
                    Ok(opened) => self.stage = Stage::Pausing(Box::new(opened), Duration::ZERO),
                    Err(error) => return Some(self.given_up(error)),
                },
                Stage::Pausing(mut place, pause) => {
                    if !pause.is_zero() {
                        sleep(pause).await;
                    }
                    let (url, disk) = &mut *place;
                    if disk.is_whole() {
                        return Some(self.keep(place).await);
                    }
                    match Attempt::start(&self.job.files, url, &self.job.options, disk).await {
                        Ok(attempt) => {
                            let (url, size, resumed_from) = (self.url.clone(), attempt.size(), disk.written());
                            self.stage = Stage::Reading(place, Box::new(attempt));
                            return Some(DownloadEvent::Started { url, size, resumed_from });
                        }
                        Err(error) => return Some(self.failed(place, error).await),
                    }
                }
                Stage::Reading(mut place, mut attempt) => match attempt.read_on(&mut place.1).await {
                    Ok(true) => {
                        let (bytes, size) = (place.1.written(), attempt.size());
                        self.stage = Stage::Reading(place, attempt);
                        if let Some(progress) = self.progress(bytes, size) {
                            return Some(progress);
                        }
                    }
                    Ok(false) => return Some(self.keep(place).await),
                    Err(error) => return Some(self.failed(place, error).await),
                },
            }
        }
    }

    async fn open(&self) -> Result<(Url, Disk), Error> {
        let url = Url::parse(&self.url)
            .map_err(|error| Error::new(ErrorKind::BlockedUrl, format!("it is no URL: {error}")))?;
        let place = Arc::new(Place { folder: self.job.folder.clone(), name: self.name.clone() });
        let disk = Disk::open(place, url.as_str()).await?;
        Ok((url, disk))
    }

    /// What is worth an event.
    fn progress(&mut self, bytes: u64, size: Option<u64>) -> Option<DownloadEvent> {
        let now = Instant::now();
        let is_due = |at: Instant| now.saturating_duration_since(at) >= PROGRESS_INTERVAL;
        if !self.progress_at.is_none_or(is_due) {
            return None;
        }
        self.progress_at = Some(now);
        Some(DownloadEvent::Progress { url: self.url.clone(), bytes, size })
    }

    async fn keep(&mut self, mut place: Box<(Url, Disk)>) -> DownloadEvent {
        let disk = &mut place.1;
        let bytes = disk.written();
        match disk.keep(self.job.options.on_collision).await {
            Ok((path, sha256)) => {
                info!(task_id = %self.job.task.id(), path = %path.display(), bytes, "result file kept");
                DownloadEvent::Kept { url: self.url.clone(), path, bytes, sha256 }
            }
            Err(error) => self.end(place, error).await,
        }
    }

    /// After an attempt that failed: another one, or the end.
    async fn failed(&mut self, place: Box<(Url, Disk)>, error: Error) -> DownloadEvent {
        if !error.is_transient() {
            return self.end(place, error).await;
        }
        let written = place.1.written();
        // A file host that drips brings each attempt a little further.
        let min_progress = if error.kind() == ErrorKind::Timeout { 64 * 1024 } else { 4 * 1024 };
        if written >= self.furthest.saturating_add(min_progress) {
            self.failures = 0;
        }
        self.furthest = self.furthest.max(written);
        self.failures = self.failures.saturating_add(1);
        if self.failures > self.job.options.max_retries {
            let attempts = match self.failures {
                1 => "the attempt failed".to_owned(),
                failures => format!("{failures} attempts in a row failed"),
            };
            return self.end(place, error.and(attempts)).await;
        }
        let asked = error.retry_after().unwrap_or_default().min(self.job.retry_after_cap);
        let next_in = millis::whole(retry_pause(self.failures, fastrand::f64()).min(MAX_RETRY_PAUSE).max(asked));
        let error = error.of_task(self.job.task.id(), Some(self.job.task.clone()));
        debug!(task_id = %self.job.task.id(), %error, ?next_in, "result file is retried");
        self.stage = Stage::Pausing(place, next_in);
        DownloadEvent::Retrying { url: self.url.clone(), error, next_in }
    }

    /// The end without a file. What is on disk stays only if a later download can go on with it.
    async fn end(&mut self, place: Box<(Url, Disk)>, error: Error) -> DownloadEvent {
        let (_, disk) = *place;
        let can_go_on = error.is_transient() || error.kind() == ErrorKind::Storage;
        let error = match disk.resumable() {
            Some((written, _)) if can_go_on => {
                error.and(format!("{written} bytes are on disk, and the next download of this URL goes on from there"))
            }
            _ => match disk.remove().await {
                Ok(()) => error,
                Err(failed) => error.and(failed.to_string()),
            },
        };
        self.given_up(error)
    }

    fn given_up(&self, error: Error) -> DownloadEvent {
        let error = error.of_task(self.job.task.id(), Some(self.job.task.clone()));
        warn!(task_id = %self.job.task.id(), kind = %error.kind(), %error, "result file given up");
        DownloadEvent::Failed { url: Some(self.url.clone()), error }
    }
}

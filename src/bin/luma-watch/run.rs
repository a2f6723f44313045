//! The loop of `watch` and `wait`: events, files, signals and time.

use std::collections::HashSet;
use std::time::Duration;

use futures::StreamExt;
use luma_watch::{Checkpoint, DownloadEvent, ErrorKind, StatusEvent, Task, TaskId, WatchAll};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::args::Job;
use crate::board::Board;
use crate::download::{Downloads, FileEvent};
use crate::exit::Exit;
use crate::go_on;
use crate::learn::LearnFile;
use crate::output::Failure;
use crate::report::Report;
use crate::resume::{Entry, ResumeFile};
use crate::signals::Signals;

/// How often the screen is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(200);
/// With more tasks, an event does not draw the screen.
const DRAWN_AT_ONCE: usize = 100;
/// How often a line says where the tasks stand, without a screen.
const SUMMARY_EVERY: Duration = Duration::from_secs(60);

/// What changes during the wait.
pub(crate) struct Run {
    job: Job,
    resume: Option<ResumeFile>,
    learn: Option<LearnFile>,
    report: Report,
    board: Board,
    /// The tasks of which there was an event.
    seen: HashSet<TaskId>,
    downloads: Option<Downloads>,
    /// The key is refused, or there is no credit: no task can be asked about any more.
    refused: bool,
}

impl Run {
    pub(crate) fn new(
        job: Job,
        ids: &[TaskId],
        (resume, learn): (Option<ResumeFile>, Option<LearnFile>),
        report: Report,
        downloads: Option<Downloads>,
    ) -> Self {
        Self { job, resume, learn, report, board: Board::new(ids), seen: HashSet::new(), downloads, refused: false }
    }

    /// Watches the tasks up to their end, or up to a signal.
    pub(crate) async fn run(
        mut self,
        ids: &[TaskId],
        mut all: WatchAll,
        signals: &mut Signals,
    ) -> Result<Exit, Failure> {
        let result = match self.start(ids, &mut all) {
            Ok(()) => self.watch(&mut all, signals).await,
            Err(failure) => Err(failure),
        };
        self.report.close();
        self.save(&all, true);
        let exit = result?.unwrap_or_else(|| self.board.exit());
        Ok(self.conclude(exit))
    }

    /// Starts each task from where it stands.
    fn start(&mut self, ids: &[TaskId], all: &mut WatchAll) -> Result<(), Failure> {
        for id in ids {
            match self.resume.as_ref().and_then(|resume| resume.entry(id)).cloned() {
                Some(Entry::Ended { event }) => self.on_event(id, &event)?,
                Some(Entry::Waiting { checkpoint }) => drop(all.push_checkpoint(&checkpoint)),
                Some(Entry::New) | None => drop(all.push(id)),
            }
        }
        if let Some(resume) = &mut self.resume {
            resume.change();
        }
        self.save(all, true);
        Ok(())
    }

    /// Returns the signal that ended it, if it was one.
    async fn watch(&mut self, all: &mut WatchAll, signals: &mut Signals) -> Result<Option<Exit>, Failure> {
        let mut ticks = interval(if self.report.has_screen() { DRAW_EVERY } else { SUMMARY_EVERY });
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.reset(); // the first line about all tasks comes later
        while !self.refused {
            let is_downloading = self.downloads.as_ref().is_some_and(|downloads| !downloads.is_idle());
            if all.is_empty() && !is_downloading {
                break;
            }
            let due = self.due();
            tokio::select! {
                Some((id, event)) = all.next(), if !all.is_empty() => {
                    self.on_event(&id, &event)?;
                    if let Some(resume) = &mut self.resume {
                        resume.change();
                    }
                }
                event = next_file(&mut self.downloads), if is_downloading => self.on_file(event)?,
                signal = signals.next() => return Ok(Some(signal)),
                _ = ticks.tick() => self.report.tick(&self.board),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
            self.save(all, false);
        }
        Ok(None)
    }

    fn on_event(&mut self, id: &TaskId, event: &StatusEvent) -> Result<(), Failure> {
        self.board.on_event(id, event);
        let is_first = self.seen.insert(id.clone());
        if let Some(outcome) = event.outcome() {
            self.remember(id, event);
            match outcome {
                Ok(task) => self.on_result(id, event, &task)?,
                Err(error) => {
                    self.board.end(id, Exit::of(&error));
                    self.refused = self.refused || Exit::of(&error) == Exit::Refused;
                    self.report.event(id, event, is_first)?;
                }
            }
        } else {
            self.report.event(id, event, is_first)?;
        }
        // For many tasks, the next tick does.
        if self.report.has_screen() && self.board.len() <= DRAWN_AT_ONCE {
            self.report.tick(&self.board);
        }
        Ok(())
    }

    /// Keeps what the same command needs to go on.
    fn remember(&mut self, id: &TaskId, event: &StatusEvent) {
        let Some(resume) = &mut self.resume else { return };
        let entry = match event.outcome() {
            Some(Err(error)) if error.kind() == ErrorKind::Config => return, // it says nothing about the task
            // Another wait may find more.
            Some(Err(error)) if error.kind() != ErrorKind::TaskFailed => Entry::New,
            _ => Entry::Ended { event: event.clone() },
        };
        resume.set(id, entry);
    }

    fn on_result(&mut self, id: &TaskId, event: &StatusEvent, task: &Task) -> Result<(), Failure> {
        let Some(downloads) = &mut self.downloads else {
            self.board.end(id, Exit::Results);
            self.report.event(id, event, false)?;
            return task.result_urls().iter().try_for_each(|url| self.report.url(url));
        };
        self.report.event(id, event, false)?;
        let kept = self.resume.as_ref().map(|resume| resume.files(id)).unwrap_or_default();
        for event in task.result_urls().iter().filter_map(|url| kept.get(url)) {
            self.report.kept(id, event)?;
        }
        if downloads.push(task, |url| !kept.contains_key(url)) {
            self.board.start_download(id);
        } else {
            self.board.end(id, Exit::Results);
        }
        Ok(())
    }

    fn on_file(&mut self, (id, event): FileEvent) -> Result<(), Failure> {
        let Some(event) = event else {
            self.board.end(&id, Exit::Results);
            return Ok(());
        };
        self.board.on_file(&id, &event);
        if let Some(resume) = &mut self.resume {
            match &event {
                DownloadEvent::Kept { url, .. } => resume.keep(&id, url, &event),
                // Another record may name another link.
                DownloadEvent::Failed { error, .. } if error.kind() == ErrorKind::Expired => {
                    resume.set(&id, Entry::New);
                }
                _ => {}
            }
        }
        self.report.file(&id, &event)
    }

    /// When a file has to be written.
    fn due(&mut self) -> Option<Instant> {
        let resume = self.resume.as_ref().and_then(ResumeFile::due);
        let learn = self.learn.as_mut().and_then(LearnFile::due);
        resume.into_iter().chain(learn).min()
    }

    /// Writes the files that have changed: if it is time, or now.
    fn save(&mut self, all: &WatchAll, now: bool) {
        let now_or_due = |due: Option<Instant>| due.is_some_and(|due| now || due <= Instant::now());
        let resume = self.resume.as_mut().filter(|resume| now_or_due(resume.due()));
        let resume = resume.and_then(|resume| resume.save(all.checkpoints().collect::<Vec<Checkpoint>>()));
        let learn = self.learn.as_mut().and_then(|learn| if now_or_due(learn.due()) { learn.save() } else { None });
        for error in resume.into_iter().chain(learn) {
            self.report.note(&format!("error: {error}; it is tried again"));
        }
    }

    /// Says what is unfinished, and returns the exit code.
    fn conclude(&self, exit: Exit) -> Exit {
        let failed = self.resume.as_ref().is_some_and(ResumeFile::has_failed)
            || self.learn.as_ref().is_some_and(LearnFile::has_failed);
        let unfinished = self.board.unfinished();
        if !unfinished.is_empty() {
            let Job { name, arguments, download } = &self.job;
            self.report.advice(&go_on::advice(name, arguments, download.as_deref(), &unfinished, self.refused));
        }
        if failed { exit.and(Exit::File) } else { exit }
    }
}

async fn next_file(downloads: &mut Option<Downloads>) -> FileEvent {
    match downloads {
        Some(downloads) => downloads.next().await,
        None => std::future::pending().await,
    }
}

//! `watch` and `wait`: from the command line to the loop.

use std::io;
use std::time::Duration;

use luma_watch::{History, Schedule, TaskId};

use crate::args::{Job, WatchArgs};
use crate::connect;
use crate::download::Downloads;
use crate::exit::Exit;
use crate::ids;
use crate::learn::{self, LearnFile};
use crate::log;
use crate::output::Failure;
use crate::report::Report;
use crate::resume::ResumeFile;
use crate::run::Run;
use crate::signals::Signals;
use crate::units::Limit;

/// Watches tasks up to their end.
pub(crate) async fn wait(job: Job) -> Result<Exit, Failure> {
    let arguments = &job.arguments;
    log::start(arguments.gateway.verbose);
    let learn = arguments.learn.as_deref().map(LearnFile::open).transpose()?;
    let history = arguments.history.as_deref().map(learn::read).transpose()?;
    let client = connect::client(&arguments.gateway, schedule(arguments, learn.as_ref()))?;
    let mut resume = arguments.resume.as_deref().map(ResumeFile::read).transpose()?;
    let ids = ids(&job, resume.as_ref())?;
    resume.as_mut().map_or(Ok(()), ResumeFile::check)?;
    let downloads = job.download.clone().map(|folder| Downloads::open(client.clone(), folder)).transpose()?;
    // After stdin was read: until then, Ctrl-C ends the process by itself.
    let signals = Signals::new();
    let mut signals =
        signals.map_err(|error| Failure::new(Exit::File, format!("no signal can be received: {error}")))?;

    let expected = learn.as_ref().map(LearnFile::history).or(history.as_ref()).and_then(usual_time);
    let report = Report::new(&arguments.gateway, job.name == "watch", ids.len(), expected);
    let all = client.watch_all(Vec::<TaskId>::new());
    Run::new(job, &ids, (resume, learn), report, downloads).run(&ids, all, &mut signals).await
}

/// The ids of the command line, or else those in the resume file.
fn ids(job: &Job, resume: Option<&ResumeFile>) -> Result<Vec<TaskId>, Failure> {
    let mut ids = ids::collect(&job.arguments.gateway.ids, io::stdin())?;
    if let Some(resume) = resume.filter(|_| ids.is_empty()) {
        ids.extend(resume.ids().cloned());
    }
    if ids.is_empty() { Err(ids::missing(job.name)) } else { Ok(ids) }
}

fn schedule(arguments: &WatchArgs, learn: Option<&LearnFile>) -> Schedule {
    let schedule = match (learn, arguments.every) {
        (Some(learn), _) => Schedule::learned(learn.history()),
        (None, Some(interval)) => Schedule::every(interval),
        (None, None) => Schedule::default(),
    };
    match arguments.max_wait {
        Some(Limit::After(time)) => schedule.max_wait(time),
        Some(Limit::Never) => schedule.no_max_wait(),
        None => schedule,
    }
}

/// How long tasks usually take: half of them take no longer.
fn usual_time(history: &History) -> Option<Duration> {
    history.quantile(0.5)
}

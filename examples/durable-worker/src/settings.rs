//! The settings, from the environment.

use std::env;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use luma_watch::{Client, Schedule};

use crate::BoxError;
use crate::cluster::Cluster;

/// A variable, read. `None` if it is not set, or empty.
pub fn variable<T: FromStr<Err: Display>>(name: &str) -> Result<Option<T>, BoxError> {
    match env::var(name) {
        Ok(text) if !text.is_empty() => {
            text.parse().map(Some).map_err(|error| format!("{name} is {text:?}: {error}").into())
        }
        _ => Ok(None),
    }
}

/// `DATABASE_URL`, or a cluster of its own in the folder for temporary files. The cluster keeps running for the next command.
pub fn database_url() -> Result<String, BoxError> {
    if let Some(url) = variable("DATABASE_URL")? {
        return Ok(url);
    }
    let folder = env::temp_dir().join("durable-worker");
    let url = Cluster::start(&folder)?.url();
    tracing::info!("DATABASE_URL is not set: the database is a cluster in {}", folder.display());
    Ok(url)
}

/// `APIKLEY_API_KEY`, `APIKLEY_BASE_URL`, and the schedule.
pub fn client() -> Result<Client, BoxError> {
    let mut schedule = match variable("CALLBACK_ADDRESS")?.map(|_: String| ()) {
        Some(()) => Schedule::expecting_callback(),
        None => Schedule::default(),
    };
    if let Some(seconds) = variable("POLL_EVERY")? {
        schedule = Schedule::every(Duration::try_from_secs_f64(seconds)?);
    }
    if let Some(seconds) = variable("MAX_WAIT")? {
        schedule = schedule.max_wait(Duration::try_from_secs_f64(seconds)?);
    }
    Ok(Client::from_env()?.with_schedule(schedule)?)
}

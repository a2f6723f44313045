//! Waits for Luma tasks in many processes, on many machines, across restarts. README.md says how it works and how to run it.

mod callback;
mod cluster;
mod db;
mod drill;
mod job;
mod pace;
mod settings;
mod speed;
mod worker;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

type BoxError = Box<dyn Error + Send + Sync>;

const USAGE: &str = "usage: durable-worker COMMAND
  work                     polls the tasks, until SIGTERM or Ctrl-C
  enqueue ID…              begins to wait for these tasks
  status                   counts, and the latest outcomes
  limit REQUESTS SECONDS   sets the limit of requests that all workers share
  migrate                  creates the tables; `work` does so too
  drill [--short]          kills workers and the database, and checks that nothing is lost
  speed                    measures polls per second
The settings are variables of the environment: README.md lists them.";

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,durable_worker=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[&str]) -> Result<(), BoxError> {
    match arguments {
        ["work"] => worker::run().await,
        ["enqueue", ids @ ..] if !ids.is_empty() => enqueue(ids).await,
        ["status"] => status().await,
        ["limit", requests, seconds] => {
            let (requests, period) = (requests.parse()?, Duration::try_from_secs_f64(seconds.parse()?)?);
            if requests < 2 {
                return Err(
                    "the limit must be 2 requests or more: one is kept free for a request that is sent again".into()
                );
            }
            let pool = db::pool(&settings::database_url()?)?;
            db::migrate(&pool).await?;
            Ok(pace::set(&pool, requests, period).await?)
        }
        ["migrate"] => db::migrate(&db::pool(&settings::database_url()?)?).await,
        ["drill"] => drill::run(&drill::FULL).await,
        ["drill", "--short"] => drill::run(&drill::SHORT).await,
        ["speed"] => speed::run().await,
        _ => Err(USAGE.into()),
    }
}

async fn enqueue(ids: &[&str]) -> Result<(), BoxError> {
    let client = settings::client()?;
    let pool = db::pool(&settings::database_url()?)?;
    db::migrate(&pool).await?;
    for id in ids {
        let is_new = db::enqueue_one(&pool, &client, id).await?;
        println!("{id}: {}", if is_new { "enqueued" } else { "is known already" });
    }
    Ok(())
}

async fn status() -> Result<(), BoxError> {
    let pool = db::pool(&settings::database_url()?)?;
    db::migrate(&pool).await?;
    let counts = db::counts(&pool).await?;
    println!(
        "waiting: {}, of them due: {}; ended: {}; workers: {}; retired jobs: {}",
        counts.waiting, counts.due, counts.ended, counts.workers, counts.retired
    );
    for (id, event) in db::latest_outcomes(&pool, 10).await? {
        println!("{id}: {event}");
    }
    Ok(())
}

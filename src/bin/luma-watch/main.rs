//! The command `luma-watch`: asks for the status of tasks, watches them, and waits for their results.
//!
//! The guide page `command_line` describes it. Each file beside this one holds one part.

mod args;
mod ask;
mod board;
mod connect;
mod describe;
mod download;
mod exit;
mod go_on;
mod ids;
mod learn;
mod lines;
mod log;
mod output;
mod pages;
mod report;
mod resume;
mod row;
mod run;
mod saved_file;
mod screen;
mod signals;
mod simulate;
mod units;
mod wait;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use args::{Arguments, Job, Subcommand};
use exit::Exit;
use output::Failure;

/// Disks have this time at the end. The look-up of a host name, which can take much longer, is not waited for.
const SHUTDOWN: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let arguments = Arguments::parse(); // a wrong command line ends here, with exit code 2
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(dispatch(arguments.subcommand));
            runtime.shutdown_timeout(SHUTDOWN);
            result
        }
        Err(error) => Err(Failure::new(Exit::File, format!("the program cannot start: {error}"))),
    };
    let exit = result.unwrap_or_else(|failure| {
        if let Some(message) = &failure.message {
            output::note(&format!("error: {message}"));
        }
        failure.exit
    });
    ExitCode::from(exit.code())
}

async fn dispatch(subcommand: Subcommand) -> Result<Exit, Failure> {
    match subcommand {
        Subcommand::Status(status) => ask::status(&status).await,
        Subcommand::Watch(arguments) => wait::wait(Job { name: "watch", arguments, download: None }).await,
        Subcommand::Wait(wait) => {
            wait::wait(Job { name: "wait", arguments: wait.watch, download: wait.download }).await
        }
        Subcommand::Simulate(simulate) => simulate::simulate(&simulate).await,
        Subcommand::Completions { shell } => pages::completions(shell),
        Subcommand::Man => pages::man(),
    }
}

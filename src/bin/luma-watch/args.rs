//! The command line.
#![allow(clippy::doc_markdown)] // these docs are the text of --help

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser};
use clap_complete::Shell;
use luma_watch::RateLimit;

use crate::exit;
use crate::units::{self, Limit};

/// Wait for Luma video tasks on the Apikley gateway
///
/// You create a task with the gateway's API. This command waits until it has ended, and prints the URLs of its result.
/// The API key comes from the environment variable APIKLEY_API_KEY, or from a file (--key-file).
#[derive(Debug, Parser)]
#[command(name = "luma-watch", version, arg_required_else_help = true, after_help = exit::HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) subcommand: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Subcommand {
    /// Ask once for the status of tasks
    #[command(after_help = exit::HELP)]
    Status(StatusArgs),
    /// Watch tasks up to their end, and print each event
    #[command(after_help = exit::HELP)]
    Watch(WatchArgs),
    /// Wait for the results of tasks, and print their URLs, or download them
    #[command(after_help = exit::HELP)]
    Wait(WaitArgs),
    /// Start a simulated gateway on this machine, to try the other commands without a key
    Simulate(SimulateArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the man page
    Man,
}

/// What every command needs that asks the gateway.
#[derive(Args, Clone, Debug)]
pub(crate) struct GatewayArgs {
    /// The ids of the tasks; `-` reads ids from stdin, separated by white space
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Read the API key from this file, instead of APIKLEY_API_KEY
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Send at most this number of requests in this time, for example 20/10s [default: no limit]
    #[arg(long, value_name = "N/TIME", value_parser = units::rate)]
    pub(crate) rate: Option<RateLimit>,
    /// Print JSON to stdout, one object per line
    #[arg(long)]
    pub(crate) json: bool,
    /// Print results and errors only
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Print what the library logs to stderr; -vv for each poll
    #[arg(long, short, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) gateway: GatewayArgs,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    pub(crate) gateway: GatewayArgs,
    /// Poll each task this often, for example 10s [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = units::duration, conflicts_with = "learn")]
    pub(crate) every: Option<Duration>,
    /// Stop waiting after this time, for example 25m; `none` for no limit [default: 15m]
    #[arg(long, value_name = "TIME", value_parser = units::limit)]
    pub(crate) max_wait: Option<Limit>,
    /// Learn from each task when to poll: read this file at the start, and write it when tasks end
    #[arg(long, value_name = "FILE")]
    pub(crate) learn: Option<PathBuf>,
    /// Show how long tasks usually take, according to a file that --learn has written
    #[arg(long, value_name = "FILE", conflicts_with = "learn")]
    pub(crate) history: Option<PathBuf>,
    /// Keep the state of the wait in this file: the same command goes on from it
    #[arg(long, value_name = "FILE")]
    pub(crate) resume: Option<PathBuf>,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct WaitArgs {
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
    /// Download the results into this folder, and print the paths of the files instead of their URLs
    #[arg(long, value_name = "DIR")]
    pub(crate) download: Option<PathBuf>,
}

/// What `watch` or `wait` is asked for.
#[derive(Debug)]
pub(crate) struct Job {
    /// The subcommand.
    pub(crate) name: &'static str,
    pub(crate) arguments: WatchArgs,
    pub(crate) download: Option<PathBuf>,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct SimulateArgs {
    /// The port to listen on; 0 for any free one
    #[arg(long, default_value_t = 8765)]
    pub(crate) port: u16,
    /// How long an example task takes
    #[arg(long, value_name = "TIME", value_parser = units::duration, default_value = "30s")]
    pub(crate) duration: Duration,
}

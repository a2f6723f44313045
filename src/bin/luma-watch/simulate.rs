//! `simulate`: a gateway on this machine, with a few tasks that end in different ways.

use std::io::ErrorKind;
use std::time::Duration;

use luma_watch::Status;
use luma_watch::simulator::{SimulatedTask, Simulator};

use crate::args::SimulateArgs;
use crate::exit::Exit;
use crate::output::{self, Failure};
use crate::signals::Signals;
use crate::units::{spoken, written};

/// Starts the gateway, says how to reach it, and serves until Ctrl-C.
pub(crate) async fn simulate(arguments: &SimulateArgs) -> Result<Exit, Failure> {
    let simulator = Simulator::new();
    let server = simulator.serve_on(arguments.port).await.map_err(|error| {
        let hint = match error.kind() {
            ErrorKind::AddrInUse => "; name another one with --port, or 0 for any free one",
            _ => "",
        };
        Failure::usage(format!("the port {} cannot be opened: {error}{hint}", arguments.port))
    })?;
    let signals = Signals::new();
    let mut signals =
        signals.map_err(|error| Failure::new(Exit::File, format!("no signal can be received: {error}")))?;
    let time = arguments.duration;
    let tasks = tasks(time);
    let list: Vec<_> = tasks.iter().map(|(id, _, fate)| format!("  {id:<14}  {fate}")).collect();
    for (id, task, _) in tasks {
        simulator.add_as(id, task);
    }
    // A poll every 30 s would miss tasks of a few seconds.
    let every = written((time.div_f64(10.0)).clamp(Duration::from_millis(100), Duration::from_secs(30)));
    output::line(&format!(
        "A simulated gateway runs at {url}, until you press Ctrl-C.

In another terminal:

  export APIKLEY_BASE_URL={url}
  export APIKLEY_API_KEY=test-key
  luma-watch wait sim-ok --every {every}

The tasks, which begin now and take {takes}:

{list}",
        url = server.url(),
        takes = spoken(time),
        list = list.join("\n"),
    ))?;
    signals.next().await;
    Ok(Exit::Results)
}

/// Each with its id, and how it ends.
fn tasks(time: Duration) -> [(&'static str, SimulatedTask, &'static str); 6] {
    let task = || SimulatedTask::new().generates_for(time);
    let later = time.saturating_mul(2);
    let dark = task().ends_with(Status::GenerateFailed).error(400, "The video is too dark.");
    [
        ("sim-ok", task(), "succeeds"),
        ("sim-slow", task().generates_for(later), "succeeds after twice the time"),
        (
            "sim-callback",
            task().ends_with(Status::CallbackFailed),
            "succeeds; the gateway could not deliver its callback",
        ),
        ("sim-failed", dark, "fails"),
        ("sim-empty", task().result_urls([""; 0]), "succeeds, but has no result"),
        ("sim-endless", SimulatedTask::new().never_ends(), "does not end"),
    ]
}

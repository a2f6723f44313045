//! An outage is a few lines above debug, however many watches it concerns.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::select_all;
use luma_watch::Client;
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use tokio::time::{sleep, timeout};
use tracing::Level;

use crate::subscriber::{install, watches_of};

#[tokio::test(start_paused = true)]
async fn outage_logs_one_line_per_minute() {
    install();
    let simulator = Simulator::new();
    let ids: Vec<_> = (0..200).map(|task| format!("outage-{task}")).collect();
    for id in &ids {
        simulator.add_as(id.as_str(), SimulatedTask::new().never_ends());
    }
    let client = Client::builder("test-key").simulator(&simulator).build().unwrap();
    let outage = async {
        sleep(Duration::from_secs(70)).await;
        simulator.inject(Fault::status(502).always());
        sleep(Duration::from_secs(360)).await;
        simulator.clear_faults();
    };
    let watching =
        timeout(Duration::from_secs(500), select_all(ids.iter().map(|id| client.watch(id.as_str()))).count());
    assert!(tokio::join!(watching, outage).0.is_err());
    let events = ids.iter().flat_map(|id| watches_of(id)).flat_map(|watch| watch.events);
    let mut lines: Vec<_> =
        events.filter(|(level, _)| *level <= Level::INFO).map(|(level, fields)| (level, fields.0)).collect();
    lines.retain(|(_, fields)| fields["message"] != "watch ended"); // they are dropped
    let count =
        |level, message| lines.iter().filter(|(of, fields)| *of == level && fields["message"] == message).count();
    assert_eq!(count(Level::WARN, "poll failed"), 1, "{lines:?}");
    assert_eq!(count(Level::WARN, "polls of this client still fail"), 5, "{lines:?}");
    assert_eq!(count(Level::INFO, "polls of this client succeed again"), 1, "{lines:?}");
    assert_eq!(lines.len(), 7, "{lines:?}");
    let failed = lines.iter().filter_map(|(_, fields)| fields.get("failed")?.parse::<u32>().ok()).max().unwrap();
    assert!((2_000..3_000).contains(&failed), "{failed}");
}

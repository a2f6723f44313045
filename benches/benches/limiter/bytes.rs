//! The heap bytes of a watch that waits for its permit, beside an idle one. All in one `SelectAll`, over HTTP.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::SelectAll;
use luma_watch::{Client, RateLimit, Schedule};
use luma_watch_benches::gateway::plain::Gateway;
use luma_watch_benches::hand_loop::KEY;
use tokio::time::timeout;

use super::{ALLOCATOR, figure};

const VARIANTS: [&str; 2] = ["idle", "queued"];
/// Longer than the measurement.
const DAY: Duration = Duration::from_hours(24);

/// The heap bytes of all watches together.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(variant: &str, count: usize) -> usize {
    let gateway = Gateway::start();
    let builder = Client::builder(KEY).base_url(gateway.url()).schedule(Schedule::every(365 * DAY).no_max_wait());
    let client = match variant {
        "idle" => builder,
        // The first watch takes the only permit of the day.
        "queued" => builder.rate_limit(RateLimit::per(1, DAY)),
        other => panic!("no variant {other}: there are {VARIANTS:?}"),
    };
    let client = client.build().unwrap();
    let mut all = SelectAll::new();
    all.push(client.watch(format!("{:032x}", usize::MAX)));
    assert!(all.next().await.is_some());
    let before = heap();
    for number in 0..count {
        all.push(client.watch(format!("{number:032x}")));
        let event = if variant == "idle" { all.next().await.is_some() } else { futures::poll!(all.next()).is_ready() };
        assert_eq!(event, variant == "idle");
    }
    // Only this starts the pause of the last idle one.
    assert!(timeout(Duration::from_millis(50), all.next()).await.is_err());
    heap().saturating_sub(before)
}

fn heap() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

pub(crate) fn compare(in_full: bool) {
    println!("heap bytes per watch:");
    let counts: &[usize] = if in_full { &[10_000, 100_000] } else { &[500] };
    for count in counts {
        let [idle, queued] = VARIANTS.map(|variant| figure(&["bytes", variant, &count.to_string()]) / *count as f64);
        println!("{count:7} watches: idle {idle:.0}, queued {queued:.0}");
    }
}

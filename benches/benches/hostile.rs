//! What it costs to read bodies that are made to be expensive, beside `serde_json` reading the same bytes as a value.
//!
//! `hostile` prints, for bodies of 128 KB and of 1 MB, the microseconds per KB of both and their ratio. A cost that grows faster than
//! the body shows as a second line that is much higher than the first.

use std::time::{Duration, Instant};

use luma_watch::Client;
use luma_watch::simulator::{Fault, SimulatedTask, Simulator};
use luma_watch_benches::command_line::{self, CommandLine};
use serde_json::Value;

/// This piece again and again, `#` being its number, up to this length.
fn many(piece: &str, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes);
    for number in 0.. {
        let piece = piece.replace('#', &number.to_string());
        if text.len() + piece.len() + 1 > bytes {
            break;
        }
        text.push_str(if number > 0 { "," } else { "" });
        text.push_str(&piece);
    }
    text
}

/// A name, and the fields of a record.
fn shapes(bytes: usize) -> [(&'static str, String); 6] {
    let (half, whole) = (bytes / 2, bytes - 1_000);
    [
        (
            "results and sources",
            format!(
                r#""resultUrls":[{}],"originUrls":[{}]"#,
                many(r#""https://f/#""#, half),
                many(r#""https://g/#""#, half)
            ),
        ),
        ("keys", many(r#""k#":0"#, whole)),
        ("keys of one meaning", many(r#""r_e_s_u_l_t_U_r_l_s":[]"#, whole)),
        ("lists in lists", format!(r#""resultUrls":{}"#, ["[".repeat(half - 500), "]".repeat(half - 500)].concat())),
        ("objects as text", format!(r#""response":[{}]"#, many(r#""{\"url\":\"https://f/#\"}""#, whole))),
        ("escapes", format!(r#""errorMessage":"{}""#, r"\u0041\n\\".repeat(whole / 10))),
    ]
}

/// The shortest time of three, by the real clock.
#[allow(clippy::disallowed_methods)]
fn best(mut read: impl FnMut()) -> Duration {
    let times = (0..3).map(|_| {
        let start = Instant::now();
        read();
        start.elapsed()
    });
    times.min().unwrap_or_default()
}

fn main() {
    let Some(CommandLine { in_full, .. }) = command_line::read() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let simulator = Simulator::new();
    simulator.add_as("t", SimulatedTask::new());
    let client = Client::builder("test-key").simulator(&simulator).build().unwrap();
    let lengths: &[usize] = if in_full { &[128_000, 1_000_000] } else { &[16_000] };
    println!("{:<20} {:>8} {:>10} {:>12} {:>6}", "shape", "bytes", "us per KB", "serde_json", "ratio");
    for (shape, _) in shapes(4_000) {
        for bytes in lengths {
            let (_, fields) = shapes(*bytes).into_iter().find(|(name, _)| *name == shape).unwrap();
            let body = format!(r#"{{"code":200,"data":{{"taskId":"t","successFlag":1,{fields}}}}}"#);
            simulator.clear_faults();
            simulator.inject(Fault::body(body.clone()).always());
            let ours = best(|| drop(runtime.block_on(client.status("t"))));
            let parse = best(|| drop(serde_json::from_str::<Value>(&body)));
            let per_kb = |time: Duration| time.as_secs_f64() * 1e9 / body.len() as f64;
            let ratio = ours.as_secs_f64() / parse.as_secs_f64();
            println!("{shape:<20} {:>8} {:>10.2} {:>12.2} {ratio:>6.2}", body.len(), per_kb(ours), per_kb(parse));
        }
    }
}

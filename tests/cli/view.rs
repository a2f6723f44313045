use crate::support::*;
use crate::terminal::Terminal;
use luma_watch::{
    Status,
    simulator::{Fault, SimulatedTask},
};
use std::time::Duration;
#[tokio::test(flavor = "multi_thread")]
async fn view() {
    let g = Gateway::start().await;
    let s = &g.simulator;
    let t = |s: f64| SimulatedTask::new().generates_for(Duration::from_secs_f64(s));
    s.add_as("774d9a7dd608a0e49293903095e45a4c", t(3.0));
    s.add_as(
        "8f2b77a1c0de4f6f9f1c2a3b4c5d6e7f",
        t(1.2).ends_with(Status::GenerateFailed).error(400, "The video is too dark."),
    );
    s.add_as("c0ffee00c0ffee00c0ffee00c0ffee00", t(2.0));
    s.inject(Fault::status(502).only("c0ffee00c0ffee00c0ffee00c0ffee00").times(1));
    let h = Folder::new();
    let hist: luma_watch::History = (0..30).map(|i| Duration::from_millis(2500 + i * 50)).collect();
    std::fs::write(h.file("h"), serde_json::to_vec(&hist).unwrap()).unwrap();
    let line = std::env::var("LINE").unwrap_or("wait 774d9a7dd608a0e49293903095e45a4c 8f2b77a1c0de4f6f9f1c2a3b4c5d6e7f c0ffee00c0ffee00c0ffee00c0ffee00 --every 1s".into()).replace("HIST", &h.file("h"));
    let cols = std::env::var("COLS").ok().and_then(|c| c.parse().ok()).unwrap_or(80);
    let term = Terminal::start(&g, &line, 24, cols, &[]);
    let mut last = String::new();
    let start = std::time::Instant::now();
    while start.elapsed() < Duration::from_millis(4200) {
        let now = term.screen();
        if now != last {
            println!("==== {:?}\n{now}", start.elapsed());
            last = now;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let n = term.bytes().len();
    println!("bytes {n}");
    let mut term = term;
    if std::env::var_os("INT").is_some() {
        term.press("\x03");
    }
    let (code, screen) = term.end().await;
    println!("==== end {code}\n{screen}");
}

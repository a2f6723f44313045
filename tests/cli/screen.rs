//! What a person sees on a terminal.

use std::fs;
use std::time::Duration;

use luma_watch::simulator::{Fault, SimulatedTask};
use luma_watch::{History, Status};

use crate::support::{Folder, Gateway, assert_snapshot};
use crate::terminal::Terminal;

const ID: &str = "774d9a7dd608a0e49293903095e45a4c";
const OTHER: &str = "8f2b77a1c0de4f6f9f1c2a3b4c5d6e7f";

fn task(milliseconds: u64) -> SimulatedTask {
    SimulatedTask::new().generates_for(Duration::from_millis(milliseconds))
}

fn dark(milliseconds: u64) -> SimulatedTask {
    task(milliseconds).ends_with(Status::GenerateFailed).error(400, "The video is too dark.")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_task_has_a_line_until_it_ends() {
    let gateway = Gateway::start().await;
    gateway.simulator.add_as(ID, SimulatedTask::new().never_ends());
    gateway.simulator.add_as(OTHER, SimulatedTask::new().never_ends());
    let terminal = Terminal::start(&gateway, &format!("wait {ID} {OTHER} --every 1s"), 24, 80, &[]);
    let both = terminal.wait_for(|screen| screen.matches("0:01  next poll in   1s  GENERATING").count() == 2).await;
    assert_snapshot("screen-waiting", &both);

    gateway.simulator.add_as(OTHER, dark(0));
    let one = terminal.wait_for(|screen| screen.contains("1 of 2 tasks have ended")).await;
    let lines: Vec<_> = one.lines().collect();
    assert_eq!(lines.len(), 4, "{one}"); // the failure takes two rows of 80 columns
    assert!(lines[2].starts_with(ID) && lines[3] == "1 of 2 tasks have ended, 1 of them without a result", "{one}");

    gateway.simulator.add_as(ID, task(0));
    let (code, end) = terminal.end().await;
    assert_eq!(code, 1);
    assert_snapshot("screen-end", &gateway.without_port(&end));
}

#[tokio::test(flavor = "multi_thread")]
async fn bar_follows_the_history() {
    let gateway = Gateway::start().await;
    let folder = Folder::new();
    let history: History = (0..30).map(|_| Duration::from_secs(300)).collect();
    fs::write(folder.file("history"), serde_json::to_vec(&history).unwrap()).unwrap();
    gateway.simulator.speed(100); // it began 100 times longer ago than this test
    gateway.simulator.add_as(ID, SimulatedTask::new().never_ends());
    let line = format!("wait {ID} --every 10m --max-wait none --history {}", folder.file("history"));
    let mut terminal = Terminal::start(&gateway, &line, 24, 110, &[]);
    let screen = terminal.wait_for(|screen| screen.contains("next poll in")).await;
    assert!(screen.starts_with(&format!("{ID}  [")) && screen.contains("of about 5:0"), "{screen}");
    assert!(screen.contains("next poll in 600s  GENERATING") || screen.contains("next poll in 599s"), "{screen}");
    terminal.press("\x03");
    assert_eq!(terminal.end().await.0, 130);
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_leaves_nothing_behind_but_the_advice() {
    let gateway = Gateway::start().await;
    gateway.simulator.add_as("a", SimulatedTask::new().never_ends());
    gateway.simulator.add_as("longer", SimulatedTask::new().never_ends());
    let mut terminal = Terminal::start(&gateway, "wait a longer --every 1m", 24, 80, &[]);
    let screen = terminal.wait_for(|screen| screen.matches("next poll in").count() == 2).await;
    let columns: Vec<_> = screen.lines().take(2).map(|line| line.find("0:0").unwrap()).collect();
    assert_eq!(columns, [8, 8], "the ids have a column: {screen}");
    terminal.press("\x03");
    let (code, screen) = terminal.end().await;
    assert_eq!(code, 130);
    assert_snapshot("screen-interrupted", &screen);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_are_counted_below_a_few_lines() {
    let gateway = Gateway::start().await;
    let ids: Vec<_> = (10..50).map(|number| format!("task-{number}")).collect();
    for id in &ids {
        gateway.simulator.add_as(id.as_str(), SimulatedTask::new().never_ends());
    }
    let line = format!("wait {} --every 1m", ids.join(" "));
    for (rows, shown) in [(24, 10), (8, 4), (3, 1)] {
        let mut terminal = Terminal::start(&gateway, &line, rows, 80, &[]);
        let screen = terminal.wait_for(|screen| screen.matches("next poll in").count() == shown).await;
        assert_eq!(screen.lines().count(), shown + 1, "{screen}");
        let more = format!("0 of 40 tasks have ended; {} more are not shown", 40 - shown);
        assert_eq!(screen.lines().last(), Some(more.as_str()));
        terminal.press("\x03");
        assert_eq!(terminal.end().await.0, 130);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn narrow_terminal_has_one_row_for_each_task() {
    let gateway = Gateway::start().await;
    gateway.simulator.add_as(ID, SimulatedTask::new().never_ends());
    gateway.simulator.add_as(OTHER, SimulatedTask::new().never_ends());
    gateway.simulator.inject(Fault::status(502).only(OTHER));
    for cols in [60, 44, 30, 10] {
        let line = format!("wait {ID} {OTHER} --every 1m");
        let mut terminal = Terminal::start(&gateway, &line, 24, cols, &[]);
        let screen = terminal.wait_for(|screen| screen.lines().count() == 3).await;
        assert!(screen.starts_with("774d9a7"), "{screen}");
        assert!(screen.lines().all(|line| line.chars().count() < usize::from(cols)), "{screen}");
        terminal.press("\x03");
        assert_eq!(terminal.end().await.0, 130);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn resized_terminal_gets_lines_of_the_new_width() {
    let gateway = Gateway::start().await;
    gateway.simulator.add_as(ID, SimulatedTask::new().never_ends());
    let mut terminal = Terminal::start(&gateway, &format!("wait {ID} --every 1m"), 24, 80, &[]);
    terminal.wait_for(|screen| screen.contains(&format!("{ID}  0:01"))).await;
    terminal.resize(24, 40);
    let narrow = terminal.wait_for(|screen| screen.contains('…')).await;
    assert_eq!(narrow.lines().count(), 1, "{narrow}");
    terminal.press("\x03");
    assert_eq!(terminal.end().await.0, 130);
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_prints_each_event_above_the_lines() {
    let gateway = Gateway::start().await;
    gateway.simulator.add_as("a", task(2600));
    gateway.simulator.add_as("b", SimulatedTask::new().never_ends());
    let mut terminal = Terminal::start(&gateway, "watch a b --every 1s", 24, 100, &[]);
    let screen =
        terminal.wait_for(|screen| screen.contains("SUCCESS") && screen.ends_with("1 of 2 tasks have ended")).await;
    let events = screen.matches("task a: GENERATING, next poll in 1 s").count();
    assert!(events >= 2, "{screen}");
    let end = format!("task a: SUCCESS, generated in 3 s {}", gateway.line("a"));
    assert!(screen.contains(&end), "{screen}");
    terminal.press("\x03");
    assert_eq!(terminal.end().await.0, 130);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_have_colors_unless_no_color_is_set() {
    let gateway = Gateway::start().await;
    for (variables, has_colors) in
        [(&[][..], true), (&[("NO_COLOR", "1")][..], false), (&[("TERM", "dumb")][..], false)]
    {
        let terminal = Terminal::start(&gateway, "wait --evry", 24, 80, variables);
        terminal.wait_for(|screen| screen.contains("For more information")).await;
        let bytes = terminal.bytes();
        assert_eq!(bytes.contains(&0x1b), has_colors, "{variables:?}: {:?}", String::from_utf8_lossy(&bytes));
        assert_eq!(terminal.end().await.0, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn terminal_without_a_cursor_gets_plain_lines() {
    let gateway = Gateway::start().await;
    gateway.simulator.add_as("a", task(700));
    for (line, variables) in [("wait a --every 500ms", &[("TERM", "dumb")][..]), ("wait a --every 500ms --quiet", &[])]
    {
        let terminal = Terminal::start(&gateway, line, 24, 80, variables);
        terminal.wait_for(|screen| screen.contains(gateway.line("a").trim_end())).await;
        assert!(!terminal.bytes().contains(&0x1b));
        assert_eq!(terminal.end().await.0, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_the_command_while_ids_are_typed() {
    let gateway = Gateway::start().await;
    let mut terminal = Terminal::start(&gateway, "wait -", 24, 80, &[]);
    terminal.press("774d9a7d\r");
    terminal.wait_for(|screen| screen.contains("774d9a7d")).await;
    tokio::time::sleep(Duration::from_millis(300)).await; // it reads on by now
    terminal.press("\x03");
    let (code, _) = terminal.end().await;
    assert_ne!(code, 0);
    assert!(gateway.simulator.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn download_has_a_line() {
    let gateway = Gateway::start().await;
    let folder = Folder::new();
    gateway.simulator.add_as("a", task(0));
    gateway.simulator.inject(Fault::stall().on_files());
    let line = format!("wait a --download {}", folder.file("videos"));
    let mut terminal = Terminal::start(&gateway, &line, 24, 80, &[]);
    let screen = terminal.wait_for(|screen| screen.contains("downloading")).await;
    assert_eq!(screen, "task a: SUCCESS, generated in 0 s\na  downloading …");
    terminal.press("\x03");
    let (code, screen) = terminal.end().await;
    assert_eq!(code, 130);
    assert!(screen.contains("1 task is unfinished: a\nTo go on: luma-watch wait a --download "), "{screen}");
}

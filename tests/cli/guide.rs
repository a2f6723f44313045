//! The guide's page about the command says what the command says.

use std::collections::BTreeSet;

use luma_watch::StatusEvent;
use serde_json::Value;

use crate::support::{ended, without_gateway};

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide/command_line.md"));

/// What stands in each code block of this language.
fn blocks(language: &str) -> Vec<&'static str> {
    let blocks = PAGE.split("```").skip(1).step_by(2);
    blocks.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n')).collect()
}

#[tokio::test]
async fn page_shows_the_help_of_wait() {
    let help = ended(without_gateway("wait --help")).await.stdout;
    assert!(blocks("text").contains(&help.as_str()), "paste the output of `luma-watch wait --help`:\n{help}");
}

#[tokio::test]
async fn page_lists_each_exit_code_of_the_help_and_their_order() {
    let help = ended(without_gateway("--help")).await.stdout;
    let (_, codes) = help.split_once("Exit codes:\n").unwrap();
    let (codes, order) = codes.split_once("\n\n").unwrap();
    for line in codes.lines() {
        let (code, meaning) = line.trim().split_once("  ").unwrap();
        assert!(PAGE.contains(&format!("\n| {code} | {meaning} |\n")), "{line}");
    }
    let (order, _) = order.split_once(". ").unwrap();
    assert!(PAGE.contains(order), "{order}");
}

#[tokio::test]
async fn page_lists_each_option_and_subcommand_of_the_help() {
    let help = ended(without_gateway("wait --help")).await.stdout;
    let (_, options) = help.split_once("Options:\n").unwrap();
    let (options, _) = options.split_once("\n\n").unwrap();
    let names = options.lines().filter_map(|line| Some(line.split_once("--")?.1.split([' ', '.']).next().unwrap()));
    let names: BTreeSet<_> = names.filter(|name| *name != "help").collect();
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `--")?.split([' ', '`']).next());
    assert_eq!(rows.collect::<BTreeSet<_>>(), names);

    let help = ended(without_gateway("--help")).await.stdout;
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let (commands, _) = commands.split_once("\n\n").unwrap();
    for command in commands.lines().filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help") {
        assert!(PAGE.contains(&format!("\n| `luma-watch {command}")), "{command}");
    }
}

#[test]
fn page_has_an_example_of_each_event() {
    let mut names = Vec::new();
    for line in blocks("json").iter().flat_map(|block| block.lines()) {
        let value: Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["task_id"], "774d9a7d");
        let name = value["event"].as_str().unwrap().to_owned();
        if let Ok(event) = serde_json::from_value::<StatusEvent>(value.clone()) {
            // Nothing is missing in the example, and nothing is too much.
            let mut again = serde_json::to_value(&event).unwrap();
            again["task_id"] = "774d9a7d".into();
            assert_eq!(again, value);
        }
        names.push(name);
    }
    let expected =
        "generating poll_failed held_back done gave_up started progress retrying kept failed status status_failed";
    assert_eq!(names.join(" "), expected);
}

//! `simulate`: a new user tries the command without a key.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;

use crate::support::{assert_snapshot, end_of, ended, normalised, signal, without_gateway};

#[tokio::test(flavor = "multi_thread")]
async fn printed_commands_work_as_they_are_printed() {
    let mut child = without_gateway("simulate --port 0 --duration 300ms").spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("sim-endless") {
        assert!(output.read_line(&mut text).unwrap() > 0, "it ended: {text}");
    }
    let url = text.split_whitespace().find(|word| word.starts_with("http://")).unwrap().trim_end_matches(',');
    assert_snapshot("simulate", &normalised(&text, &[(url, "URL")]));

    let variables: Vec<_> = text.lines().filter_map(|line| line.trim().strip_prefix("export ")).collect();
    let line = text.lines().find_map(|line| line.trim().strip_prefix("luma-watch ")).unwrap();
    let run = |line: &str| {
        let mut command = without_gateway(line);
        command.envs(variables.iter().map(|variable| variable.split_once('=').unwrap()));
        ended(command)
    };
    let ended = run(line).await;
    assert_eq!((ended.code, ended.stdout.lines().count()), (Some(0), 1), "{}", ended.stderr);
    for (id, code) in [("sim-slow", 0), ("sim-callback", 0), ("sim-failed", 1), ("sim-empty", 1), ("sim-endless", 3)] {
        let ended = run(&format!("wait {id} --every 100ms --max-wait 900ms")).await;
        assert_eq!(ended.code, Some(code), "{id}: {}", ended.stderr);
    }
    signal(&child, "INT");
    assert_eq!(end_of(child).await.code, Some(0));
}

#[tokio::test]
async fn port_that_is_taken_is_an_error_with_advice() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ended = ended(without_gateway(&format!("simulate --port {port}"))).await;
    assert_eq!(ended.code, Some(2));
    assert_snapshot("error-port", &normalised(&ended.shown(), &[(&port, "PORT")]));
}

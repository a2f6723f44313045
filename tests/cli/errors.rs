//! What a new user gets wrong, and what is said then.

use std::fs;

use crate::support::{Folder, Gateway, assert_snapshot, ended, ended_with_stdin, normalised, without_gateway};

#[tokio::test]
async fn first_call_without_a_key_says_where_it_comes_from() {
    for command in ["wait task", "watch task", "status task"] {
        let ended = ended(without_gateway(command)).await;
        assert_eq!(ended.code, Some(2), "{command}");
        assert_snapshot("error-no-key", &ended.shown());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_command_lines_exit_with_2_and_send_nothing() {
    let gateway = Gateway::start().await;
    let mut all = String::new();
    for line in [
        "wait",
        "status",
        "waits task",
        "wait task --evry 5s",
        "wait task --every 5x",
        "wait task --every 0s",
        "wait task --rate 20",
        "wait task --rate 0/10s",
        "wait task --max-wait soon",
        "wait task --learn f --every 5s",
        "wait task --key-file /nonexistent/key",
        "wait task --history /nonexistent/history",
        "wait task --resume /nonexistent/state",
        "wait task --resume /dev/null",
        "wait task --learn /nonexistent/history",
        "wait -",
        "completions csh",
        "simulate --port x",
    ] {
        let ended = gateway.run(line).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{line}: {}", ended.stderr);
        all.extend(["$ luma-watch ", line, "\n", &ended.stderr, "\n"]);
    }
    assert!(gateway.simulator.requests().is_empty());
    assert_snapshot("error-command-lines", &all);
}

#[tokio::test]
async fn wrong_base_url_exits_with_2() {
    let mut command = without_gateway("wait task");
    command.env("APIKLEY_API_KEY", "k").env("APIKLEY_BASE_URL", "http://gateway.example.com");
    let ended = ended(command).await;
    assert_eq!(ended.code, Some(2));
    assert_snapshot("error-base-url", &ended.shown());
}

#[tokio::test(flavor = "multi_thread")]
async fn id_that_cannot_be_one_exits_with_2_without_a_request() {
    let gateway = Gateway::start().await;
    let ended = gateway.run("wait 'task'").await;
    assert_eq!(ended.code, Some(2));
    assert!(gateway.simulator.requests().is_empty());
    assert_snapshot("error-quoted-id", &ended.shown());
}

#[tokio::test(flavor = "multi_thread")]
async fn id_that_has_to_be_escaped_is_shown_once() {
    let gateway = Gateway::start().await;
    for (id, shown, what) in [
        ("a\u{1b}b", "a\\u{1b}b", "a control character"),
        ("\u{feff}a", "\\u{feff}a", "an invisible character"),
        ("😀\u{200d}😀", "😀\u{200d}😀", "an invisible character"),
    ] {
        let mut command = gateway.command("wait");
        command.arg(id);
        let ended = ended(command).await;
        let message = format!("task {shown}: no request was sent: the task id holds {what}: give it without that\n");
        assert_eq!((ended.code, ended.stderr), (Some(2), message));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn resume_file_is_not_made_without_an_id() {
    let gateway = Gateway::start().await;
    let folder = Folder::new();
    let file = folder.file("state");
    assert_eq!(gateway.run(&format!("wait --resume {file}")).await.code, Some(2));
    assert!(!fs::exists(&file).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn stdin_without_an_id_exits_with_2() {
    let gateway = Gateway::start().await;
    for text in ["", " \n\n"] {
        let ended = ended_with_stdin(gateway.command("wait -"), text).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(2), "error: there is no task id on stdin\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_with_another_content_exit_with_2_and_stay_as_they_are() {
    let gateway = Gateway::start().await;
    let folder = Folder::new();
    let file = folder.file("file");
    let mut all = String::new();
    for content in ["not JSON", "{\"luma_watch_resume\":2,\"tasks\":{}}", "[]"] {
        for option in ["--resume", "--learn", "--history"] {
            fs::write(&file, content).unwrap();
            let ended = gateway.run(&format!("wait task {option} {file}")).await;
            assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{option} {content}");
            assert_eq!(fs::read_to_string(&file).unwrap(), content);
            all.extend([option, ", ", content, "\n", &ended.stderr]);
        }
    }
    assert!(gateway.simulator.requests().is_empty());
    assert_snapshot("error-files", &normalised(&all, &[(&file, "FILE")]));
}

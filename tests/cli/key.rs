//! Where the API key comes from. Every test checks that no output holds it.

use std::fs;
use std::time::Duration;

use luma_watch::simulator::{Fault, SimulatedTask};

use crate::support::{Folder, Gateway, KEY, ended};

#[tokio::test(flavor = "multi_thread")]
async fn key_file_replaces_the_environment_and_may_end_with_line_ends() {
    let gateway = Gateway::start().await;
    let folder = Folder::new();
    gateway.simulator.add_as("one", SimulatedTask::new().generates_for(Duration::ZERO));
    let file = folder.file("key");
    for content in [KEY.to_owned(), format!("{KEY}\n"), format!("{KEY}\r\n")] {
        fs::write(&file, content).unwrap();
        let mut command = gateway.command(&format!("wait one --key-file {file}"));
        command.env("APIKLEY_API_KEY", "wrong");
        assert_eq!(ended(command).await.code, Some(0));
    }
    fs::write(&file, "\n").unwrap();
    let empty = gateway.run(&format!("wait one --key-file {file}")).await;
    assert_eq!((empty.code, empty.stderr), (Some(2), format!("error: the key file {file} is empty\n")));
}

#[tokio::test(flavor = "multi_thread")]
async fn log_shows_each_poll_and_never_the_key() {
    let gateway = Gateway::start().await;
    gateway.simulator.add_as("one", SimulatedTask::new().generates_for(Duration::from_millis(300)));
    gateway.simulator.inject(Fault::body(format!("your key {KEY} is fine")));
    let ended = gateway.run("wait one --every 200ms -vvv").await; // it checks that the key is not there
    assert_eq!(ended.code, Some(0));
    assert!(ended.stderr.contains("DEBUG luma.watch{task_id=one}"), "{}", ended.stderr);
    let quieter = gateway.run("wait one -v").await.stderr;
    assert!(quieter.contains("INFO luma.watch") && !quieter.contains("DEBUG"), "{quieter}");
}

#[tokio::test(flavor = "multi_thread")]
async fn key_that_cannot_be_one_is_not_repeated() {
    let gateway = Gateway::start().await;
    let mut command = gateway.command("wait one");
    command.env("APIKLEY_API_KEY", format!("{KEY}\nX-Other: 1"));
    let ended = ended(command).await;
    assert_eq!((ended.code, gateway.simulator.requests().len()), (Some(2), 0));
    assert!(ended.stderr.starts_with("error: bad setting: character 21 of the API key"), "{}", ended.stderr);
}

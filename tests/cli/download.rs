//! `wait --download`.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use luma_watch::simulator::{Fault, SimulatedTask};
use serde_json::Value;

use crate::support::{Folder, Gateway, assert_snapshot, end_of, ended, normalised, signal, until};

fn task() -> SimulatedTask {
    SimulatedTask::new().generates_for(Duration::ZERO)
}

/// The names of the files in a folder, in order.
fn names(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_of_the_files_are_printed_instead_of_urls() {
    let gateway = Gateway::start().await;
    let folder = Folder::new();
    let videos = folder.file("new/videos");
    gateway.simulator.add_as("one", task());
    gateway.simulator.add_as("two", task());
    let ended = gateway.run(&format!("wait one two --download {videos}")).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let mut paths: Vec<_> = ended.stdout.lines().collect();
    paths.sort_unstable();
    assert_eq!(paths, [format!("{videos}/one.mp4"), format!("{videos}/two.mp4")]);
    assert!(paths.iter().all(|path| fs::metadata(path).unwrap().len() > 0));
    assert_eq!(names(&videos), ["one.mp4", "two.mp4"]);
    let quiet = gateway.run(&format!("wait one --download {videos} --quiet")).await;
    assert_eq!((quiet.code, quiet.stderr.as_str()), (Some(0), ""));
    assert_eq!(quiet.stdout, format!("{videos}/one-1.mp4\n"), "another command overwrites nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_are_all_downloaded() {
    let gateway = Gateway::start().await;
    let folder = Folder::new();
    let videos = folder.file("videos");
    let ids: Vec<_> = (0..20).map(|number| format!("task-{number}")).collect();
    for id in &ids {
        gateway.simulator.add_as(id.as_str(), task());
    }
    let ended = gateway.run(&format!("wait {} --download {videos}", ids.join(" "))).await;
    assert_eq!((ended.code, ended.stdout.lines().count(), names(&videos).len()), (Some(0), 20, 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_download_goes_on_without_asking_for_the_record_again() {
    let gateway = Gateway::start().await;
    let folder = Folder::new();
    let (videos, state) = (folder.file("videos"), folder.file("state"));
    gateway.simulator.add_as("one", task().result_size(1_000_000));
    gateway.simulator.inject(Fault::truncated().on_files().times(3));
    let line = format!("wait one --download {videos} --resume {state}");
    let child = gateway.command(&line).spawn().unwrap();
    // It is cut in the middle, and waits for the next attempt.
    until(|| Path::new(&videos).is_dir() && names(&videos).len() == 2).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    signal(&child, "KILL");
    assert_eq!(end_of(child).await.code, None);
    assert_eq!(gateway.requests("one"), 1);

    let again = gateway.run(&line).await;
    assert_eq!((again.code, again.stdout), (Some(0), format!("{videos}/one.mp4\n")), "{}", again.stderr);
    assert!(again.stderr.contains("1.0 MB, from "), "{}", again.stderr);
    assert_eq!((gateway.requests("one"), names(&videos)), (1, vec!["one.mp4".to_owned()]));

    // It has ended: its path is repeated. If the file is gone, it is downloaded again.
    let third = gateway.run(&line).await;
    assert_eq!((third.code, third.stdout), (Some(0), format!("{videos}/one.mp4\n")));
    assert_eq!(names(&videos), ["one.mp4"]);
    fs::remove_file(format!("{videos}/one.mp4")).unwrap();
    assert_eq!(gateway.run(&line).await.code, Some(0));
    assert_eq!((gateway.requests("one"), names(&videos)), (1, vec!["one.mp4".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_link_exits_with_6_and_its_record_is_asked_for_again() {
    let gateway = Gateway::start().await;
    let folder = Folder::new();
    let (videos, state) = (folder.file("videos"), folder.file("state"));
    let urls = ["a", "b"].map(|name| gateway.line(name).trim_end().to_owned());
    gateway.simulator.add_as("one", task().result_urls(urls));
    gateway.simulator.inject(Fault::status(403).on_files());
    let line = format!("wait one --download {videos} --resume {state}");
    let ended = gateway.run(&line).await;
    assert_eq!((ended.code, ended.stdout.lines().count()), (Some(6), 1), "{}", ended.stderr);
    let kept = names(&videos);
    assert_eq!(kept.len(), 1);
    let (lost, kept) = if kept[0] == "a.mp4" { ("b.mp4", "a.mp4") } else { ("a.mp4", "b.mp4") };
    let shown = gateway.shown(&ended);
    let words = [(&*videos, "VIDEOS"), (&*state, "STATE"), (lost, "LOST"), (kept, "KEPT")];
    assert_snapshot("wait-expired", &normalised(&shown, &words));

    // The other file is not downloaded twice.
    let again = gateway.run(&line).await;
    assert_eq!((again.code, again.stdout.lines().count()), (Some(0), 2), "{}", again.stderr);
    assert_eq!((gateway.requests("one"), names(&videos)), (2, vec!["a.mp4".to_owned(), "b.mp4".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn file_instead_of_the_folder_exits_with_2_at_once() {
    let gateway = Gateway::start().await;
    let folder = Folder::new();
    let videos = folder.file("videos");
    fs::write(&videos, "not a folder").unwrap();
    let ended = gateway.run(&format!("wait one --download {videos}")).await;
    assert_eq!((ended.code, gateway.requests("one")), (Some(2), 0));
    assert_eq!(ended.stderr, format!("error: the folder {videos} cannot be used: File exists (os error 17)\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn folder_whose_name_is_not_utf_8_exits_with_2() {
    let gateway = Gateway::start().await;
    let folder = Folder::new();
    let videos = folder.0.join(OsStr::from_bytes(b"videos\xff"));
    let mut command = gateway.command("wait one --json --download");
    command.arg(&videos);
    let ended = ended(command).await;
    assert_eq!((ended.code, gateway.requests("one"), ended.stdout.as_str()), (Some(2), 0, ""));
    assert!(ended.stderr.ends_with(" cannot be used: its name is not valid UTF-8\n"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn folder_that_becomes_a_file_exits_with_6() {
    let gateway = Gateway::start().await;
    let folder = Folder::new();
    let videos = folder.file("videos");
    gateway.simulator.add_as("one", SimulatedTask::new().never_ends());
    let line = format!("wait one --every 200ms --quiet --download {videos}");
    let child = gateway.command(&line).spawn().unwrap();
    until(|| gateway.requests("one") >= 1).await;
    fs::remove_dir(&videos).unwrap();
    fs::write(&videos, "not a folder").unwrap();
    gateway.simulator.add_as("one", task());
    let ended = end_of(child).await;
    assert_eq!(ended.code, Some(6));
    assert_snapshot("wait-storage", &normalised(&gateway.shown(&ended), &[(&*videos, "VIDEOS")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn json_shows_the_events_of_the_files() {
    let gateway = Gateway::start().await;
    let folder = Folder::new();
    let (videos, state) = (folder.file("videos"), folder.file("state"));
    gateway.simulator.add_as("one", task());
    let line = format!("wait one --json --quiet --download {videos} --resume {state}");
    let first = gateway.run(&line).await;
    let lines: Vec<Value> = first.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((first.code, lines.len()), (Some(0), 2));
    assert_eq!((&lines[0]["event"], &lines[1]["event"]), (&"done".into(), &"kept".into()));
    assert_eq!((&lines[1]["task_id"], &lines[1]["path"]), (&"one".into(), &format!("{videos}/one.mp4").into()));
    let parse = |text: &str| text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>();
    assert_eq!(parse(&gateway.run(&line).await.stdout), lines, "the same command repeats them");
}

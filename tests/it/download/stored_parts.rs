//! Unfinished files from an earlier process that are damaged, foreign or hostile.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::support::downloads::{download, drop_after, events, folder, kept_one, names, parts};
use crate::support::file::File;
use crate::support::file_server::FileServer;

const LENGTH: usize = 300_000;

fn file() -> File {
    File::new(LENGTH, 1)
}

/// A folder with an unfinished file of the URL, and its server, which sends the whole file from now on.
struct Unfinished {
    server: FileServer,
    dir: TempDir,
    part: PathBuf,
    state: PathBuf,
}

impl Unfinished {
    async fn new() -> Self {
        let server = FileServer::start(|request| match request.attempt {
            0 => file().reply(request).stall_after(100_000),
            _ => file().reply(request),
        })
        .await;
        let dir = folder();
        drop_after(download(&server.url("/video.mp4"), &dir), 1).await;
        let [part] = parts(&dir).try_into().unwrap();
        let state = dir.path().join(format!("{}.json", part.file_name().unwrap().to_str().unwrap()));
        assert!(state.is_file());
        Self { server, dir, part, state }
    }

    /// Downloads it: the right file is kept, and nothing else is left.
    async fn finish(&self) {
        let events = events(download(&self.server.url("/video.mp4"), &self.dir)).await;
        kept_one(&events, &file().bytes);
        assert_eq!(names(&self.dir), ["video.mp4"]);
    }
}

#[tokio::test]
async fn unreadable_state_starts_over() {
    for text in ["", "{", "null", "[]", "{}", "\"x\"", "{\"validator\":1,\"size\":-1}", "\u{0}\u{1}"] {
        let unfinished = Unfinished::new().await;
        fs::write(&unfinished.state, text).unwrap();
        unfinished.finish().await;
        assert_eq!(unfinished.server.ranges(), [None, None], "{text:?}");
    }
}

#[tokio::test]
async fn missing_state_starts_over() {
    let unfinished = Unfinished::new().await;
    fs::remove_file(&unfinished.state).unwrap();
    unfinished.finish().await;
    assert_eq!(unfinished.server.ranges(), [None, None]);
}

#[tokio::test]
async fn missing_part_starts_over() {
    let unfinished = Unfinished::new().await;
    fs::remove_file(&unfinished.part).unwrap();
    unfinished.finish().await;
    assert_eq!(unfinished.server.ranges(), [None, None]);
}

#[tokio::test]
async fn empty_part_starts_over() {
    let unfinished = Unfinished::new().await;
    fs::write(&unfinished.part, "").unwrap();
    unfinished.finish().await;
    assert_eq!(unfinished.server.ranges(), [None, None]);
}

#[tokio::test]
async fn part_longer_than_the_file_starts_over() {
    let unfinished = Unfinished::new().await;
    fs::write(&unfinished.part, vec![7; LENGTH + 5]).unwrap();
    unfinished.finish().await;
}

/// The earlier process ended between the last byte and the rename.
#[tokio::test]
async fn part_with_all_bytes_is_kept() {
    let unfinished = Unfinished::new().await;
    fs::write(&unfinished.part, &file().bytes).unwrap();
    unfinished.finish().await;
}

/// A power failure may leave a part shorter than what was written last, or with zeros in it.
#[tokio::test]
async fn part_that_lost_bytes_starts_over() {
    let lose: [fn(&mut Vec<u8>); 3] =
        [|bytes| bytes.truncate(1_234), |bytes| bytes[50_000..].fill(0), |bytes| bytes[30_000] ^= 1];
    for lose in lose {
        let unfinished = Unfinished::new().await;
        let mut bytes = fs::read(&unfinished.part).unwrap();
        lose(&mut bytes);
        fs::write(&unfinished.part, bytes).unwrap();
        unfinished.finish().await;
        assert_eq!(unfinished.server.ranges(), [None, None]);
    }
}

/// The earlier process was killed before it wrote down that these bytes are there.
#[tokio::test]
async fn bytes_beyond_the_state_are_fetched_again() {
    let unfinished = Unfinished::new().await;
    let mut bytes = fs::read(&unfinished.part).unwrap();
    let written = bytes.len();
    bytes.extend([7; 1_000]);
    fs::write(&unfinished.part, bytes).unwrap();
    unfinished.finish().await;
    assert_eq!(unfinished.server.ranges(), [None, Some(written)]);
}

#[tokio::test]
async fn pipe_in_the_place_of_the_state_starts_over() {
    let unfinished = Unfinished::new().await;
    fs::remove_file(&unfinished.state).unwrap();
    assert!(Command::new("mkfifo").arg(&unfinished.state).status().unwrap().success());
    unfinished.finish().await;
    assert_eq!(unfinished.server.ranges(), [None, None]);
}

/// Where a file system cannot rename without overwriting, a file has both names for a moment, or for good after a crash.
#[tokio::test]
async fn part_with_a_second_name_is_not_written() {
    let unfinished = Unfinished::new().await;
    let precious = unfinished.dir.path().join("precious");
    fs::hard_link(&unfinished.part, &precious).unwrap();
    fs::remove_file(&unfinished.state).unwrap();
    let content = fs::read(&precious).unwrap();
    let events = events(download(&unfinished.server.url("/video.mp4"), &unfinished.dir)).await;
    kept_one(&events, &file().bytes);
    assert!(fs::read(&precious).unwrap() == content);
}

#[tokio::test]
async fn link_in_the_place_of_a_part_is_not_written_through() {
    let outside = folder();
    let precious = outside.path().join("precious");
    for content in [&file().bytes[..50_000], b"mine"] {
        let unfinished = Unfinished::new().await;
        fs::write(&precious, content).unwrap();
        fs::remove_file(&unfinished.part).unwrap();
        symlink(&precious, &unfinished.part).unwrap();
        let events = events(download(&unfinished.server.url("/video.mp4"), &unfinished.dir)).await;
        assert!(events.last().unwrap().is_terminal());
        assert!(fs::read(&precious).unwrap() == content, "written through the link: {events:?}");
        let kept = unfinished.dir.path().join("video.mp4");
        if kept.exists() {
            assert!(!fs::symlink_metadata(&kept).unwrap().is_symlink());
        }
    }
}

#[tokio::test]
async fn link_in_the_place_of_the_state_is_not_written_through() {
    let outside = folder();
    let precious = outside.path().join("precious");
    fs::write(&precious, "mine").unwrap();
    let unfinished = Unfinished::new().await;
    fs::remove_file(&unfinished.state).unwrap();
    symlink(&precious, &unfinished.state).unwrap();
    events(download(&unfinished.server.url("/video.mp4"), &unfinished.dir)).await;
    assert_eq!(fs::read(&precious).unwrap(), b"mine");
}

#[tokio::test]
async fn folder_in_the_place_of_a_part_ends_in_order() {
    let unfinished = Unfinished::new().await;
    fs::remove_file(&unfinished.part).unwrap();
    fs::create_dir(&unfinished.part).unwrap();
    fs::write(unfinished.part.join("mine"), "mine").unwrap();
    let events = events(download(&unfinished.server.url("/video.mp4"), &unfinished.dir)).await;
    assert!(events.last().unwrap().is_terminal(), "{events:?}");
    assert_eq!(fs::read(unfinished.part.join("mine")).unwrap(), b"mine");
}

/// A state file with a validator that is no header value, or that forges headers.
#[tokio::test]
async fn hostile_validator_in_the_state_sends_no_header() {
    let unfinished = Unfinished::new().await;
    let text = fs::read_to_string(&unfinished.state).unwrap();
    assert!(text.contains("\\\"1\\\""), "{text}");
    fs::write(&unfinished.state, text.replace("\\\"1\\\"", "\\\"1\\r\\nx-forged: 1\\\"")).unwrap();
    unfinished.finish().await;
    assert!(unfinished.server.requests().iter().all(|request| request.header("x-forged").is_none()));
}

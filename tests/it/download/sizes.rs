//! Files over the limit are refused, whether the server says the size or not.

use luma_watch::{DownloadOptions, ErrorKind};

use crate::support::downloads::{download, drop_after, events, failed_one, folder, kept_one, names, started, until};
use crate::support::file::File;
use crate::support::file_server::FileServer;
use crate::support::in_memory::ms;

fn limit(bytes: u64) -> DownloadOptions {
    DownloadOptions::new().max_file_size(bytes)
}

#[tokio::test]
async fn file_of_the_limit_is_kept() {
    let file = File::new(10_000, 1);
    for chunked in [false, true] {
        let content = file.clone();
        let server = FileServer::start(move |request| {
            let reply = content.reply(request);
            if chunked { reply.chunked() } else { reply }
        })
        .await;
        let dir = folder();
        kept_one(&events(download(&server.url("/video.mp4"), &dir).options(limit(10_000))).await, &file.bytes);
    }
}

#[tokio::test]
async fn announced_size_over_limit_is_refused_unread() {
    // The body never ends.
    let server = FileServer::start(|request| File::new(10_001, 1).reply(request).stall_after(100)).await;
    let dir = folder();
    let events = events(download(&server.url("/video.mp4"), &dir).options(limit(10_000))).await;
    let error = failed_one(&events, ErrorKind::TooLarge);
    assert!(!error.is_transient(), "{error}");
    assert_eq!((started(&events), names(&dir), server.requests().len()), (vec![], vec![], 1));
    until(|| server.left() == 1).await;
}

#[tokio::test]
async fn silent_size_over_limit_is_refused_while_streaming() {
    let server =
        FileServer::start(|request| File::new(4_000_000, 1).reply(request).chunked().drip(16_384, ms(1))).await;
    let dir = folder();
    failed_one(&events(download(&server.url("/video.mp4"), &dir).options(limit(100_000))).await, ErrorKind::TooLarge);
    assert_eq!((names(&dir), server.requests().len()), (vec![], 1));
    until(|| server.left() == 1).await;
}

#[tokio::test]
async fn absurd_sizes_are_refused_by_default() {
    for length in [4 * 1024 * 1024 * 1024 + 1, i64::MAX as u64, u64::MAX - 2] {
        let server = FileServer::start(move |_| File::new(100, 1).whole().claims(length).stall_after(100)).await;
        let dir = folder();
        failed_one(&events(download(&server.url("/video.mp4"), &dir)).await, ErrorKind::TooLarge);
        assert_eq!(names(&dir), [""; 0]);
    }
}

#[tokio::test]
async fn part_of_a_file_over_a_lower_limit_is_refused() {
    let server = FileServer::start(|request| match request.attempt {
        0 => File::new(300_000, 1).reply(request).stall_after(100_000),
        _ => File::new(300_000, 1).reply(request),
    })
    .await;
    let dir = folder();
    let url = server.url("/video.mp4");
    drop_after(download(&url, &dir), 1).await;
    failed_one(&events(download(&url, &dir).options(limit(200_000))).await, ErrorKind::TooLarge);
    assert_eq!(names(&dir), [""; 0]);
}

#[tokio::test]
async fn rest_that_grows_over_the_limit_is_refused() {
    let server = FileServer::start(|request| match request.attempt {
        0 => File::new(150_000, 1).reply(request).cut_after(100_000),
        _ => File::new(400_000, 2).reply(request),
    })
    .await;
    let dir = folder();
    failed_one(&events(download(&server.url("/video.mp4"), &dir).options(limit(200_000))).await, ErrorKind::TooLarge);
    assert_eq!(names(&dir), [""; 0]);
}

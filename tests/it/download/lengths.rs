//! Lengths that are not what the server said, or that it does not say.

use luma_watch::{DownloadEvent, DownloadOptions, ErrorKind};

use crate::support::downloads::{download, events, failed, folder, kept, kept_one, names, retried, started};
use crate::support::file::File;
use crate::support::file_server::FileServer;

#[tokio::test]
async fn body_without_length_is_kept_at_its_end() {
    let file = File::new(200_000, 1);
    let content = file.clone();
    let server = FileServer::start(move |request| content.reply(request).chunked()).await;
    let dir = folder();
    let events = events(download(&server.url("/video.mp4"), &dir)).await;
    kept_one(&events, &file.bytes);
    assert!(matches!(events[0], DownloadEvent::Started { size: None, .. }), "{events:#?}");
}

#[tokio::test]
async fn cut_body_without_length_is_never_kept() {
    let file = File::new(200_000, 1);
    let content = file.clone();
    let server = FileServer::start(move |request| match request.attempt {
        0 => content.reply(request).chunked().cut_after(80_000),
        _ => content.reply(request).chunked(),
    })
    .await;
    let dir = folder();
    let events = events(download(&server.url("/video.mp4"), &dir)).await;
    kept_one(&events, &file.bytes);
    assert_eq!(retried(&events), [ErrorKind::Transport]);
}

/// Each answer says a length that is not that of its body.
#[tokio::test]
async fn body_shorter_than_its_length_is_never_kept() {
    let server = FileServer::start(|_| File::new(1_000, 1).whole().claims(2_000).cut_after(1_000)).await;
    let dir = folder();
    let options = DownloadOptions::new().max_retries(1);
    let events = events(download(&server.url("/video.mp4"), &dir).options(options)).await;
    assert_eq!((kept(&events), failed(&events).len()), (vec![], 1));
    assert!(!names(&dir).contains(&"video.mp4".to_owned()));
}

#[tokio::test]
async fn bytes_after_the_length_are_not_kept() {
    let file = File::new(1_000, 1);
    let longer = [&*file.bytes, &[7; 500]].concat();
    let server = FileServer::start(move |_| File::new(0, 1).whole().body(longer.clone()).claims(1_000)).await;
    let dir = folder();
    kept_one(&events(download(&server.url("/video.mp4"), &dir)).await, &file.bytes);
}

/// The second answer has more or fewer bytes than its range says.
#[tokio::test]
async fn rest_of_other_length_never_makes_a_wrong_file() {
    for (length, chunked) in [(150_000, false), (250_000, false), (150_000, true), (250_000, true)] {
        let file = File::new(300_000, 1);
        let content = file.clone();
        let mut rest = content.bytes[100_000..].to_vec();
        rest.resize(length, 7);
        let server = FileServer::start(move |request| match request.attempt {
            0 => content.reply(request).cut_after(100_000),
            1 if chunked => content.from(100_000).body(rest.clone()).chunked(),
            1 => content.from(100_000).body(rest.clone()),
            _ => content.reply(request),
        })
        .await;
        let dir = folder();
        let events = events(download(&server.url("/video.mp4"), &dir)).await;
        // It may be refused, but what is kept is right.
        match &kept(&events)[..] {
            [] => {
                assert_eq!(failed(&events).iter().map(|error| error.kind()).collect::<Vec<_>>(), [ErrorKind::NotMedia]);
            }
            [kept] => assert!(std::fs::read(&kept.path).unwrap() == file.bytes, "{length}"),
            more => panic!("{more:?}"),
        }
    }
}

/// The rest comes in two ranges: a server may give less than it is asked for.
#[tokio::test]
async fn rest_in_smaller_ranges_is_appended() {
    let file = File::new(300_000, 1);
    let content = file.clone();
    let server = FileServer::start(move |request| match request.attempt {
        0 => content.reply(request).cut_after(100_000),
        1 => content
            .from(100_000)
            .header("content-range", "bytes 100000-199999/300000")
            .body(&content.bytes[100_000..200_000]),
        _ => content.reply(request),
    })
    .await;
    let dir = folder();
    let events = events(download(&server.url("/video.mp4"), &dir)).await;
    kept_one(&events, &file.bytes);
    assert_eq!(names(&dir), ["video.mp4"]);
    assert!(started(&events).len() <= 4, "{events:#?}");
}

#[tokio::test]
async fn partial_answer_to_a_whole_request_is_not_kept_short() {
    let file = File::new(10_000, 1);
    let content = file.clone();
    let server = FileServer::start(move |request| match request.attempt {
        0 => content.from(5_000),
        _ => content.whole(),
    })
    .await;
    let dir = folder();
    let events = events(download(&server.url("/video.mp4"), &dir)).await;
    for kept in kept(&events) {
        assert!(std::fs::read(&kept.path).unwrap() == file.bytes);
    }
    assert!(events.last().unwrap().is_terminal());
}

//! A rest that does not fit what is on disk: the file is downloaded again from its first byte.

use futures::future::join_all;
use luma_watch::{DownloadEvent, DownloadOptions, ErrorKind};

use crate::support::downloads::{download, events, failed_one, folder, kept_one, names, retried, started};
use crate::support::file::File;
use crate::support::file_reply::Reply;
use crate::support::file_server::{FileRequest, FileServer};

const LENGTH: usize = 300_000;
const CUT: usize = 100_000;

/// Downloads a file whose first answer is cut, and whose second one is this. Later ones are right. The file that is kept has
/// this content; all requests are returned.
async fn second_answer(
    first: File,
    later: File,
    second: impl Fn(&FileRequest) -> Reply + Send + Sync + 'static,
) -> Vec<FileRequest> {
    let content = later.bytes.clone();
    let server = FileServer::start(move |request| match request.attempt {
        0 => first.reply(request).cut_after(CUT),
        1 => second(request),
        _ => later.reply(request),
    })
    .await;
    let dir = folder();
    let events = events(download(&server.url("/video.mp4"), &dir)).await;
    kept_one(&events, &content);
    assert_eq!(names(&dir), ["video.mp4"]);
    assert_eq!(started(&events)[0], 0);
    assert_eq!(started(&events).last(), Some(&0), "{events:#?}");
    let sizes = events.iter().filter_map(|event| match event {
        DownloadEvent::Progress { bytes, size, .. } => Some((*bytes, size.unwrap())),
        _ => None,
    });
    assert!(sizes.into_iter().all(|(bytes, size)| bytes <= size), "{events:#?}");
    server.requests()
}

fn file() -> File {
    File::new(LENGTH, 1)
}

#[tokio::test]
async fn server_that_ignores_range_is_read_from_start() {
    let requests = second_answer(file(), file(), |_| file().whole()).await;
    // The answer itself is used.
    assert_eq!((requests.len(), requests[1].range()), (2, Some(CUT)));
}

#[tokio::test]
async fn changed_file_is_read_from_start() {
    let changed = File::new(250_000, 2);
    let requests = second_answer(file(), changed.clone(), move |request| changed.reply(request)).await;
    assert_eq!((requests.len(), requests[1].range()), (2, Some(CUT)));
}

#[tokio::test]
async fn changed_file_of_same_length_is_read_from_start() {
    let changed = File::new(LENGTH, 2);
    second_answer(file(), changed.clone(), move |request| changed.reply(request)).await;
}

#[tokio::test]
async fn rest_with_other_etag_is_not_appended() {
    let changed = File::new(LENGTH, 2);
    // The server disobeys If-Range.
    let requests = second_answer(file(), changed.clone(), move |_| changed.from(CUT)).await;
    assert_eq!(requests.last().unwrap().range(), None);
}

#[tokio::test]
async fn rest_with_weak_etag_is_not_appended() {
    let requests = second_answer(file(), file(), |_| file().from(CUT).header("etag", "W/\"1\"")).await;
    assert_eq!(requests.last().unwrap().range(), None);
}

#[tokio::test]
async fn rest_with_other_date_is_not_appended() {
    let of = |seed, date| File::new(LENGTH, seed).etag(None).last_modified(date);
    let changed = of(2, "Fri, 27 Nov 2026 10:00:00 GMT");
    let first = of(1, "Fri, 27 Nov 2026 09:00:00 GMT");
    let requests = second_answer(first, changed.clone(), move |_| changed.from(CUT)).await;
    assert_eq!(requests[1].header("if-range"), Some("Fri, 27 Nov 2026 09:00:00 GMT"));
    assert_eq!(requests.last().unwrap().range(), None);
}

/// All of the rest that was asked for, or only some of it: the answer does not say.
#[tokio::test]
async fn some_of_the_rest_without_total_is_not_kept() {
    let server = FileServer::start(|request| match request.attempt {
        0 => file().reply(request).chunked().cut_after(CUT),
        1 => {
            let some = &file().bytes[CUT..CUT + 50_000];
            file().from(CUT).header("content-range", "bytes 100000-149999/*").body(some)
        }
        _ => file().reply(request),
    })
    .await;
    let dir = folder();
    let events = events(download(&server.url("/video.mp4"), &dir)).await;
    kept_one(&events, &file().bytes);
    assert_eq!(server.ranges(), [None, Some(CUT), None]);
}

#[tokio::test]
async fn other_range_than_asked_is_not_appended() {
    let starts = [0, CUT - 1, CUT + 1];
    let requests = starts.map(|start| second_answer(file(), file(), move |_| file().from(start)));
    let silent = starts.map(|start| second_answer(file(), file(), move |_| file().from(start).chunked()));
    for requests in join_all(requests).await.into_iter().chain(join_all(silent).await) {
        assert_eq!(requests.last().unwrap().range(), None);
    }
}

#[tokio::test]
async fn rest_of_other_total_is_not_appended() {
    let ranges = ["bytes 100000-299999/300001", "bytes 100000-299999/299999", "bytes 100000-399999/400000"];
    for requests in join_all(ranges.map(with_content_range)).await {
        assert_eq!(requests.last().unwrap().range(), None);
    }
}

/// The second answer says this range of itself.
async fn with_content_range(range: &'static str) -> Vec<FileRequest> {
    second_answer(file(), file(), move |_| file().from(CUT).header("content-range", range)).await
}

#[tokio::test]
async fn unreadable_content_range_is_not_appended() {
    let ranges = [
        "",
        "bytes",
        "bytes */300000",
        "bytes 100000-99999/300000",
        "lines 100000-299999/300000",
        "bytes 99999999999999999999-1/2",
        "bytes -5-10/300000",
    ];
    join_all(ranges.map(with_content_range)).await;
    second_answer(file(), file(), |_| file().from(CUT).without("content-range")).await;
}

#[tokio::test]
async fn several_ranges_in_one_answer_are_not_appended() {
    let multipart = |_: &FileRequest| {
        file().from(CUT).without("content-range").header("content-type", "multipart/byteranges; boundary=x")
    };
    second_answer(file(), file(), multipart).await;
}

#[tokio::test]
async fn range_not_satisfiable_starts_over() {
    let shorter = File::new(50_000, 2);
    let requests = second_answer(file(), shorter, |_| Reply::new(416).header("content-range", "bytes */50000")).await;
    assert_eq!(requests.last().unwrap().range(), None);
}

/// A part of no use is no failure: it costs no retry.
#[tokio::test]
async fn stale_part_starts_over_without_retry() {
    let changed = File::new(250_000, 2);
    let content = changed.clone();
    let server = FileServer::start(move |request| match (request.attempt, request.range()) {
        (0, _) => file().reply(request).cut_after(CUT),
        (_, Some(start)) => content.from(start), // it disobeys If-Range
        (_, None) => content.whole(),
    })
    .await;
    let dir = folder();
    let url = server.url("/video.mp4");
    let options = DownloadOptions::new().max_retries(0);
    let first = events(download(&url, &dir).options(options.clone())).await;
    failed_one(&first, ErrorKind::Transport);
    let second = events(download(&url, &dir).options(options)).await;
    kept_one(&second, &changed.bytes);
    assert_eq!((retried(&second), server.ranges()), (vec![], vec![None, Some(CUT), None]));
}

#[tokio::test]
async fn weak_or_missing_validator_starts_over() {
    let date = "Fri, 27 Nov 2026 11:00:00 GMT"; // the time of the answer: the file may change within this second
    let files = [
        file().etag(Some("W/\"1\"")),
        file().etag(None),
        file().etag(Some("")),
        file().etag(Some("1")),
        file().etag(None).last_modified(date),
        file().etag(None).last_modified("yesterday"),
    ];
    let requests = files.map(|file| {
        let again = file.clone();
        second_answer(file.clone(), file, move |request| again.reply(request))
    });
    for requests in join_all(requests).await {
        let ranges: Vec<_> = requests.iter().map(|request| (request.range(), request.header("if-range"))).collect();
        assert_eq!(ranges, [(None, None); 2]);
    }
}

#[tokio::test]
async fn server_that_never_gives_a_range_ends_with_right_bytes() {
    let server = FileServer::start(|request| match request.attempt {
        0 | 1 => file().whole().cut_after(CUT),
        _ => file().whole(),
    })
    .await;
    let dir = folder();
    let events = events(download(&server.url("/video.mp4"), &dir)).await;
    kept_one(&events, &file().bytes);
    assert_eq!(started(&events), [0, 0, 0]);
}

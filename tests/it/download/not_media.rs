//! Answers that are no video, whatever their status and their content type say.

use std::io::Write as _;

use luma_watch::ErrorKind;

use crate::support::downloads::{download, events, failed, failed_one, folder, kept_one, names};
use crate::support::file::File;
use crate::support::file_reply::Reply;
use crate::support::file_server::FileServer;

/// The error of a download whose every answer is this. Nothing is left in the folder, and the server is asked once.
async fn refused(reply: Reply) -> String {
    let server = FileServer::start(move |_| reply.clone()).await;
    let dir = folder();
    let error = failed_one(&events(download(&server.url("/video.mp4"), &dir)).await, ErrorKind::NotMedia);
    assert!(!error.is_transient(), "{error}");
    assert_eq!((names(&dir), server.requests().len()), (vec![], 1));
    error.to_string()
}

fn page(content_type: &str, body: &str) -> Reply {
    let reply = Reply::new(200).header("etag", "\"1\"").body(body);
    if content_type.is_empty() { reply } else { reply.header("content-type", content_type) }
}

const HTML: &str = "<!DOCTYPE html><html><body>Sign in to the guest network</body></html>";

#[tokio::test]
async fn page_with_its_own_content_type_is_not_kept() {
    for (content_type, body) in [
        ("text/html; charset=utf-8", HTML),
        ("TEXT/HTML", HTML),
        ("application/xhtml+xml", HTML),
        ("application/xml", "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code></Error>"),
        ("text/xml", "<Error/>"),
        ("application/json", "{\"error\":\"not ready\"}"),
        ("application/problem+json; charset=utf-8", "{}"),
        ("text/plain", "not ready"),
        ("text/plain", "\0\0\0\x18ftypmp42"),
    ] {
        refused(page(content_type, body)).await;
    }
}

#[tokio::test]
async fn page_that_claims_to_be_media_is_not_kept() {
    let padded = format!("\u{feff}\r\n\t  {HTML}");
    for content_type in ["application/octet-stream", "binary/octet-stream", "video/mp4", ""] {
        for body in [
            HTML,
            &padded,
            "<html><head></head></html>",
            "<HTML><BODY>",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code></Error>",
        ] {
            let server = {
                let reply = page(content_type, body);
                FileServer::start(move |_| reply.clone()).await
            };
            let dir = folder();
            let events = events(download(&server.url("/video.mp4"), &dir)).await;
            let error = failed(&events)[0].clone();
            // A storage service's own words may say more.
            let expected = if body.contains("NoSuchKey") {
                [ErrorKind::NotMedia, ErrorKind::Expired]
            } else {
                [ErrorKind::NotMedia; 2]
            };
            assert!(expected.contains(&error.kind()), "{content_type} {body}: {error}");
            assert_eq!(names(&dir), [""; 0], "{content_type} {body}");
        }
    }
}

#[tokio::test]
async fn page_in_pieces_is_not_kept() {
    let reply = page("video/mp4", HTML).drip(1, std::time::Duration::from_millis(1));
    refused(reply).await;
}

#[tokio::test]
async fn empty_file_is_not_kept() {
    refused(page("video/mp4", "")).await;
    refused(page("video/mp4", "").chunked()).await;
    refused(Reply::new(204).without("content-length")).await;
}

#[tokio::test]
async fn body_compressed_unasked_is_not_kept() {
    for coding in ["gzip", "br", "zstd", "deflate", "x-gzip"] {
        let text = refused(File::new(1_000, 1).whole().header("content-encoding", coding)).await;
        assert!(text.contains("compress") || text.contains(coding), "{text}");
    }
    let twice = File::new(1_000, 1).whole().header("content-encoding", "identity").header("Content-Encoding", "gzip");
    refused(twice).await;
}

#[tokio::test]
async fn coding_that_changes_nothing_is_kept() {
    let server =
        FileServer::start(|request| File::new(1_000, 1).reply(request).header("content-encoding", "identity")).await;
    let dir = folder();
    kept_one(&events(download(&server.url("/video.mp4"), &dir)).await, &File::new(1_000, 1).bytes);
}

#[tokio::test]
async fn earlier_part_is_removed_with_a_refusal() {
    let server = FileServer::start(|request| match request.attempt {
        0 => File::new(100_000, 1).reply(request).cut_after(40_000),
        _ => page("text/html", HTML),
    })
    .await;
    let dir = folder();
    failed_one(&events(download(&server.url("/video.mp4"), &dir)).await, ErrorKind::NotMedia);
    assert_eq!(names(&dir), [""; 0]);
}

#[tokio::test]
async fn text_of_a_page_stays_out_of_the_error_lines() {
    let hostile = "<html>\u{1b}[2J\r\nforged line\u{202e}</html>";
    let text = refused(page("text/html", hostile)).await;
    assert!(!text.contains(['\u{1b}', '\n', '\r', '\u{202e}']), "{text:?}");
    let mut header = Vec::new();
    write!(header, "text/html; x={}", "y".repeat(5_000)).unwrap();
    let text = refused(page(std::str::from_utf8(&header).unwrap(), HTML)).await;
    assert!(text.len() < 1_000, "{text}");
}

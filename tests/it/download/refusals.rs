//! Answers that say no: links that have expired, and other client errors.

use luma_watch::{Error, ErrorKind};

use crate::support::downloads::{download, events, failed_one, folder, impatient, kept, names};
use crate::support::file::File;
use crate::support::file_reply::Reply;
use crate::support::file_server::FileServer;

/// The error of a download whose every answer is this, which is not repeated and leaves nothing.
async fn refused(reply: Reply, kind: ErrorKind) -> Error {
    let server = FileServer::start(move |_| reply.clone()).await;
    let dir = folder();
    let error = failed_one(&events(download(&server.url("/video.mp4?sig=s3cr3t"), &dir)).await, kind);
    assert_eq!((names(&dir), server.requests().len()), (vec![], 1));
    assert!(!error.is_transient(), "{error}");
    error
}

#[tokio::test]
async fn gone_link_is_expired() {
    for status in [401, 403, 404, 410] {
        let error = refused(
            Reply::new(status).header("content-type", "text/html").body("<html>gone</html>"),
            ErrorKind::Expired,
        )
        .await;
        assert_eq!(error.http_status(), Some(status));
        assert_eq!(error.task_id().map(luma_watch::TaskId::as_str), Some("task-1"));
        // It says what to do.
        let text = error.to_string();
        assert!(text.contains("task-1") && text.contains("again"), "{text}");
    }
}

#[tokio::test]
async fn expired_request_of_a_storage_service_is_expired() {
    let s3 = |code: &str, message: &str| {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        )
    };
    for (status, body) in [
        (400, s3("AccessDenied", "Request has expired")),
        (400, s3("ExpiredToken", "The provided token has expired.")),
        (403, s3("AccessDenied", "Request has expired")),
        (404, s3("NoSuchKey", "The specified key does not exist.")),
    ] {
        refused(Reply::new(status).header("content-type", "application/xml").body(body), ErrorKind::Expired).await;
    }
}

#[tokio::test]
async fn other_client_errors_are_invalid_requests() {
    for status in [400, 402, 405, 406, 414, 418, 451] {
        let error = refused(Reply::new(status).body("no"), ErrorKind::InvalidRequest).await;
        assert_eq!(error.http_status(), Some(status));
    }
}

#[tokio::test]
async fn endless_error_page_is_not_read() {
    let reply = Reply::new(403).header("content-type", "text/html").body(vec![b'x'; 100_000]).claims(u64::MAX / 2);
    refused(reply, ErrorKind::Expired).await;
    // Nothing comes after the first bytes, and nobody waits for it.
    let reply = Reply::new(400).header("content-type", "application/xml").body("<Error>").claims(1_000).stall_after(7);
    let server = FileServer::start(move |_| reply.clone()).await;
    let dir = folder();
    let options = impatient().max_retries(0);
    let events = events(download(&server.url("/video.mp4"), &dir).options(options)).await;
    assert!(events.last().unwrap().is_terminal(), "{events:?}");
}

#[tokio::test]
async fn link_that_expires_in_the_middle_leaves_nothing() {
    let server = FileServer::start(|request| match request.attempt {
        0 => File::new(100_000, 1).reply(request).cut_after(40_000),
        _ => Reply::new(403),
    })
    .await;
    let dir = folder();
    failed_one(&events(download(&server.url("/video.mp4"), &dir)).await, ErrorKind::Expired);
    assert_eq!(names(&dir), [""; 0]);
}

#[tokio::test]
async fn unexpected_success_or_information_is_no_file() {
    for status in [201, 203, 205, 206, 226, 300, 304, 305, 399, 600, 999] {
        let reply = Reply::new(status).header("content-type", "text/html").body("<html></html>");
        let server = FileServer::start(move |_| reply.clone()).await;
        let dir = folder();
        let options = impatient().max_retries(0);
        let events = events(download(&server.url("/video.mp4"), &dir).options(options)).await;
        assert_eq!(kept(&events), [], "{status}");
        assert_eq!(names(&dir), [""; 0], "{status}");
    }
}

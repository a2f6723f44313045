//! What a file server does not see, and what errors do not show.

use luma_watch::DownloadOptions;

use crate::support::downloads::{
    KEY, client, download, drop_after, events, failed, folder, impatient, names, retried, task, whole_text,
};
use crate::support::file::File;
use crate::support::file_reply::Reply;
use crate::support::file_server::FileServer;

const QUERY: &str = "X-Amz-Signature=s1gnature&token=t0ken";

#[tokio::test]
async fn file_server_sees_no_key_and_no_credentials() {
    let server = FileServer::start(|request| match (request.target(), request.attempt) {
        ("/moved", _) => Reply::redirect(307, "/video.mp4"),
        (_, 0) => File::new(100_000, 1).reply(request).header("set-cookie", "a=b").cut_after(10_000),
        (_, 1) => Reply::new(401).header("www-authenticate", "Basic realm=x"),
        _ => File::new(100_000, 1).reply(request),
    })
    .await;
    let dir = folder();
    events(client().download(&task(&[server.url("/moved"), server.url("/other.mp4")]), dir.path())).await;
    assert!(server.requests().len() >= 4);
    for request in server.requests() {
        assert!(!request.head.contains(KEY), "{request:?}");
        for name in ["authorization", "proxy-authorization", "cookie", "referer"] {
            assert_eq!(request.header(name), None, "{request:?}");
        }
        assert!(request.head.starts_with("GET "), "{request:?}");
    }
}

#[tokio::test]
async fn errors_name_the_host_and_no_query() {
    let replies: [fn() -> Reply; 8] = [
        || Reply::new(403),
        || Reply::new(400),
        || Reply::new(500),
        || Reply::new(429),
        || Reply::new(200).header("content-type", "text/html").body("<html>"),
        || Reply::redirect(302, format!("ftp://h/?{QUERY}")),
        || Reply::redirect(302, format!("http://93.184.216.34/?{QUERY}")),
        || File::new(10_000, 1).whole().cut_after(100),
    ];
    for reply in replies {
        let server = FileServer::start(move |_| reply()).await;
        let dir = folder();
        let options = impatient().max_retries(1);
        let events = events(download(&server.url(&format!("/video.mp4?{QUERY}")), &dir).options(options)).await;
        let [error] = failed(&events).try_into().unwrap();
        let text = whole_text(error);
        assert!(!text.contains("s1gnature") && !text.contains("t0ken"), "{text}");
        assert!(!text.contains(KEY), "{text}");
    }
}

#[tokio::test]
async fn errors_of_connections_name_no_query() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for url in [
        format!("http://{address}/video.mp4?{QUERY}"),
        format!("ftp://{address}/video.mp4?{QUERY}"),
        format!("http://127.0.0.1:99999/?{QUERY}"),
        format!("http://[::1/?{QUERY}"),
    ] {
        let dir = folder();
        let options = DownloadOptions::new().max_retries(1);
        let events = events(download(&url, &dir).options(options)).await;
        let [error] = failed(&events).try_into().unwrap();
        let text = whole_text(error);
        assert!(!text.contains("s1gnature") && !text.contains("t0ken"), "{text}");
        assert!(retried(&events).len() <= 1);
    }
}

#[tokio::test]
async fn debug_form_of_a_download_shows_no_query_and_no_key() {
    let dir = folder();
    let text = format!("{:?}", download(&format!("http://127.0.0.1:9/video.mp4?{QUERY}"), &dir));
    assert!(text.contains("task-1") && !text.contains("s1gnature") && !text.contains(KEY), "{text}");
    let text = format!("{:?}", client().fetch("task-1", dir.path()));
    assert!(text.contains("task-1") && !text.contains(KEY), "{text}");
}

/// What is stored beside an unfinished file is no place for a signed link.
#[tokio::test]
async fn stored_state_holds_no_query() {
    let server = FileServer::start(|request| File::new(100_000, 1).reply(request).stall_after(10_000)).await;
    let dir = folder();
    let url = server.url(&format!("/video.mp4?{QUERY}"));
    drop_after(download(&url, &dir), 1).await;
    let names = names(&dir);
    let [state] = names.iter().filter(|name| name.ends_with(".part.json")).collect::<Vec<_>>().try_into().unwrap();
    let text = std::fs::read_to_string(dir.path().join(state)).unwrap();
    assert!(!text.contains("s1gnature") && !text.contains("t0ken"), "{text}");
    assert!(names.iter().all(|name| !name.contains("s1gnature")), "{names:?}");
}

//! Redirects: followed ten times at most, and to web servers only.

use luma_watch::{DownloadOptions, ErrorKind};

use crate::support::downloads::{KEY, download, events, failed_one, folder, kept, kept_one, names};
use crate::support::file::File;
use crate::support::file_reply::Reply;
use crate::support::file_server::FileServer;

fn file() -> File {
    File::new(1_000, 1)
}

#[tokio::test]
async fn redirect_is_followed_and_the_url_names_the_file() {
    for status in [301, 302, 303, 307, 308] {
        let server = FileServer::start(move |request| match request.target() {
            "/video.mp4" => Reply::redirect(status, "/storage/0a1b2c"),
            _ => file().reply(request),
        })
        .await;
        let dir = folder();
        let url = server.url("/video.mp4");
        let events = events(download(&url, &dir)).await;
        let kept = kept_one(&events, &file().bytes);
        assert_eq!(kept.name(), "video.mp4");
        assert!(events.iter().all(|event| event.url() == Some(url.as_str())), "{events:?}");
    }
}

#[tokio::test]
async fn redirect_to_other_host_is_followed_without_secrets() {
    let storage = FileServer::start(|request| file().reply(request)).await;
    let location = storage.url("/0a1b2c?sig=2");
    let server = FileServer::start(move |_| {
        Reply::redirect(302, location.clone()).header("set-cookie", "session=c00kie; Path=/")
    })
    .await;
    let dir = folder();
    kept_one(&events(download(&server.url("/video.mp4?sig=1"), &dir)).await, &file().bytes);
    let [request] = storage.requests().try_into().unwrap();
    for name in ["authorization", "cookie", "referer"] {
        assert_eq!(request.header(name), None, "{request:?}");
    }
    assert!(!request.head.contains(KEY) && !request.head.contains("sig=1"), "{request:?}");
}

#[tokio::test]
async fn ten_redirects_are_followed_and_no_more() {
    // 10, then 9 … then 0.
    let server = FileServer::start(|request| match request.target()[1..].parse::<u32>().unwrap() {
        0 => file().reply(request),
        left => Reply::redirect(302, format!("/{}", left - 1)),
    })
    .await;
    let dir = folder();
    kept_one(&events(download(&server.url("/10"), &dir)).await, &file().bytes);
    assert_eq!(server.requests().len(), 11);
    let error = failed_one(&events(download(&server.url("/11"), &dir)).await, ErrorKind::BlockedUrl);
    assert!(error.to_string().contains("redirect"), "{error}");
    assert_eq!((server.requests().len(), names(&dir)), (22, vec!["10".to_owned()]));
}

#[tokio::test]
async fn redirect_in_circles_is_blocked() {
    let server =
        FileServer::start(|request| Reply::redirect(302, if request.target() == "/a" { "/b" } else { "/a" })).await;
    let dir = folder();
    failed_one(&events(download(&server.url("/a"), &dir)).await, ErrorKind::BlockedUrl);
    assert!(server.requests().len() <= 11, "{}", server.requests().len());
    assert_eq!(names(&dir), [""; 0]);
}

#[tokio::test]
async fn redirect_to_what_is_no_web_server_is_blocked() {
    for location in [
        "file:///etc/passwd",
        "ftp://127.0.0.1/video.mp4",
        "data:video/mp4;base64,AAAA",
        "javascript:alert(1)",
        "gopher://127.0.0.1/",
        "unix:/run/docker.sock",
    ] {
        let server = FileServer::start(move |_| Reply::redirect(302, location)).await;
        let dir = folder();
        let error = failed_one(&events(download(&server.url("/video.mp4"), &dir)).await, ErrorKind::BlockedUrl);
        assert!(!error.is_transient(), "{error}");
        assert_eq!((server.requests().len(), names(&dir)), (1, vec![]));
    }
}

/// Plain http is for private hosts only. No name is looked up for it, so the test needs no network.
#[tokio::test]
async fn redirect_to_plain_http_of_a_public_host_is_blocked() {
    for location in
        ["http://93.184.216.34/video.mp4", "http://[2606:2800:220:1::1]/video.mp4", "http://93.184.216.34:443/"]
    {
        let server = FileServer::start(move |_| Reply::redirect(302, location)).await;
        let dir = folder();
        failed_one(&events(download(&server.url("/video.mp4"), &dir)).await, ErrorKind::BlockedUrl);
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn redirect_without_a_place_keeps_nothing() {
    for reply in [
        Reply::new(302),
        Reply::redirect(302, ""),
        Reply::redirect(302, "http://"),
        Reply::redirect(302, "https://[::1"),
    ] {
        let server = FileServer::start(move |_| reply.clone()).await;
        let dir = folder();
        let options = DownloadOptions::new().max_retries(0);
        let events = events(download(&server.url("/video.mp4"), &dir).options(options)).await;
        assert_eq!((kept(&events), names(&dir)), (vec![], vec![]));
        assert!(events.last().unwrap().is_terminal());
    }
}

#[tokio::test]
async fn password_in_a_redirect_is_not_sent() {
    let server = FileServer::start(|request| {
        let host = request.header("host").unwrap().to_owned();
        match request.target() {
            "/video.mp4" => Reply::redirect(302, format!("http://user:pa55word@{host}/there")),
            _ => file().reply(request),
        }
    })
    .await;
    let dir = folder();
    let events = events(download(&server.url("/video.mp4"), &dir).options(DownloadOptions::new().max_retries(0))).await;
    assert!(server.requests().iter().all(|request| request.header("authorization").is_none()), "{events:?}");
}

/// The address that redirects says what is resumed: each attempt begins at the task's URL.
#[tokio::test]
async fn cut_file_behind_a_redirect_is_resumed() {
    let file = File::new(300_000, 1);
    let content = file.clone();
    let server = FileServer::start(move |request| match (request.target(), request.attempt) {
        ("/video.mp4", attempt) => Reply::redirect(302, format!("/signed/{attempt}")),
        ("/signed/0", _) => content.reply(request).cut_after(100_000),
        _ => content.reply(request),
    })
    .await;
    let dir = folder();
    kept_one(&events(download(&server.url("/video.mp4"), &dir)).await, &file.bytes);
    let targets: Vec<_> = server.requests().iter().map(|request| request.target().to_owned()).collect();
    assert_eq!(targets, ["/video.mp4", "/signed/0", "/video.mp4", "/signed/1"]);
    assert_eq!(server.ranges()[3], Some(100_000));
}

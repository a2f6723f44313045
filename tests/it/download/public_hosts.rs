//! File hosts in the internet, which a proxy on this machine plays: what they redirect to is checked before it is asked for.

use luma_watch::{Client, DownloadEvent, DownloadOptions, ErrorKind};
use reqwest::redirect::Policy;

use crate::support::downloads::{KEY, events, failed_one, folder, kept_one, names, task};
use crate::support::file::File;
use crate::support::file_reply::Reply;
use crate::support::file_server::FileServer;

/// The events of this URL's file, whose requests all go to the proxy. The client's gateway is in the internet.
async fn through_proxy(proxy: &FileServer, url: &str, redirects: Policy) -> Vec<DownloadEvent> {
    let proxies = reqwest::Proxy::http(proxy.url("")).unwrap();
    let own = reqwest::Client::builder().proxy(proxies).redirect(redirects).build().unwrap();
    let client = Client::builder(KEY).base_url("https://example.com").build().unwrap();
    let dir = folder();
    let events =
        events(client.download(&task(&[url]), dir.path()).options(DownloadOptions::new().http_client(own))).await;
    if let Some(DownloadEvent::Kept { .. }) = events.last() {
        kept_one(&events, &File::new(1_000, 1).bytes);
    } else {
        assert_eq!(names(&dir), [""; 0]);
    }
    events
}

#[tokio::test]
async fn plain_http_url_of_a_record_is_fetched_as_it_is() {
    let proxy = FileServer::start(|request| File::new(1_000, 1).reply(request)).await;
    for url in ["http://files.example.com/video.mp4", "http://files.example.com/video.mp4#t=10"] {
        let events = through_proxy(&proxy, url, Policy::none()).await;
        assert!(matches!(events.last(), Some(DownloadEvent::Kept { bytes: 1_000, .. })), "{events:?}");
    }
    for request in proxy.requests() {
        assert_eq!(request.target(), "http://files.example.com/video.mp4");
        assert!(!request.head.contains(KEY) && request.header("authorization").is_none(), "{request:?}");
    }
}

#[tokio::test]
async fn redirect_of_a_public_host_to_a_private_one_is_blocked() {
    let private = FileServer::start(|request| File::new(1_000, 1).reply(request)).await;
    let port = private.address.port();
    for location in [
        format!("https://127.0.0.1:{port}/"),
        format!("https://localhost:{port}/"),
        format!("http://127.0.0.1:{port}/"),
        format!("//127.0.0.1:{port}/"),
        format!("https://[::ffff:127.0.0.1]:{port}/"),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
        "https://[fd00:ec2::254]/latest/meta-data/".to_owned(),
        "https://10.0.0.1/".to_owned(),
    ] {
        let place = location.clone();
        let proxy = FileServer::start(move |_| Reply::redirect(302, place.clone())).await;
        let events = through_proxy(&proxy, "http://files.example.com/video.mp4", Policy::none()).await;
        let error = failed_one(&events, ErrorKind::BlockedUrl);
        assert!(!error.is_transient(), "{location}: {error}");
        assert_eq!(proxy.requests().len(), 1, "{location}");
    }
    assert_eq!(private.connections(), 0);
}

#[tokio::test]
async fn redirect_of_a_public_host_to_plain_http_is_blocked() {
    for location in ["http://other.example.com/", "/elsewhere", "http://files.example.com/video.mp4?again"] {
        let proxy = FileServer::start(move |_| Reply::redirect(302, location)).await;
        let events = through_proxy(&proxy, "http://files.example.com/video.mp4", Policy::none()).await;
        failed_one(&events, ErrorKind::BlockedUrl);
        assert_eq!(proxy.requests().len(), 1, "{location}");
    }
}

/// The caller's client should not follow redirects. If it does, what it brings from a bad place is still not kept.
#[tokio::test]
async fn own_client_that_follows_redirects_keeps_nothing_bad() {
    let proxy = FileServer::start(|request| match request.target() {
        "http://files.example.com/video.mp4" => Reply::redirect(302, "http://other.example.com/video.mp4"),
        _ => File::new(1_000, 1).reply(request),
    })
    .await;
    let events = through_proxy(&proxy, "http://files.example.com/video.mp4", Policy::default()).await;
    failed_one(&events, ErrorKind::BlockedUrl);
}

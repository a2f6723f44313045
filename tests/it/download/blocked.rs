//! Addresses that a result's URL must not lead to: no connection is made.

use luma_watch::{Client, DownloadOptions, ErrorKind};

use crate::support::downloads::{client, events, failed, failed_one, folder, kept_one, names, task, whole_text};
use crate::support::file::File;
use crate::support::file_server::FileServer;

/// A client of a gateway in the internet, which is never asked here.
fn public_client() -> Client {
    Client::builder("test-key").base_url("https://example.com").build().unwrap()
}

async fn server() -> FileServer {
    FileServer::start(|request| File::new(100, 1).reply(request)).await
}

/// The result is refused before a connection is made.
async fn assert_blocked(client: &Client, url: &str, options: DownloadOptions) {
    let dir = folder();
    let events = events(client.download(&task(&[url]), dir.path()).options(options)).await;
    let error = failed_one(&events, ErrorKind::BlockedUrl);
    assert!(!error.is_transient(), "{url}: {error}");
    assert_eq!((events.len(), names(&dir)), (1, vec![]), "{url}");
}

#[tokio::test]
async fn loopback_url_is_blocked_without_a_connection() {
    let server = server().await;
    let port = server.address.port();
    for host in [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.9.9.9",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
    ] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}:{port}/video.mp4");
            assert_blocked(&public_client(), &url, DownloadOptions::new()).await;
        }
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn private_and_special_addresses_are_blocked() {
    for host in [
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.1",
        "255.255.255.255",
        "224.0.0.1",
        "[::1]",
        "[::]",
        "[fc00::1]",
        "[fd12:3456::1]",
        "[fe80::1]",
        "[ff02::1]",
        "[::ffff:10.0.0.1]",
        "[::ffff:169.254.169.254]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:7f00:1::]",
    ] {
        assert_blocked(&public_client(), &format!("https://{host}/video.mp4"), DownloadOptions::new()).await;
    }
}

#[tokio::test]
async fn url_that_is_not_of_the_web_is_blocked() {
    for url in [
        "file:///etc/passwd",
        "ftp://files.example.com/a.mp4",
        "data:video/mp4,AAAA",
        "not a url",
        "",
        "//files.example.com/a",
        "/etc/passwd",
    ] {
        for client in [client(), public_client()] {
            let dir = folder();
            let events = events(client.download(&task(&[url]), dir.path())).await;
            // A record without a usable URL may also be one without a result.
            let [error] = failed(&events).try_into().unwrap();
            assert!([ErrorKind::BlockedUrl, ErrorKind::MissingResult].contains(&error.kind()), "{url}: {error}");
            assert_eq!(names(&dir), [""; 0]);
        }
    }
}

#[tokio::test]
async fn choice_of_the_caller_wins_over_the_base_url() {
    let server = server().await;
    let url = server.url("/video.mp4");
    assert_blocked(&client(), &url, DownloadOptions::new().allow_private_addresses(false)).await;
    assert_eq!(server.connections(), 0);
    let dir = folder();
    let allowed = DownloadOptions::new().allow_private_addresses(true);
    let events = events(public_client().download(&task(&[url]), dir.path()).options(allowed)).await;
    kept_one(&events, &File::new(100, 1).bytes);
}

/// An HTTP client of the caller's own does not lift the check.
#[tokio::test]
async fn own_http_client_reaches_no_private_address() {
    let server = server().await;
    let own = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let options = DownloadOptions::new().http_client(own);
    assert_blocked(&public_client(), &server.url("/video.mp4"), options).await;
    let port = server.address.port();
    let own = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let options = DownloadOptions::new().http_client(own);
    assert_blocked(&public_client(), &format!("https://localhost:{port}/video.mp4"), options).await;
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn user_and_password_of_a_url_are_not_sent() {
    let server = server().await;
    let url = format!("http://user:pa55word@{}/video.mp4", server.address);
    let dir = folder();
    let events =
        events(client().download(&task(&[url]), dir.path()).options(DownloadOptions::new().max_retries(0))).await;
    assert!(server.requests().iter().all(|request| request.header("authorization").is_none()), "{events:?}");
    for error in failed(&events) {
        assert!(!whole_text(error).contains("pa55word"), "{error:?}");
    }
}

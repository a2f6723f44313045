//! File hosts behind TLS.

use std::sync::Arc;

use luma_watch::{DownloadEvent, DownloadOptions, ErrorKind};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::downloads::{client, events, failed_one, folder, kept_one, names, task};
use crate::support::file::File;
use crate::support::file_server::FileServer;
use crate::support::raw_server::head;
use crate::support::tls::{LOCALHOST, OTHER_NAME, server_config};

/// A server behind TLS whose every answer is this. Returns its URL.
async fn server(certificate: &[u8], answer: impl Into<Vec<u8>>) -> String {
    let acceptor = TlsAcceptor::from(Arc::new(server_config(certificate)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = answer.into();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            if head(&mut stream).await.is_some() {
                stream.write_all(&answer).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        }
    });
    format!("https://localhost:{port}/video.mp4")
}

fn good() -> Vec<u8> {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\ncontent-length: 1000\r\nconnection: close\r\n\r\n";
    [&head[..], &File::new(1_000, 1).bytes].concat()
}

/// The events of a download with a client that trusts this certificate.
async fn trusting(certificate: &[u8], url: &str) -> Vec<DownloadEvent> {
    let certificate = reqwest::Certificate::from_pem(certificate).unwrap();
    let own = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let own = own.tls_backend_rustls().tls_certs_merge([certificate]).build().unwrap();
    let dir = folder();
    let events =
        events(client().download(&task(&[url]), dir.path()).options(DownloadOptions::new().http_client(own))).await;
    match events.last() {
        Some(DownloadEvent::Kept { .. }) => {
            kept_one(&events, &File::new(1_000, 1).bytes);
        }
        _ => assert_eq!(names(&dir), [""; 0]),
    }
    events
}

#[tokio::test]
async fn file_over_tls_is_kept() {
    let events = trusting(LOCALHOST, &server(LOCALHOST, good()).await).await;
    assert!(matches!(events.last(), Some(DownloadEvent::Kept { .. })), "{events:?}");
}

#[tokio::test]
async fn certificate_that_is_not_trusted_ends_at_once() {
    let url = server(LOCALHOST, good()).await;
    let dir = folder();
    let events_of_default = events(client().download(&task(&[url]), dir.path())).await;
    let events_of_other_name = trusting(OTHER_NAME, &server(OTHER_NAME, good()).await).await;
    for events in [events_of_default, events_of_other_name] {
        let error = failed_one(&events, ErrorKind::Transport);
        assert!(!error.is_transient() && error.to_string().contains("certificate"), "{error}");
        assert_eq!(events.len(), 1, "{events:?}");
    }
    assert_eq!(names(&dir), [""; 0]);
}

#[tokio::test]
async fn redirect_from_tls_to_plain_http_of_a_public_host_is_blocked() {
    let redirect = "HTTP/1.1 302 Found\r\nlocation: http://93.184.216.34/video.mp4\r\ncontent-length: 0\r\n\r\n";
    let events = trusting(LOCALHOST, &server(LOCALHOST, redirect).await).await;
    failed_one(&events, ErrorKind::BlockedUrl);
}

/// Between private hosts, if private addresses are allowed.
#[tokio::test]
async fn redirect_from_tls_to_plain_http_on_loopback_is_followed() {
    let plain = FileServer::start(|request| File::new(1_000, 1).reply(request)).await;
    let location = plain.url("/there");
    let redirect = format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
    let events = trusting(LOCALHOST, &server(LOCALHOST, redirect).await).await;
    assert!(matches!(events.last(), Some(DownloadEvent::Kept { .. })), "{events:?}");
}

//! A certificate that is not trusted ends a watch at once.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use luma_watch::{Client, ClientBuilder, Error, ErrorKind, Schedule, Status, StatusEvent};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::raw_server::{Answer, RawServer, done, head};
use crate::support::tls::{EXPIRED, LOCALHOST, OTHER_NAME, server_config};

/// A gateway behind TLS with this certificate, whose tasks have all ended. It answers none of the first `stalled`
/// handshakes. Returns its URL.
async fn gateway(certificate: &[u8], stalled: usize) -> String {
    let acceptor = TlsAcceptor::from(Arc::new(server_config(certificate)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut silent = Vec::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            if silent.len() < stalled {
                silent.push(stream);
                continue;
            }
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            while head(&mut stream).await.is_some() {
                stream.write_all(done().as_bytes()).await.unwrap();
            }
        }
    });
    format!("https://localhost:{port}")
}

fn client(url: String) -> ClientBuilder {
    Client::builder("test-key").base_url(url).schedule(Schedule::every(Duration::from_millis(10)))
}

fn trusting(certificate: &[u8]) -> reqwest::ClientBuilder {
    let certificate = reqwest::Certificate::from_pem(certificate).unwrap();
    reqwest::Client::builder().no_proxy().tls_certs_merge([certificate])
}

/// The error, and all causes below it, in one text.
fn whole_text(error: &Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

async fn assert_untrusted(client: Client) -> String {
    let events: Vec<_> = client.watch("x").collect().await;
    let [StatusEvent::GaveUp(error)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((error.kind(), error.is_transient(), error.polls()), (ErrorKind::Transport, false, 1));
    assert!(error.to_string().contains("certificate is not trusted"), "{error}");
    whole_text(error)
}

#[tokio::test]
async fn self_signed_certificate_ends_watch_at_once() {
    let url = gateway(LOCALHOST, 0).await;
    // By rustls, even where the feature native-tls is on, too.
    let text = assert_untrusted(client(url.clone()).build().unwrap()).await;
    assert!(text.contains("its issuer is not known") || text.contains("invalid peer certificate"), "{text}");
    let own = reqwest::Client::builder().no_proxy().tls_backend_rustls().build().unwrap();
    let text = assert_untrusted(client(url.clone()).http_client(own).build().unwrap()).await;
    assert!(text.contains("UnknownIssuer") && text.contains("its issuer is not known"), "{text}");
    // With trust in the certificate, the same gateway is used.
    let own = trusting(LOCALHOST).build().unwrap();
    client(url).http_client(own).build().unwrap().wait_until_done("x").await.unwrap();
}

#[tokio::test]
async fn certificate_of_other_name_or_time_ends_watch() {
    let url = gateway(OTHER_NAME, 0).await;
    let own = trusting(OTHER_NAME).tls_backend_rustls().build().unwrap();
    let text = assert_untrusted(client(url).http_client(own).build().unwrap()).await;
    assert!(text.contains("not valid for name") && text.contains("another name than localhost"), "{text}");

    let url = gateway(EXPIRED, 0).await;
    let own = trusting(EXPIRED).tls_backend_rustls().build().unwrap();
    let text = assert_untrusted(client(url).http_client(own).build().unwrap()).await;
    assert!(text.contains("certificate expired") && text.contains("it has expired"), "{text}");
}

#[cfg(feature = "native-tls")]
#[tokio::test]
async fn system_tls_says_what_certificate_lacks() {
    let url = gateway(LOCALHOST, 0).await;
    let own = reqwest::Client::builder().no_proxy().tls_backend_native().build().unwrap();
    let text = assert_untrusted(client(url).http_client(own).build().unwrap()).await;
    assert!(text.contains("its issuer is not known"), "{text}");
    for (certificate, reason) in [(OTHER_NAME, "another name than localhost"), (EXPIRED, "it has expired")] {
        let url = gateway(certificate, 0).await;
        let own = trusting(certificate).tls_backend_native().build().unwrap();
        let text = assert_untrusted(client(url).http_client(own).build().unwrap()).await;
        assert!(text.contains(reason), "{text}");
    }
}

#[tokio::test]
async fn certificate_trusted_by_custom_client_is_accepted() {
    let url = gateway(LOCALHOST, 0).await;
    for own in [trusting(LOCALHOST), trusting(LOCALHOST).tls_backend_rustls()] {
        let client = client(url.clone()).http_client(own.build().unwrap()).build().unwrap();
        let task = client.wait_until_done("x").await.unwrap();
        assert_eq!(task.status(), Status::Success);
    }
}

#[tokio::test]
async fn stalled_handshake_times_out_and_is_survived() {
    let url = gateway(LOCALHOST, 1).await;
    let own = trusting(LOCALHOST).tls_backend_rustls().build().unwrap();
    let patience = Duration::from_millis(500);
    let mut watch = client(url).http_client(own).request_timeout(patience).build().unwrap().watch("x");
    let first = watch.next().await.unwrap();
    let StatusEvent::PollFailed(failure) = &first else { panic!("{first:?}") };
    assert_eq!((failure.error.kind(), failure.error.is_transient()), (ErrorKind::Timeout, true));
    assert!(failure.elapsed >= patience, "{:?}", failure.elapsed);
    assert_eq!(watch.wait_until_done().await.unwrap().status(), Status::Success);
}

#[tokio::test]
async fn port_without_tls_is_survived() {
    let server = RawServer::start(|_, _| Answer::Close).await;
    let url = server.url().replace("http", "https");
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = plain.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = plain.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        }
    });
    for url in [url, format!("https://localhost:{port}")] {
        let first = client(url).request_timeout(Duration::from_millis(500)).build().unwrap().watch("x").next().await;
        let Some(StatusEvent::PollFailed(failure)) = &first else { panic!("{first:?}") };
        assert!(matches!(failure.error.kind(), ErrorKind::Transport | ErrorKind::Timeout), "{}", failure.error);
    }
}

/// The gateway closes the connection without TLS's own notice of the end.
#[tokio::test]
async fn kept_connection_cut_in_use_fails_no_poll() {
    let acceptor = TlsAcceptor::from(Arc::new(server_config(LOCALHOST)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        for answers in [1, 1, 9] {
            let mut stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
            for _ in 0..answers {
                head(&mut stream).await.unwrap();
                stream.write_all(done().as_bytes()).await.unwrap();
            }
            head(&mut stream).await.unwrap();
        }
    });
    let own = trusting(LOCALHOST).build().unwrap();
    let client = client(format!("https://localhost:{port}")).http_client(own).build().unwrap();
    for _ in 0..5 {
        client.status("x").await.unwrap();
    }
}

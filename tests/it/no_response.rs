//! Without a response, an error says in its own sentence why there is none.

use std::error::Error as _;
use std::time::Duration;

use luma_watch::{Client, Error, ErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};

use crate::support::raw_server::{Answer, RawServer};

async fn error_of(client: Client) -> Error {
    let error = client.status("secret-id").await.unwrap_err();
    let text = error.to_string();
    assert!(!text.contains("taskId") && text.starts_with("task secret-id: "), "{text}");
    // A program that prints the causes after the sentence says nothing twice.
    let causes = std::iter::successors(error.source(), |&cause| cause.source()).map(ToString::to_string);
    let twice: Vec<_> = causes.filter(|cause| text.contains(cause.as_str()) && !text.contains('(')).collect();
    assert!(twice.is_empty(), "{text}: {twice:?}");
    error
}

fn client(url: impl Into<String>) -> Client {
    Client::builder("test-key").base_url(url).request_timeout(Duration::from_secs(2)).build().unwrap()
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
fn client_by(proxy: &str) -> Client {
    let builder = reqwest::Client::builder().proxy(reqwest::Proxy::all(proxy).unwrap());
    // The TLS of the operating system takes every proxy for one of HTTP.
    #[cfg(feature = "rustls")]
    let builder = builder.tls_backend_rustls();
    let by_proxy = builder.build().unwrap();
    Client::builder("test-key").base_url("https://api.example.com").http_client(by_proxy).build().unwrap()
}

/// A server without TLS that writes this at once, and reads until the client closes.
async fn writer(bytes: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(bytes).await.unwrap();
            let mut unread = [0; 1000];
            while stream.read(&mut unread).await.is_ok_and(|read| read > 0) {}
        }
    });
    port
}

#[tokio::test]
async fn refused_port_is_named_in_the_sentence() {
    // Bound and not listening: nobody else gets the port.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port();
    let mut schemes = vec!["http"];
    if cfg!(any(feature = "rustls", feature = "native-tls")) {
        schemes.push("https");
    }
    for scheme in schemes {
        let error = error_of(client(format!("{scheme}://127.0.0.1:{port}"))).await;
        assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Transport, true));
        assert!(error.to_string().ends_with(&format!(": 127.0.0.1:{port} refuses the connection")), "{error}");
    }
}

/// The resolver of a machine without a network answers that it does not know now.
#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[tokio::test]
async fn unknown_host_name_is_named_in_the_sentence() {
    for name in ["does-not-exist.invalid", "neither.does-this.invalid", "no.dots..invalid"] {
        let error = error_of(client(format!("https://{name}"))).await;
        assert_eq!(error.kind(), ErrorKind::Transport);
        let text = error.to_string();
        let told = ["does not exist", "is not valid"].map(|what| format!("the host name {name} {what}"));
        assert!(
            told.iter().any(|told| text.ends_with(told)) || text.contains(&format!("{name} cannot be looked up: ")),
            "{text}"
        );
    }
}

#[tokio::test]
async fn connection_closed_at_once_is_said() {
    let server = RawServer::start(|_, _| Answer::Close).await;
    let error = error_of(client(server.url())).await;
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert!(error.to_string().ends_with("the connection broke before an answer"), "{error}");
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[tokio::test]
async fn port_without_tls_is_said() {
    for bytes in
        [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"220 mail.example.com ESMTP\r\n", b"SSH-2.0-OpenSSH_9.6\r\n"]
    {
        let port = writer(bytes).await;
        let error = error_of(client(format!("https://127.0.0.1:{port}"))).await;
        assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Transport, true));
        let text = error.to_string();
        assert!(text.contains(&format!("127.0.0.1:{port} does not speak TLS")), "{text}");
    }
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[tokio::test]
async fn connection_closed_in_handshake_is_said() {
    // With the client's first bytes unread it is a reset, and else an end.
    for reads in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                if reads {
                    stream.read_buf(&mut Vec::with_capacity(10_000)).await.unwrap();
                }
            }
        });
        let error = error_of(client(format!("https://127.0.0.1:{port}"))).await;
        assert!(error.to_string().ends_with(" closed the connection before it was set up"), "{error}");
    }
}

#[tokio::test]
async fn answer_that_is_not_http_is_said() {
    // The second one is how a server of TLS answers plain text.
    for bytes in [&b"SSH-2.0-OpenSSH_9.6\r\n"[..], b"\x15\x03\x03\x00\x02\x02\x0a", b"+OK POP3 ready\r\n"] {
        let port = writer(bytes).await;
        let text = error_of(client(format!("http://127.0.0.1:{port}"))).await.to_string();
        assert!(text.contains(&format!("what 127.0.0.1:{port} sends is not HTTP (")), "{text}");
    }
}

#[cfg(feature = "rustls")]
#[tokio::test]
async fn port_for_tls_asked_without_is_said() {
    use std::sync::Arc;

    use tokio_rustls::TlsAcceptor;

    use crate::support::tls::{LOCALHOST, server_config};

    let acceptor = TlsAcceptor::from(Arc::new(server_config(LOCALHOST)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            assert!(acceptor.accept(stream).await.is_err());
        }
    });
    let text = error_of(client(format!("http://127.0.0.1:{port}"))).await.to_string();
    assert!(text.contains("is it a port for TLS or for HTTP/2?"), "{text}");
}

#[tokio::test]
async fn connect_timeout_of_client_is_said() {
    // Its backlog is full: no further connection is accepted.
    let listener = TcpSocket::new_v4().unwrap();
    listener.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = listener.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(200), tokio::net::TcpStream::connect(address)).await
    {
        waiting.push(stream);
    }
    let own = reqwest::Client::builder().no_proxy().connect_timeout(Duration::from_millis(50)).build().unwrap();
    let client = Client::builder("test-key").base_url(format!("http://{address}")).http_client(own).build().unwrap();
    let error = error_of(client).await;
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().ends_with(&format!("no connection to {address} within the connect timeout")), "{error}");
}

#[tokio::test]
async fn timeout_set_in_the_client_is_said() {
    let server = RawServer::start(|_, _| Answer::Silence).await;
    let short = Duration::from_millis(50);
    for builder in [reqwest::Client::builder().timeout(short), reqwest::Client::builder().read_timeout(short)] {
        let own = builder.no_proxy().build().unwrap();
        let error = error_of(Client::builder("k").base_url(server.url()).http_client(own).build().unwrap()).await;
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(error.to_string().ends_with("a timeout that is set in the HTTP client is over"), "{error}");
    }
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[tokio::test]
async fn proxy_that_wants_a_password_is_said() {
    let refusals = [
        "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
        "HTTP/1.0 407 No\r\nproxy-authenticate: Basic\r\ncontent-length: 2\r\n\r\nno",
    ];
    for refusal in refusals {
        let proxy = RawServer::start(move |_, _| Answer::Page(refusal.to_owned())).await;
        let error = error_of(client_by(&proxy.url())).await;
        assert_eq!(error.kind(), ErrorKind::Transport);
        assert!(error.to_string().contains("the proxy asks for a user name and a password (407)"), "{error}");
        assert!(proxy.asked()[0].head.starts_with("CONNECT api.example.com:443 "));
    }
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[tokio::test]
async fn proxy_that_opens_no_tunnel_is_said() {
    for answer in ["HTTP/1.1 502 Bad Gateway\r\n\r\n", "HTTP/1.1 403 Forbidden\r\n\r\n", "garbage\r\n\r\n"] {
        let proxy = RawServer::start(move |_, _| Answer::LastPage(answer.to_owned())).await;
        let error = error_of(client_by(&proxy.url())).await;
        assert!(error.to_string().ends_with("the proxy opens no connection to api.example.com:443"), "{error}");
    }
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let error = error_of(client_by(&format!("http://{}", socket.local_addr().unwrap()))).await;
    assert!(error.to_string().ends_with("the proxy refuses the connection"), "{error}");
}

#[cfg(feature = "rustls")]
#[tokio::test]
async fn proxy_of_unsupported_scheme_is_said() {
    for scheme in ["socks4", "socks5", "socks5h"] {
        let error = error_of(client_by(&format!("{scheme}://127.0.0.1:1"))).await;
        assert_eq!(error.kind(), ErrorKind::Transport);
        assert!(error.to_string().ends_with(&format!("does not support proxies of the scheme {scheme}")), "{error}");
    }
}

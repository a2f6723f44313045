//! A proxy of the environment is for hosts elsewhere, not for a gateway on loopback; a client that may follow it is warned of.

use std::io::Write;
use std::sync::{Arc, Mutex};

use luma_watch::Client;

use crate::support::child::{Child, is_child, report};
use crate::support::raw_server::{Answer, RawServer, done};

#[tokio::test]
async fn loopback_gateway_with_environment_proxy_is_asked_directly() {
    if is_child() {
        let gateway = RawServer::start(|_, _| Answer::Page(done())).await;
        let client = || Client::builder("test-key").base_url(gateway.url());
        client().build().unwrap().wait_until_done("direct").await.unwrap();
        // A client of the user's own follows the environment, so the variable does reach this process.
        let own = client().http_client(reqwest::Client::new()).build().unwrap();
        own.wait_until_done("by-proxy").await.unwrap();
        return report(&gateway.asked().len().to_string());
    }
    let proxy = RawServer::start(|_, _| Answer::Page(done())).await;
    let child = Child::of("proxy::loopback_gateway_with_environment_proxy_is_asked_directly");
    let child = child.set("http_proxy", proxy.url()).set("HTTP_PROXY", proxy.url()).set("ALL_PROXY", proxy.url());
    let child = child.unset("NO_PROXY").unset("no_proxy").unset("REQUEST_METHOD");
    let asked_directly = tokio::task::spawn_blocking(|| child.run()).await.unwrap();
    assert_eq!(asked_directly, "1");
    let asked = proxy.asked();
    assert!(matches!(&asked[..], [only] if only.head.contains("taskId=by-proxy")), "{asked:?}");
}

/// What is written to it.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The lines that are logged while a client of this base URL is built.
fn logged(base_url: &str, http_client: Option<reqwest::Client>) -> String {
    let lines = Lines::default();
    let written = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || written.clone()).finish();
    tracing::subscriber::with_default(subscriber, || {
        let builder = Client::builder("test-key").base_url(base_url);
        let built = match http_client {
            Some(client) => builder.http_client(client).build(),
            None => builder.build(),
        };
        // Without TLS, the library's own client refuses https.
        let has_tls = cfg!(any(feature = "rustls", feature = "native-tls"));
        assert!(built.is_ok() || base_url.starts_with("https") && !has_tls, "{built:?}");
    });
    let bytes = lines.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

/// How often the environment's proxy is warned of, for each base URL: with the user's HTTP client, and with the
/// library's own.
fn warnings() -> String {
    let count = |url, client| {
        let lines = logged(url, client);
        assert!(!lines.contains("s3cret") && !lines.contains("test-key"), "{lines}");
        lines.lines().filter(|line| line.contains("WARN") && line.contains("the environment names a proxy")).count()
    };
    let urls = ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1", "https://127.0.0.1:1"];
    format!("{:?}", urls.map(|url| (count(url, Some(reqwest::Client::new())), count(url, None))))
}

/// What a child process with these variables reports of its [`warnings`].
fn warnings_with(variables: &[(&str, &str)]) -> String {
    let mut child = Child::of("proxy::client_that_may_use_proxy_is_warned_of");
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy", "REQUEST_METHOD"] {
        child = child.unset(name);
    }
    variables.iter().fold(child, |child, (name, value)| child.set(name, value)).run()
}

const PROXY: &str = "http://user:s3cret@127.0.0.1:9";

#[test]
fn client_that_may_use_proxy_is_warned_of() {
    if is_child() {
        return report(&warnings());
    }
    let (each, none) = ("[(1, 0), (1, 0), (1, 0), (0, 0)]", "[(0, 0), (0, 0), (0, 0), (0, 0)]");
    assert_eq!(warnings_with(&[("HTTP_PROXY", PROXY)]), each);
    assert_eq!(warnings_with(&[("all_proxy", PROXY)]), each);
    assert_eq!(warnings_with(&[]), none);
    assert_eq!(warnings_with(&[("HTTPS_PROXY", PROXY)]), none);
    assert_eq!(warnings_with(&[("HTTP_PROXY", PROXY), ("NO_PROXY", "localhost,127.0.0.1,::1")]), none);
    let excluded = [("HTTP_PROXY", PROXY), ("no_proxy", "127.0.0.0/8")];
    assert_eq!(warnings_with(&excluded), "[(0, 0), (1, 0), (1, 0), (0, 0)]");
}

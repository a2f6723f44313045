//! A gateway behind TLS, in a process of its own: one fixed record, over HTTP/2 where it offers that.

use std::convert::Infallible;
use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use crate::record;

/// What the process is told to offer: how many streams of HTTP/2 at once, or `0` for HTTP/1.1 alone.
const ROLE: &str = "LUMA_WATCH_BENCH_STREAMS";
const H2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";
/// The last line of a certificate.
const END: &str = "-----END";

static CONNECTIONS: AtomicUsize = AtomicUsize::new(0);
static OVER_HTTP1: AtomicUsize = AtomicUsize::new(0);
static OVER_HTTP2: AtomicUsize = AtomicUsize::new(0);

/// The gateway's process. It ends when this is dropped.
pub(crate) struct Gateway {
    process: Child,
    told: BufReader<ChildStdout>,
    url: String,
    certificate: String,
}

/// What a gateway has seen since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) connections: usize,
    pub(crate) over_http1: usize,
    pub(crate) over_http2: usize,
}

impl Gateway {
    /// Starts this very program again, as the gateway: its `main` must begin with [`serve_if_asked_to`].
    pub(crate) fn start(streams: Option<u32>) -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .env(ROLE, streams.unwrap_or(0).to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the gateway's process starts");
        let mut told = BufReader::new(process.stdout.take().unwrap());
        let url = line(&mut told).trim().to_owned();
        let mut certificate = String::new();
        while !certificate.contains(END) {
            certificate += &line(&mut told);
        }
        Self { process, told, url, certificate }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The one to trust, in PEM.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    pub(crate) fn seen(&mut self) -> Seen {
        writeln!(self.process.stdin.as_mut().unwrap()).unwrap();
        let line = line(&mut self.told);
        let mut counts = line.split_whitespace().map(|count| count.parse().unwrap());
        let mut next = || counts.next().expect("three counts");
        Seen { connections: next(), over_http1: next(), over_http2: next() }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // The end of its input is its end.
        drop(self.process.stdin.take());
        drop(self.process.wait());
    }
}

fn line(told: &mut impl BufRead) -> String {
    let mut line = String::new();
    assert!(told.read_line(&mut line).unwrap() > 0, "the gateway has ended");
    line
}

/// Whether this process was the gateway; then it has nothing more to do.
pub(crate) fn serve_if_asked_to() -> bool {
    let Ok(streams) = env::var(ROLE) else { return false };
    let streams = streams.parse().unwrap();
    thread::spawn(move || serve(streams));
    // Each line is a question.
    for line in io::stdin().lines() {
        assert!(line.unwrap().is_empty());
        let [connections, http1, http2] =
            [&CONNECTIONS, &OVER_HTTP1, &OVER_HTTP2].map(|count| count.load(Ordering::Relaxed));
        println!("{connections} {http1} {http2}");
    }
    true
}

#[tokio::main(flavor = "current_thread")]
async fn serve(streams: u32) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([Ipv4Addr::LOCALHOST.to_string()]).unwrap().self_signed(&key).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        .unwrap();
    let offered: &[&[u8]] = if streams > 0 { &[H2, HTTP1] } else { &[HTTP1] };
    config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    println!("https://{}\n{}", listener.local_addr().unwrap(), certificate.pem().trim());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        CONNECTIONS.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(converse(acceptor.clone(), stream, streams));
    }
}

/// A client that leaves in the middle is no error.
async fn converse(acceptor: TlsAcceptor, stream: TcpStream, streams: u32) {
    stream.set_nodelay(true).unwrap();
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let agreed = stream.get_ref().1.alpn_protocol() == Some(H2);
    let (stream, answer) = (TokioIo::new(stream), service_fn(answer));
    if agreed {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        drop(builder.max_concurrent_streams(streams).serve_connection(stream, answer).await);
    } else {
        drop(http1::Builder::new().serve_connection(stream, answer).await);
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    let count = if request.version() == Version::HTTP_2 { &OVER_HTTP2 } else { &OVER_HTTP1 };
    count.fetch_add(1, Ordering::Relaxed);
    let id = request.uri().query().and_then(|query| query.strip_prefix("taskId=")).expect("?taskId=ID");
    Ok(Response::builder().header("content-type", "application/json").body(record::of(id)).unwrap())
}

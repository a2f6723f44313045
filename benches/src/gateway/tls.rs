//! A gateway over TLS on loopback. It answers each request with the same record, over HTTP/2 or HTTP/1.1.

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
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::record;

/// The gateway's certificate, self-signed, for 127.0.0.1 until the year 2120: a client must trust it.
pub const CERTIFICATE: &str = include_str!("certificate.pem");
/// The file of [`CERTIFICATE`]. A process with `SSL_CERT_FILE` set to it trusts this certificate and no other.
pub const CERTIFICATE_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/gateway/certificate.pem");
const PRIVATE_KEY: &str = include_str!("private_key.pem");

/// The number of concurrent HTTP/2 streams that hyper allows by default.
pub const DEFAULT_STREAMS: u32 = 200;

/// The environment variable of the process: how many concurrent HTTP/2 streams to allow, or `0` for HTTP/1.1 only.
const ROLE: &str = "LUMA_WATCH_BENCH_STREAMS";
const H2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

static CONNECTIONS: AtomicUsize = AtomicUsize::new(0);
static OVER_HTTP1: AtomicUsize = AtomicUsize::new(0);
static OVER_HTTP2: AtomicUsize = AtomicUsize::new(0);

/// The gateway's process. It ends when this value is dropped.
pub struct Gateway {
    process: Child,
    output: BufReader<ChildStdout>,
    url: String,
}

/// What a gateway has counted since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub connections: usize,
    pub over_http1: usize,
    pub over_http2: usize,
}

impl Gateway {
    /// Starts this program a second time, as the gateway. Its `main` must begin with `gateway::serve_if_asked_to`.
    /// `streams` is the number of concurrent HTTP/2 streams that it allows. `None`: it offers HTTP/1.1 only.
    pub fn start(streams: Option<u32>) -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .env(ROLE, streams.unwrap_or(0).to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the gateway's process starts");
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let url = read_line(&mut output).trim().to_owned();
        Self { process, output, url }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// The counts so far.
    pub fn counts(&mut self) -> Counts {
        writeln!(self.process.stdin.as_mut().unwrap()).unwrap();
        let line = read_line(&mut self.output);
        let mut counts = line.split_whitespace().map(|count| count.parse().unwrap());
        let mut next = || counts.next().expect("three counts");
        Counts { connections: next(), over_http1: next(), over_http2: next() }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // The process ends when its input ends.
        drop(self.process.stdin.take());
        drop(self.process.wait());
    }
}

fn read_line(output: &mut impl BufRead) -> String {
    let mut line = String::new();
    assert!(output.read_line(&mut line).unwrap() > 0, "the gateway has ended");
    line
}

/// Serves if this process was started as this gateway, and returns whether it was.
pub(super) fn serve_if_asked_to() -> bool {
    let Ok(streams) = env::var(ROLE) else { return false };
    let streams = streams.parse().unwrap();
    thread::spawn(move || serve(streams));
    // Each line of the input asks for the counts.
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
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(PRIVATE_KEY.as_bytes()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let offered: &[&[u8]] = if streams > 0 { &[H2, HTTP1] } else { &[HTTP1] };
    config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    println!("https://{}", listener.local_addr().unwrap());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        CONNECTIONS.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(serve_connection(acceptor.clone(), stream, streams));
    }
}

/// It is no error if the client closes the connection early.
async fn serve_connection(acceptor: TlsAcceptor, stream: TcpStream, streams: u32) {
    stream.set_nodelay(true).unwrap();
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let http2_chosen = stream.get_ref().1.alpn_protocol() == Some(H2);
    let (stream, answer) = (TokioIo::new(stream), service_fn(answer));
    if http2_chosen {
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

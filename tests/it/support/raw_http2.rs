//! A server of HTTP/2 over TLS, frame by frame: it ends connections and refuses requests as no library lets it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::tls::{LOCALHOST, server_config};

/// What comes of a request.
#[derive(Clone, Copy)]
pub(crate) enum Reply {
    /// A record of an unfinished task.
    Record,
    /// The same, and a GOAWAY without an error leaves out all that follow on this connection.
    LastRecord,
    /// The stream is reset with this error code.
    Reset(u32),
    /// A GOAWAY with this error code leaves it out, and all that follow on this connection.
    GoAway(u32),
    /// The connection is closed without a word.
    Close,
}

pub(crate) const NO_ERROR: u32 = 0;
pub(crate) const INTERNAL_ERROR: u32 = 2;
pub(crate) const REFUSED_STREAM: u32 = 7;
pub(crate) const CANCEL: u32 = 8;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;

/// Given the number of the connection, and that of the request on it, both from 0.
type Script = dyn Fn(usize, usize) -> Reply + Send + Sync;

#[derive(Clone)]
pub(crate) struct RawHttp2 {
    port: u16,
    /// The connection of each request.
    requests: Arc<Mutex<Vec<usize>>>,
    connections: Arc<AtomicUsize>,
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `:status: 200` in HPACK.
const STATUS_200: &[u8] = &[0x88];
const BODY: &[u8] = br#"{"code":200,"data":{"successFlag":0}}"#;

impl RawHttp2 {
    pub(crate) async fn start(script: impl Fn(usize, usize) -> Reply + Send + Sync + 'static) -> Self {
        let mut config = server_config(LOCALHOST);
        config.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self { port, requests: Arc::default(), connections: Arc::default() };
        let (accepting, script): (_, Arc<Script>) = (server.clone(), Arc::new(script));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let connection = accepting.connections.fetch_add(1, Ordering::SeqCst);
                let (server, acceptor, script) = (accepting.clone(), acceptor.clone(), Arc::clone(&script));
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        // The end: the client or the script has closed the connection.
                        let _end = server.serve(stream, connection, script).await;
                    }
                });
            }
        });
        server
    }

    async fn serve(
        self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        connection: usize,
        script: Arc<Script>,
    ) -> std::io::Result<()> {
        let mut preface = [0; 24];
        stream.read_exact(&mut preface).await?;
        write(&mut stream, SETTINGS, 0, 0, &[]).await?;
        let (mut number, mut answered, mut leaves) = (0, 0, false);
        loop {
            let (kind, flags, id, payload) = read(&mut stream).await?;
            match kind {
                SETTINGS if flags & ACK == 0 => write(&mut stream, SETTINGS, ACK, 0, &[]).await?,
                PING if flags & ACK == 0 => write(&mut stream, PING, ACK, 0, &payload).await?,
                HEADERS => {
                    self.requests.lock().unwrap().push(connection);
                    if leaves {
                        continue;
                    }
                    let reply = script(connection, number);
                    number += 1;
                    match reply {
                        Reply::Record | Reply::LastRecord => {
                            answered = id;
                            write(&mut stream, HEADERS, END_HEADERS, id, STATUS_200).await?;
                            write(&mut stream, DATA, END_STREAM, id, BODY).await?;
                            if matches!(reply, Reply::LastRecord) {
                                leaves = true;
                                go_away(&mut stream, answered, NO_ERROR).await?;
                            }
                        }
                        Reply::Reset(code) => write(&mut stream, RST_STREAM, 0, id, &code.to_be_bytes()).await?,
                        Reply::GoAway(code) => {
                            leaves = true;
                            go_away(&mut stream, answered, code).await?;
                        }
                        Reply::Close => return Ok(()),
                    }
                }
                _ => {}
            }
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// The number of the connection of each request.
    pub(crate) fn requests(&self) -> Vec<usize> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Type, flags, stream and payload of the next frame.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<(u8, u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await?;
    let [a, b, c, kind, flags, id @ ..] = head;
    let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
    stream.read_exact(&mut payload).await?;
    Ok((kind, flags, u32::from_be_bytes(id), payload))
}

/// `last`: the last stream that is answered.
async fn go_away(stream: &mut (impl AsyncWrite + Unpin), last: u32, code: u32) -> std::io::Result<()> {
    write(stream, GOAWAY, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat()).await
}

async fn write(
    stream: &mut (impl AsyncWrite + Unpin),
    kind: u8,
    flags: u8,
    id: u32,
    payload: &[u8],
) -> std::io::Result<()> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &id.to_be_bytes()].concat();
    stream.write_all(&[&head, payload].concat()).await?;
    stream.flush().await
}

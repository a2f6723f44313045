//! A server that sends the bytes a test gives it, and records the requests.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// The answer to a request.
pub(crate) enum Answer {
    /// These bytes; the connection is kept.
    Page(String),
    /// These bytes; then the connection is closed, which they do not announce.
    LastPage(String),
    /// The connection is closed.
    Close,
    /// No answer; the connection is kept.
    Silence,
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The number of its connection, from 0.
    pub(crate) connection: usize,
    /// Its request line and headers.
    pub(crate) head: String,
}

type Script = dyn Fn(usize, &str) -> Answer + Send + Sync;

#[derive(Clone)]
pub(crate) struct RawServer {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<AtomicUsize>,
    /// A request has come.
    pub(crate) came: Arc<Notify>,
    /// The client has closed a connection.
    pub(crate) left: Arc<Notify>,
}

impl RawServer {
    /// On a free port. `script` answers a request, given its number from 0 and its head.
    pub(crate) async fn start(script: impl Fn(usize, &str) -> Answer + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), script)
    }

    pub(crate) fn on(listener: TcpListener, script: impl Fn(usize, &str) -> Answer + Send + Sync + 'static) -> Self {
        let server = Self {
            address: listener.local_addr().unwrap(),
            asked: Arc::default(),
            connections: Arc::default(),
            came: Arc::default(),
            left: Arc::default(),
        };
        let (accepting, script): (_, Arc<Script>) = (server.clone(), Arc::new(script));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let connection = accepting.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(accepting.clone().serve(stream, connection, Arc::clone(&script)));
            }
        });
        server
    }

    async fn serve(self, mut stream: impl AsyncRead + AsyncWrite + Unpin, connection: usize, script: Arc<Script>) {
        while let Some(head) = head(&mut stream).await {
            let number = {
                let mut asked = self.asked.lock().unwrap();
                let number = asked.len();
                asked.push(Asked { connection, head: head.clone() });
                number
            };
            self.came.notify_one();
            match script(number, &head) {
                Answer::Page(bytes) => stream.write_all(bytes.as_bytes()).await.unwrap(),
                Answer::LastPage(bytes) => return stream.write_all(bytes.as_bytes()).await.unwrap(),
                Answer::Close => return,
                Answer::Silence => {}
            }
        }
        self.left.notify_one();
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// How many connections were opened to it.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// The head of the next request. `None`: the client has closed the connection.
pub(crate) async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

/// An HTTP answer with this record.
pub(crate) fn record(fields: &str) -> String {
    let body = format!(r#"{{"code":200,"msg":"success","data":{{{fields}}}}}"#);
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

pub(crate) fn generating() -> String {
    record(r#""successFlag":0"#)
}

pub(crate) fn done() -> String {
    record(r#""successFlag":1,"response":{"resultUrls":["https://files.example.com/v.mp4"]}"#)
}

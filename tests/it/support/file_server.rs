//! A server of files that answers by a script, and records what it saw. It can cut, stall, drip and lie.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

use super::file_reply::{End, Reply};
use super::raw_server::head;

/// A request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct FileRequest {
    /// How many requests came before it to the same target.
    pub(crate) attempt: usize,
    pub(crate) at: Instant,
    /// Request line and headers.
    pub(crate) head: String,
}

impl FileRequest {
    /// Path and query.
    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The first byte that it asks for, if it asks for the rest of a file.
    pub(crate) fn range(&self) -> Option<usize> {
        self.header("range")
            .map(|range| range.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse().unwrap())
    }
}

type Script = dyn Fn(&FileRequest) -> Reply + Send + Sync;

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<FileRequest>>,
    connections: AtomicUsize,
    /// Requests that are being answered.
    busy: AtomicUsize,
    most_busy: AtomicUsize,
    /// Connections that the client closed in the middle of an answer.
    left: AtomicUsize,
}

#[derive(Clone)]
pub(crate) struct FileServer {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
}

impl FileServer {
    /// On a free port. The script answers each request.
    pub(crate) async fn start(script: impl Fn(&FileRequest) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self { address: listener.local_addr().unwrap(), seen: Arc::default() };
        let (accepting, script): (_, Arc<Script>) = (server.clone(), Arc::new(script));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                accepting.seen.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(accepting.clone().serve(stream, Arc::clone(&script)));
            }
        });
        server
    }

    async fn serve(self, mut stream: TcpStream, script: Arc<Script>) {
        while let Some(head) = head(&mut stream).await {
            let request = self.record(head);
            let busy = self.seen.busy.fetch_add(1, Ordering::SeqCst) + 1;
            self.seen.most_busy.fetch_max(busy, Ordering::SeqCst);
            let end = self.answer(&mut stream, script(&request)).await;
            self.seen.busy.fetch_sub(1, Ordering::SeqCst);
            match end {
                Ok(End::Keep) => {}
                Ok(_) => return,
                Err(_) => {
                    self.seen.left.fetch_add(1, Ordering::SeqCst);
                    return;
                }
            }
        }
    }

    fn record(&self, head: String) -> FileRequest {
        let mut requests = self.seen.requests.lock().unwrap();
        let mut request = FileRequest { attempt: 0, at: Instant::now(), head };
        request.attempt = requests.iter().filter(|before| before.target() == request.target()).count();
        requests.push(request.clone());
        request
    }

    /// An error: the client has closed the connection.
    async fn answer(&self, stream: &mut TcpStream, reply: Reply) -> std::io::Result<End> {
        while self.requests().len() < reply.waits_for {
            sleep(Duration::from_millis(5)).await;
        }
        for (index, piece) in reply.pieces().into_iter().enumerate() {
            // The head is the first piece.
            if index > 1 && !reply.pause.is_zero() {
                sleep(reply.pause).await;
            }
            stream.write_all(&piece).await?;
        }
        if reply.end == End::Stall {
            // Until the client leaves: a client sends nothing before it has the answer.
            stream.read_u8().await?;
        }
        Ok(reply.end)
    }

    /// The URL of this target, which begins with a slash.
    pub(crate) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<FileRequest> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// The first byte that each request asks for.
    pub(crate) fn ranges(&self) -> Vec<Option<usize>> {
        self.requests().iter().map(FileRequest::range).collect()
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// The most requests that were answered at the same time.
    pub(crate) fn most_at_once(&self) -> usize {
        self.seen.most_busy.load(Ordering::SeqCst)
    }

    /// How many connections the client closed in the middle of an answer.
    pub(crate) fn left(&self) -> usize {
        self.seen.left.load(Ordering::SeqCst)
    }
}

//! The face on loopback: the same answers over real sockets.

use std::convert::Infallible;
use std::fmt;
use std::future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use reqwest::Url;
use reqwest::header::AUTHORIZATION;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

use super::Simulator;
use super::engine::{Answer, HttpResponse};
use crate::task::TaskId;

const PATH: &str = "/api/v1/modify/record-info";

/// A [`Simulator`] that answers over HTTP/1.1 on loopback. Dropping it stops it: the runtime closes its port and its
/// connections.
#[must_use = "a server that is dropped stops"]
pub struct Server {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Server {
    pub(super) async fn start(simulator: Simulator) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(accept(listener, simulator));
        Ok(Self { address, accepting })
    }

    /// What to give to [`ClientBuilder::base_url`](crate::ClientBuilder::base_url).
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

async fn accept(listener: TcpListener, simulator: Simulator) {
    // Dropped with this future, and with it every connection.
    let mut connections = JoinSet::new();
    #[cfg(feature = "callback")]
    connections.spawn(super::callback_sender::run(simulator.clone()));
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(connection(stream, simulator.clone()))),
                // Out of file descriptors, say: it passes.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            _ = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn connection(stream: TcpStream, simulator: Simulator) {
    let reset = Arc::new(Notify::new());
    let signal = Arc::clone(&reset);
    let service = service_fn(move |request| answer(request, simulator.clone(), Arc::clone(&signal)));
    // Small answers on a kept connection: waiting for more to send would add 40 ms to each.
    drop(stream.set_nodelay(true));
    let mut serving = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = &mut serving => {}
        () = reset.notified() => drop(serving.into_parts().io.into_inner().set_zero_linger()),
    }
}

async fn answer(
    request: hyper::Request<Incoming>,
    simulator: Simulator,
    reset: Arc<Notify>,
) -> Result<Response<Sent>, Infallible> {
    let (answer, latency) = {
        let mut engine = simulator.lock();
        let answer = match parse(&request) {
            Ok((id, key)) => engine.answer(&id, key),
            Err((status, message)) => {
                let at = engine.now();
                Answer::Whole(engine.envelope(status, status.into(), message, None, at))
            }
        };
        (answer, engine.latency)
    };
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    match answer {
        Answer::Whole(page) => Ok(response(page, false)),
        Answer::Truncated(page) => Ok(response(page, true)),
        Answer::Reset => {
            reset.notify_one();
            future::pending().await
        }
        Answer::Stall => future::pending().await,
    }
}

/// The task and the key in a request, or what the gateway says to one that is not its own.
fn parse(request: &hyper::Request<Incoming>) -> Result<(TaskId, Option<&str>), (u16, &'static str)> {
    if request.uri().path() != PATH {
        return Err((404, "Not Found"));
    }
    if request.method() != Method::GET {
        return Err((405, "Method Not Allowed"));
    }
    let url = Url::parse(&format!("http://localhost{}", request.uri())).map_err(|_| (400, "Bad Request"))?;
    let id = url.query_pairs().find(|(name, value)| name == "taskId" && !value.is_empty());
    let id = id.map(|(_, id)| TaskId::from(id.as_ref())).ok_or((422, "taskId cannot be empty"))?;
    let authorization = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    Ok((id, authorization.and_then(|value| value.strip_prefix("Bearer "))))
}

fn response(page: HttpResponse, truncated: bool) -> Response<Sent> {
    let body = if truncated { page.body.slice(..page.body.len() / 2) } else { page.body.clone() };
    let mut response = Response::new(Sent { left: Some(body), whole: page.body.len(), truncated, flushed: false });
    if let Ok(status) = hyper::StatusCode::from_u16(page.status) {
        *response.status_mut() = status;
    }
    *response.headers_mut() = page.headers;
    response
}

/// A body of one piece, which may promise more than it holds.
struct Sent {
    left: Option<Bytes>,
    whole: usize,
    truncated: bool,
    flushed: bool,
}

impl Body for Sent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(piece) = self.left.take() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        if !self.truncated {
            return Poll::Ready(None);
        }
        if !self.flushed {
            // The piece must be on its way before the connection goes down.
            self.flushed = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_none() && !self.truncated
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.whole as u64)
    }
}

//! The gateway over HTTP on loopback: the same responses through real sockets.

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
use reqwest::header::{AUTHORIZATION, HOST};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

use super::engine::{Exchange, HttpResponse};
use super::files::FILES_PATH;
use super::shared_engine::SharedEngine;
use crate::endpoint::{LUMA_MODIFY, written};
use crate::task::TaskId;

/// How long to wait before the next connection is accepted, after an error.
const ACCEPT_RETRY_PAUSE: Duration = Duration::from_millis(10);

/// A [`Simulator`](super::Simulator) that answers over HTTP/1.1 on the loopback address.
///
/// [`Simulator::serve`](super::Simulator::serve) starts it. It stops when it is dropped: its port and its connections
/// are closed by the runtime, shortly after.
#[must_use = "a server stops when it is dropped"]
pub struct Server {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Server {
    pub(super) async fn start(engine: SharedEngine, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        engine.lock().files_folder = format!("http://{address}{FILES_PATH}");
        let accepting = tokio::spawn(accept(listener, engine));
        Ok(Self { address, accepting })
    }

    /// The URL of the server, for [`ClientBuilder::base_url`](crate::ClientBuilder::base_url).
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

async fn accept(listener: TcpListener, engine: SharedEngine) {
    // Dropped with this future, which ends every connection.
    let mut connections = JoinSet::new();
    #[cfg(feature = "callback")]
    connections.spawn(super::callback_sender::run(engine.clone()));
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(connection(stream, engine.clone()))),
                // For example, no file descriptor is left. It passes.
                Err(_) => tokio::time::sleep(ACCEPT_RETRY_PAUSE).await,
            },
            _ = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn connection(stream: TcpStream, engine: SharedEngine) {
    let reset = Arc::new(Notify::new());
    let signal = Arc::clone(&reset);
    let service = service_fn(move |request| respond(request, engine.clone(), Arc::clone(&signal)));
    // Nagle's algorithm would delay each small response on a kept connection by 40 ms.
    drop(stream.set_nodelay(true));
    let mut serving = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = &mut serving => {}
        () = reset.notified() => drop(serving.into_parts().io.into_inner().set_zero_linger()),
    }
}

/// Responds to a request. Notifies `reset` where the connection is to be reset.
async fn respond(
    request: hyper::Request<Incoming>,
    engine: SharedEngine,
    reset: Arc<Notify>,
) -> Result<Response<ResponseBody>, Infallible> {
    let (exchange, latency) = {
        let mut engine = engine.lock();
        let exchange = match parse(&request) {
            Ok(Asked::File { url }) => engine.file_exchange(&url, request.headers()),
            Ok(Asked::Record { id, key }) => engine.answer(&id, key),
            Err((status, message)) => {
                let at = engine.now();
                Exchange::Whole(engine.envelope(status, status.into(), message, None, at))
            }
        };
        (exchange, engine.latency)
    };
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    match exchange {
        Exchange::Whole(response) => Ok(http_response(response, false)),
        Exchange::Truncated(response) => Ok(http_response(response, true)),
        Exchange::Reset => {
            reset.notify_one();
            future::pending().await
        }
        Exchange::Stall => future::pending().await,
    }
}

/// What a request asks for.
enum Asked<'a> {
    Record { id: TaskId, key: Option<&'a str> },
    File { url: String },
}

/// Returns what a request asks for, or the HTTP status and the message that refuse it.
fn parse(request: &hyper::Request<Incoming>) -> Result<Asked<'_>, (u16, &'static str)> {
    if request.method() == Method::GET && request.uri().path().starts_with(FILES_PATH) {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        return Ok(Asked::File { url: format!("http://{host}{}", request.uri()) });
    }
    if request.uri().path().strip_prefix('/') != Some(LUMA_MODIFY.path) {
        return Err((404, "Not Found"));
    }
    if request.method() != Method::GET {
        return Err((405, "Method Not Allowed"));
    }
    let url = Url::parse(&format!("http://localhost{}", request.uri())).map_err(|_| (400, "Bad Request"))?;
    let id = url.query_pairs().find(|(name, value)| name == LUMA_MODIFY.id_parameter && !value.is_empty());
    let id = id.map(|(_, id)| TaskId::from(id.as_ref())).ok_or((422, written::NO_ID))?;
    let authorization = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    Ok(Asked::Record { id, key: authorization.and_then(|value| value.strip_prefix("Bearer ")) })
}

/// Makes a response of hyper's. With `truncated`, it breaks off after half of the body.
fn http_response(response: HttpResponse, truncated: bool) -> Response<ResponseBody> {
    let HttpResponse { status, headers, body } = response;
    let length = body.len();
    let sent = if truncated { body.slice(..length / 2) } else { body };
    let mut response = Response::new(ResponseBody { unsent: Some(sent), length, truncated, flushed: false });
    if let Ok(status) = hyper::StatusCode::from_u16(status) {
        *response.status_mut() = status;
    }
    *response.headers_mut() = headers;
    response
}

/// A body in one frame. A truncated one announces more than it sends.
struct ResponseBody {
    unsent: Option<Bytes>,
    /// The announced length, in bytes.
    length: usize,
    truncated: bool,
    flushed: bool,
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(bytes) = self.unsent.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if !self.truncated {
            return Poll::Ready(None);
        }
        if !self.flushed {
            // The first half must be sent before the error closes the connection.
            self.flushed = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.unsent.is_none() && !self.truncated
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length as u64)
    }
}

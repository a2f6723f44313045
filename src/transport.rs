//! One question, one answer: the seam between a watch and whatever carries its polls.

mod http;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::error::{Error, ErrorKind};
use crate::task::{Task, TaskId};
use crate::wire::{self, Reply};

#[cfg(feature = "simulator")]
pub(crate) use http::bearer;
pub(crate) use http::{Http, Settings};

/// No record is longer; what is longer is not the gateway's.
pub(crate) const LONGEST_BODY: usize = 1024 * 1024;

/// Carries a question to the gateway and its reply back. The future owns what it needs; dropping it aborts the request.
pub(crate) trait Transport: Send + Sync + 'static {
    fn fetch(self: Arc<Self>, id: TaskId) -> impl Future<Output = Result<Reply, Error>> + Send + 'static;

    /// What must not show in what the other side says, even if it repeats it.
    fn secret(&self) -> &str;
}

/// A question under way.
pub(crate) type Asking = Pin<Box<dyn Future<Output = Result<Task, Error>> + Send>>;

/// A transport, whichever it is, that answers in tasks and errors, and within the request timeout.
#[derive(Clone)]
pub(crate) struct Line(Arc<dyn Ask>);

impl Line {
    pub(crate) fn new<T: Transport>(transport: T, timeout: Duration) -> Self {
        Self(Arc::new(Timed { transport: Arc::new(transport), timeout }))
    }

    /// Nothing is sent before the future is polled.
    pub(crate) fn ask(&self, id: &TaskId) -> Asking {
        self.0.ask(id)
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}

trait Ask: Send + Sync {
    fn ask(&self, id: &TaskId) -> Asking;
}

struct Timed<T> {
    transport: Arc<T>,
    timeout: Duration,
}

impl<T: Transport> Ask for Timed<T> {
    // One box for all that a poll in flight needs, so that an idle watch holds none of it.
    fn ask(&self, id: &TaskId) -> Asking {
        if id.as_ref().trim().is_empty() {
            return Box::pin(std::future::ready(Err(Error::new(ErrorKind::InvalidRequest, "the task id is empty"))));
        }
        let transport = Arc::clone(&self.transport);
        let timeout = self.timeout;
        let id = id.clone();
        Box::pin(async move {
            let reply = tokio::time::timeout(timeout, Arc::clone(&transport).fetch(id.clone())).await;
            match reply {
                Ok(Ok(reply)) => wire::read(&id, reply, SystemTime::now(), transport.secret()),
                Ok(Err(error)) => Err(error),
                Err(_) => Err(Error::new(ErrorKind::Timeout, format!("no whole answer within {timeout:?}"))),
            }
        })
    }
}

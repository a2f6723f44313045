//! The gateway in memory: a transport that takes no time but the simulated latency.

use std::future;
use std::sync::Arc;

use super::engine::{Exchange as Answer, HttpResponse};
use super::shared_engine::SharedEngine;
use crate::error::Error;
use crate::gateway::{LONGEST_BODY, Transport, bearer, broken, cut_short, too_long};
use crate::task::TaskId;
use crate::wire::Reply;

/// A client's transport to a simulator, without a socket.
pub(crate) struct InMemory {
    simulator: SharedEngine,
    api_key: String,
}

impl InMemory {
    /// Refuses keys that no HTTP header could carry, as the HTTP transport does.
    pub(super) fn new(simulator: SharedEngine, api_key: String) -> Result<Self, Error> {
        bearer(&api_key)?;
        Ok(Self { simulator, api_key })
    }
}

impl Transport for InMemory {
    async fn fetch(self: Arc<Self>, id: TaskId) -> Result<Reply, Error> {
        let (answer, latency) = {
            let mut engine = self.simulator.lock();
            (engine.answer(&id, Some(&self.api_key)), engine.latency)
        };
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let whole = |HttpResponse { status, headers, body }: HttpResponse| Reply { status, headers, body: Ok(body) };
        match answer {
            Answer::Whole(page) if page.body.len() > LONGEST_BODY => Ok(Reply { body: Err(too_long()), ..whole(page) }),
            Answer::Whole(page) => Ok(whole(page)),
            Answer::Truncated(page) => Ok(Reply { body: Err(cut_short()), ..whole(page) }),
            Answer::Reset => Err(broken()),
            Answer::Stall => future::pending().await,
        }
    }

    fn secret(&self) -> &str {
        &self.api_key
    }
}

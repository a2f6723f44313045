//! The gateway in memory: a transport that takes no time but the simulated latency.

use std::future;
use std::time::SystemTime;

use super::engine::{Exchange, HttpResponse};
use super::shared_engine::SharedEngine;
use crate::error::Error;
use crate::task::TaskId;
use crate::transport::{MAX_BODY, Variation, bearer, broken, cut_short, too_long};
use crate::wire::Reply;

/// A client's transport to a simulator, without a socket.
pub(crate) struct InMemory {
    engine: SharedEngine,
    /// `None`: each request has a key of its own.
    api_key: Option<String>,
}

impl InMemory {
    /// Refuses keys that no HTTP header could carry, as the HTTP transport does.
    pub(super) fn new(engine: SharedEngine, api_key: Option<String>) -> Result<Self, Error> {
        api_key.as_deref().map(bearer).transpose()?;
        Ok(Self { engine, api_key })
    }

    /// Sends one request. Dropping the future aborts it.
    pub(crate) async fn fetch(&self, id: &TaskId, variation: Option<&Variation<'_>>) -> Result<Reply, Error> {
        let api_key = variation.and_then(|variation| variation.key).map_or_else(|| self.api_key(), |key| &key.text);
        let (exchange, latency) = {
            let mut engine = self.engine.lock();
            (engine.answer(id, Some(api_key)), engine.latency)
        };
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let whole = |HttpResponse { status, headers, body }: HttpResponse| Reply { status, headers, body: Ok(body) };
        match exchange {
            Exchange::Whole(page) if page.body.len() > MAX_BODY => Ok(Reply { body: Err(too_long()), ..whole(page) }),
            Exchange::Whole(page) => Ok(whole(page)),
            Exchange::Truncated(page) => Ok(Reply { body: Err(cut_short()), ..whole(page) }),
            Exchange::Reset => Err(broken()),
            Exchange::Stall => future::pending().await,
        }
    }

    /// The date at the simulator, which goes with tokio's clock.
    pub(crate) fn wall_clock(&self) -> SystemTime {
        self.engine.lock().wall_clock()
    }

    /// The key, to be taken out of what the gateway writes.
    pub(crate) fn api_key(&self) -> &str {
        self.api_key.as_deref().unwrap_or_default()
    }
}

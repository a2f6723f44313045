//! The face in memory: nothing but tokio's clock between question and answer.

use std::future;

use super::Simulator;
use super::engine::{Answer, HttpResponse};
use crate::error::Error;
use crate::task::TaskId;
use crate::transport::{MAX_BODY, bearer, broken, cut_short, too_long};
use crate::wire::Reply;

/// A client's way to a simulator without a socket.
pub(crate) struct InMemory {
    simulator: Simulator,
    api_key: String,
}

impl InMemory {
    pub(crate) fn new(simulator: Simulator, api_key: String) -> Result<Self, Error> {
        // The rules for a key do not depend on the way that it takes.
        bearer(&api_key)?;
        Ok(Self { simulator, api_key })
    }

    /// Sends one request. Dropping the future aborts it.
    pub(crate) async fn fetch(&self, id: &TaskId) -> Result<Reply, Error> {
        let (answer, latency) = {
            let mut engine = self.simulator.lock();
            (engine.answer(id, Some(&self.api_key)), engine.latency)
        };
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let whole = |HttpResponse { status, headers, body }: HttpResponse| Reply { status, headers, body: Ok(body) };
        match answer {
            Answer::Whole(page) if page.body.len() > MAX_BODY => Ok(Reply { body: Err(too_long()), ..whole(page) }),
            Answer::Whole(page) => Ok(whole(page)),
            Answer::Truncated(page) => Ok(Reply { body: Err(cut_short()), ..whole(page) }),
            Answer::Reset => Err(broken()),
            Answer::Stall => future::pending().await,
        }
    }

    /// The key, to be taken out of what the gateway writes.
    pub(crate) fn api_key(&self) -> &str {
        &self.api_key
    }
}

//! The face in memory: nothing but tokio's clock between question and answer.

use std::future;
use std::sync::Arc;

use super::Simulator;
use super::timeline::{Answer, Page};
use crate::error::Error;
use crate::task::TaskId;
use crate::transport::{LONGEST_BODY, Transport, bearer, broken, cut_short, too_long};
use crate::wire::Reply;

/// A client's way to a simulator without a socket.
pub(crate) struct Memory {
    simulator: Simulator,
    api_key: String,
}

impl Memory {
    pub(crate) fn new(simulator: Simulator, api_key: String) -> Result<Self, Error> {
        // The rules for a key do not depend on the way that it takes.
        bearer(&api_key)?;
        Ok(Self { simulator, api_key })
    }
}

impl Transport for Memory {
    async fn fetch(self: Arc<Self>, id: TaskId) -> Result<Reply, Error> {
        let (answer, latency) = {
            let mut timeline = self.simulator.lock();
            (timeline.answer(&id, Some(&self.api_key)), timeline.latency)
        };
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let whole = |Page { status, headers, body }: Page| Reply { status, headers, body: Ok(body) };
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

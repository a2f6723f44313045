//! The result files in memory, for downloads of a client that uses the simulator.

use std::future;

use bytes::Bytes;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderValue, IF_RANGE, RANGE};

use super::engine::{Exchange, HttpResponse};
use super::shared_engine::SharedEngine;
use crate::error::Error;
use crate::transport::broken;

/// A response to a request for a file.
pub(crate) struct SimulatedResponse {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether it breaks off at the end of this body.
    pub(crate) cut: bool,
}

/// Where a client downloads from, without a socket.
pub(crate) struct SimulatedFiles {
    engine: SharedEngine,
}

impl SimulatedFiles {
    pub(super) fn new(engine: SharedEngine) -> Self {
        Self { engine }
    }

    /// Asks for a file, or for the rest of it from a byte on. Dropping the future aborts the request.
    pub(crate) async fn fetch(&self, url: &str, rest: Option<(u64, &str)>) -> Result<SimulatedResponse, Error> {
        let mut headers = HeaderMap::new();
        if let Some((offset, validator)) = rest {
            headers.extend(HeaderValue::try_from(format!("bytes={offset}-")).map(|range| (RANGE, range)));
            headers.extend(HeaderValue::try_from(validator).map(|validator| (IF_RANGE, validator)));
        }
        let (exchange, latency) = {
            let mut engine = self.engine.lock();
            (engine.file_exchange(url, &headers), engine.latency)
        };
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let with_length = |HttpResponse { status, mut headers, body }: HttpResponse, cut| {
            headers.insert(CONTENT_LENGTH, body.len().into());
            let body = if cut { body.slice(..body.len() / 2) } else { body };
            SimulatedResponse { status, headers, body, cut }
        };
        match exchange {
            Exchange::Whole(response) => Ok(with_length(response, false)),
            Exchange::Truncated(response) => Ok(with_length(response, true)),
            Exchange::Reset => Err(broken()),
            Exchange::Stall => future::pending().await,
        }
    }
}

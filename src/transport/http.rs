//! Requests over HTTP, by reqwest.

use std::error::Error as StdError;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, HeaderValue, USER_AGENT};
use reqwest::{Method, Request, Response};

use super::api_key::bearer;
use super::base_url::endpoint_url;
use super::failure::{MAX_BODY, causes, cut_short, failure, too_long};
use super::own_client::own_client;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::task::TaskId;
use crate::wire::Reply;

const NAME: &str = concat!("luma-watch/", env!("CARGO_PKG_VERSION"));

/// How to reach the gateway over HTTP.
pub(crate) struct HttpConfig {
    pub(crate) api_key: String,
    pub(crate) base_url: String,
    pub(crate) endpoint: &'static Endpoint,
    pub(crate) client: Option<reqwest::Client>,
}

/// The gateway over HTTP.
pub(crate) struct Http {
    client: reqwest::Client,
    /// Made once, cloned for each poll: only the query differs.
    request: Request,
    id_parameter: &'static str,
    api_key: String,
    /// Whether the gateway has answered since the last repeat: there may be a kept connection that it has just closed.
    has_answered: AtomicBool,
}

impl Http {
    pub(crate) fn new(config: HttpConfig) -> Result<Self, Error> {
        let HttpConfig { api_key, base_url, endpoint, client } = config;
        let authorization = bearer(&api_key)?;
        let mut url = endpoint_url(&base_url, endpoint.path)?;
        let own = client.is_none();
        let client = match client {
            Some(client) => client,
            None => own_client(&url)?,
        };
        // So each clone has room for an id.
        url.query_pairs_mut().append_pair(endpoint.id_parameter, &"0".repeat(32));
        let mut request = Request::new(Method::GET, url);
        if own {
            // Set here once; the client would add it to each request.
            request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(NAME));
        }
        request.headers_mut().insert(AUTHORIZATION, authorization);
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        // A cache on the way may give an old record again and again, by which the task never ends.
        request.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        Ok(Self { client, request, id_parameter: endpoint.id_parameter, api_key, has_answered: AtomicBool::new(false) })
    }

    fn request(&self, id: &TaskId) -> Result<Request, Error> {
        // Only a streaming body cannot be cloned, and a GET has none.
        let mut request = self.request.try_clone().ok_or_else(|| Error::config("the request cannot be cloned"))?;
        let url = request.url_mut();
        url.query_pairs_mut().clear().append_pair(self.id_parameter, id.as_ref());
        if id.as_ref().contains(' ') {
            // A form writes `+` for a space, which not every reader of a URL knows.
            let query = url.query().unwrap_or_default().replace('+', "%20");
            url.set_query(Some(&query));
        }
        Ok(request)
    }

    async fn send(&self, id: &TaskId) -> Result<Response, Error> {
        // Each future in a statement of its own: in one expression the request would take up room while it is in flight.
        let first = self.client.execute(self.request(id)?);
        let error = match first.await {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        // The gateway closed a kept connection in the moment of its use: a GET can be sent again. Only once per answer, or a
        // gateway in trouble would get double traffic.
        if !is_unprocessed(&error) || !self.has_answered.swap(false, Ordering::Relaxed) {
            return Err(failure(error));
        }
        drop(error);
        let second = self.client.execute(self.request(id)?);
        second.await.map_err(failure)
    }

    /// Sends one request. Dropping the future aborts it.
    pub(crate) async fn fetch(&self, id: &TaskId) -> Result<Reply, Error> {
        let mut response = self.send(id).await?;
        self.has_answered.store(true, Ordering::Relaxed);
        let body = body(&mut response).await;
        let headers = std::mem::take(response.headers_mut());
        Ok(Reply { status: response.status().as_u16(), headers, body })
    }

    /// The key, to be taken out of what the gateway writes.
    pub(crate) fn api_key(&self) -> &str {
        &self.api_key
    }
}

async fn body(response: &mut Response) -> Result<Bytes, Error> {
    let length = response.content_length();
    if length.is_some_and(|length| length > MAX_BODY as u64) {
        return Err(too_long());
    }
    // Mostly a record comes in one piece, which is used without a copy.
    let Some(first) = chunk(response).await? else { return Ok(Bytes::new()) };
    if length == Some(first.len() as u64) {
        return Ok(first);
    }
    let Some(second) = chunk(response).await? else { return Ok(first) };
    let mut whole = BytesMut::from(first);
    let mut next = Some(second);
    while let Some(piece) = next {
        if whole.len().saturating_add(piece.len()) > MAX_BODY {
            return Err(too_long());
        }
        whole.extend_from_slice(&piece);
        next = chunk(response).await?;
    }
    Ok(whole.freeze())
}

async fn chunk(response: &mut Response) -> Result<Option<Bytes>, Error> {
    response.chunk().await.map_err(|error| {
        if error.is_timeout() {
            return failure(error);
        }
        cut_short().caused_by(error.without_url())
    })
}

/// The connection ended, or HTTP/2 gave the request back, after it was sent and before an answer came.
fn is_unprocessed(error: &reqwest::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    // The texts of hyper, and of h2 for a refused stream and for a GOAWAY without an error.
    const TEXTS: [&str; 3] =
        ["connection closed before message completed", "refused stream", "not a result of an error"];
    let says_so = |cause: &(dyn StdError + 'static)| {
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            return matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset);
        }
        let text = cause.to_string();
        TEXTS.iter().any(|part| text.contains(part))
    };
    !error.is_connect() && !error.is_timeout() && causes(error).any(says_so)
}

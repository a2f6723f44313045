//! Requests over HTTP, by reqwest.

use std::error::Error as StdError;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue, USER_AGENT};
use reqwest::{Method, Request, Response, Url};

use super::api_key::bearer;
use super::base_url::endpoint_url;
use super::body::{BodySum, body};
use super::failure::{causes, failure};
use super::own_client::own_client;
use super::redirect::within_origin;
use super::variation::Variation;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::task::TaskId;
use crate::wire::Reply;

const NAME: &str = concat!("luma-watch/", env!("CARGO_PKG_VERSION"));

/// How to reach the gateway over HTTP.
pub(crate) struct HttpConfig {
    /// `None`: each request has a key of its own.
    pub(crate) api_key: Option<String>,
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
    api_key: Option<String>,
    /// The user's own client follows redirects as it is set up to.
    follows_redirects: bool,
    bodies: BodySum,
    /// Whether the gateway has answered since the last repeat: there may be a kept connection that it has just closed.
    has_answered: AtomicBool,
    /// Whether it had answered before that repeat.
    had_answered: AtomicBool,
}

impl Http {
    pub(crate) fn new(config: HttpConfig) -> Result<Self, Error> {
        let HttpConfig { api_key, base_url, endpoint, client } = config;
        let authorization = api_key.as_deref().map(bearer).transpose()?;
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
        if let Some(authorization) = authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization);
        }
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        Ok(Self {
            client,
            request,
            id_parameter: endpoint.id_parameter,
            api_key,
            follows_redirects: own,
            bodies: BodySum::default(),
            has_answered: AtomicBool::new(false),
            had_answered: AtomicBool::new(false),
        })
    }

    fn request(&self, id: &TaskId, variation: Option<&Variation<'_>>) -> Result<Request, Error> {
        // Only a streaming body cannot be cloned, and a GET has none.
        let mut request = self.request.try_clone().ok_or_else(|| Error::config("the request cannot be cloned"))?;
        let url = request.url_mut();
        url.query_pairs_mut().clear().append_pair(self.id_parameter, id.as_ref());
        if id.as_ref().contains(' ') {
            // A form writes `+` for a space, which not every reader of a URL knows.
            let query = url.query().unwrap_or_default().replace('+', "%20");
            url.set_query(Some(&query));
        }
        if let Some(Variation { key, url }) = variation {
            if let Some(key) = key {
                request.headers_mut().insert(AUTHORIZATION, key.authorization.clone());
            }
            if let Some(url) = url {
                request.url_mut().clone_from(url);
            }
        }
        Ok(request)
    }

    async fn send(&self, id: &TaskId, variation: Option<&Variation<'_>>) -> Result<Response, Error> {
        // Each future in a statement of its own: in one expression the request would take up room while it is in flight.
        let first = self.client.execute(self.request(id, variation)?);
        let error = match first.await {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        // The gateway closed a kept connection in the moment of its use: a GET can be sent again. Only once per answer, or a
        // gateway in trouble would get double traffic.
        if !is_unprocessed(&error) || !self.has_answered.swap(false, Ordering::Relaxed) {
            return Err(failure(error, self.is_known()));
        }
        self.had_answered.store(true, Ordering::Relaxed);
        drop(error);
        let second = self.client.execute(self.request(id, variation)?);
        second.await.map_err(|error| failure(error, true))
    }

    /// Whether the gateway has ever answered.
    fn is_known(&self) -> bool {
        self.has_answered.load(Ordering::Relaxed) || self.had_answered.load(Ordering::Relaxed)
    }

    /// Sends one request. Dropping the future aborts it.
    pub(crate) async fn fetch(&self, id: &TaskId, variation: Option<&Variation<'_>>) -> Result<Reply, Error> {
        let mut response = self.send(id, variation).await?;
        self.has_answered.store(true, Ordering::Relaxed);
        let body = body(&mut response, &self.bodies).await;
        let headers = std::mem::take(response.headers_mut());
        Ok(Reply { status: response.status().as_u16(), headers, body })
    }

    /// Where the reply leads to, if it is a redirect that is followed.
    pub(crate) fn redirect(&self, id: &TaskId, reply: &Reply) -> Option<Url> {
        let request = self.follows_redirects.then(|| self.request(id, None))?.ok()?;
        within_origin(request.url(), reply.status, &reply.headers)
    }

    /// The key, to be taken out of what the gateway writes.
    pub(crate) fn api_key(&self) -> &str {
        self.api_key.as_deref().unwrap_or_default()
    }
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

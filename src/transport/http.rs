//! Requests over HTTP, by reqwest.

use std::error::Error as StdError;
use std::io;
use std::iter;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue, USER_AGENT};
use reqwest::{Method, Request, Response, Url, redirect};

use super::api_key::bearer;
use super::failure::{MAX_BODY, broken, cut_short, too_long};
use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind};
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

/// The endpoint's URL below the base URL, which is checked.
fn endpoint_url(base_url: &str, path: &str) -> Result<Url, Error> {
    // What is wrong is said without the URL: it may hold a password.
    let mut url = Url::parse(base_url.trim()).map_err(|error| {
        Error::config("the base URL is not a URL: it should look like https://api.apikley.ru").caused_by(error)
    })?;
    let host = url.host_str().unwrap_or_default().to_owned();
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&host) => {}
        "http" => {
            return Err(Error::config(format!(
                "the base URL is plain http to {host}: the API key would travel unencrypted (http is for loopback only)"
            )));
        }
        scheme => return Err(Error::config(format!("the base URL's scheme is {scheme}: use https"))),
    }
    if host.is_empty() || url.port() == Some(0) {
        return Err(Error::config("the base URL names no host, or port 0"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::config("the base URL holds a user name or password: leave it out"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Error::config("the base URL has a query or a fragment: leave it out"));
    }
    let path = format!("{}/{path}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    address.map_or_else(|_| host == "localhost", |address| address.is_loopback())
}

fn own_client(url: &Url) -> Result<reqwest::Client, Error> {
    if url.scheme() == "https" && !cfg!(any(feature = "rustls", feature = "native-tls")) {
        return Err(Error::config(
            "https needs the feature rustls or native-tls, or an http_client that brings its own TLS",
        ));
    }
    let mut builder = reqwest::Client::builder()
        .referer(false)
        .redirect(redirect::Policy::custom(within_origin))
        // reqwest copies each request in case HTTP/2 gives it back. `send` repeats those itself, and copies only then.
        .retry(reqwest::retry::never().max_retries_per_request(0))
        // Without pings, a dead HTTP/2 connection would fail every later poll.
        .http2_keep_alive_interval(Duration::from_secs(10))
        .http2_keep_alive_timeout(Duration::from_secs(5));
    // With both TLS features on, the default of this crate is used.
    #[cfg(feature = "rustls")]
    {
        builder = builder.tls_backend_rustls();
    }
    if url.host_str().is_some_and(is_loopback) {
        // The environment's proxies are for other hosts.
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| Error::config("the HTTP client cannot be set up").caused_by(error))
}

/// The key goes to the base URL's host only, so a redirect to another origin is not followed.
fn within_origin(attempt: redirect::Attempt<'_>) -> redirect::Action {
    const MAX_REDIRECTS: usize = 3;
    let previous = attempt.previous();
    let home = previous.first().map(Url::origin);
    if previous.len() <= MAX_REDIRECTS && home == Some(attempt.url().origin()) {
        attempt.follow()
    } else {
        attempt.stop()
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

/// The error of a request without a response.
fn failure(error: reqwest::Error) -> Error {
    let untrusted = causes(&error).any(|cause| cause.to_string().to_ascii_lowercase().contains("certificate"));
    let described = if error.is_timeout() {
        Error::new(ErrorKind::Timeout, "the HTTP client's own timeout")
    } else if error.is_builder() {
        Error::new(ErrorKind::InvalidRequest, "the HTTP client refuses it")
    } else if untrusted {
        Error::new(ErrorKind::Transport, "its TLS certificate is not trusted")
    } else if error.is_connect() {
        Error::new(ErrorKind::Transport, "no connection")
    } else {
        broken()
    };
    let described = described.caused_by(error.without_url());
    if untrusted { described.permanent() } else { described }
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

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    iter::successors(error.source(), |&cause| cause.source())
}

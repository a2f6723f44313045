//! Requests over HTTP, by reqwest.

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue, USER_AGENT};
use reqwest::{Method, Request, Response};

use super::api_key::bearer;
use super::base_url::endpoint_url;
use super::clients::{Clients, Sender};
use super::failure::{MAX_BODY, cut_short, failure, too_long};
use super::repeat::{Repeat, Repeats, is_misdirected};
use super::repeat_credit::RepeatCredit;
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
    /// The user's. `None`: the library's own.
    pub(crate) client: Option<reqwest::Client>,
    /// How many connections may be in use at once.
    pub(crate) max_in_flight: usize,
}

/// The gateway over HTTP.
pub(crate) struct Http {
    clients: Clients,
    /// Made once, cloned for each poll: only the query differs.
    request: Request,
    id_parameter: &'static str,
    api_key: String,
    credit: RepeatCredit,
}

impl Http {
    pub(crate) fn new(config: HttpConfig) -> Result<Self, Error> {
        let HttpConfig { api_key, base_url, endpoint, client, max_in_flight } = config;
        let authorization = bearer(&api_key)?;
        let mut url = endpoint_url(&base_url, endpoint.path)?;
        let own = client.is_none();
        let clients = Clients::new(client, &url)?;
        let credit = RepeatCredit::new(max_in_flight);
        // So each clone has room for an id.
        url.query_pairs_mut().append_pair(endpoint.id_parameter, &"0".repeat(32));
        let mut request = Request::new(Method::GET, url);
        if own {
            // Set here once; the client would add it to each request.
            request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(NAME));
        }
        request.headers_mut().insert(AUTHORIZATION, authorization);
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        Ok(Self { clients, request, id_parameter: endpoint.id_parameter, api_key, credit })
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
        let (sender, client) = self.clients.present()?;
        // Each future in a statement of its own: in one expression the request would take up room while it is in flight.
        let first = client.execute(self.request(id)?);
        drop(client);
        match first.await {
            Ok(response) if !is_misdirected(&response) => Ok(response),
            // Boxed: it is rare, and a poll in flight is to be small.
            result => Box::pin(self.repeat(id, sender, result)).await,
        }
    }

    /// Sends it again, as long as that makes sense.
    async fn repeat(
        &self,
        id: &TaskId,
        mut sender: Sender,
        mut result: reqwest::Result<Response>,
    ) -> Result<Response, Error> {
        let mut repeats = Repeats::default();
        while let Some(repeat) = repeats.next(&result, &self.credit) {
            drop(result);
            if repeat == Repeat::Afresh {
                self.clients.renew(sender)?;
            }
            let (next_sender, client) = self.clients.present()?;
            sender = next_sender;
            result = client.execute(self.request(id)?).await;
        }
        result.map_err(failure)
    }

    /// Sends one request. Dropping the future aborts it.
    pub(crate) async fn fetch(&self, id: &TaskId) -> Result<Reply, Error> {
        let mut response = self.send(id).await?;
        self.credit.add();
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
